// At most one message of each room is under way, until it is answered, tried again or the line breaks.

const ANSWER_WITHIN = 20_000;
const SLOWEST = 5_000;

export class Flight {
  #send;
  /** @type {Map<string, {item: Sending, timer: number, tries: number}>} */ #rooms = new Map();

  /** @param {(frame: object) => boolean} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {string} room */
  has(room) {
    return this.#rooms.has(room);
  }

  /** @param {string | undefined} id @returns {Sending | undefined} */
  find(id) {
    return [...this.#rooms.values()].find(({ item }) => item.client_id === id)?.item;
  }

  /** The room is taken, though nothing was sent yet. @param {Sending} item */
  reserve(item) {
    this.#rooms.set(item.room, { item, timer: 0, tries: 0 });
  }

  /** @param {Sending} item */
  launch(item) {
    const flown = this.#rooms.get(item.room);
    if (flown?.item.client_id !== item.client_id) return;
    clearTimeout(flown.timer);
    flown.timer = window.setTimeout(() => this.again(item, 0), ANSWER_WITHIN);
    const { client_id, room, after, kind, body, target, reply_to, emoji } = item;
    this.#send({ t: "send", ref: client_id, client_id, room, after, kind, body, target, reply_to, emoji });
  }

  /** The same again, a little later each time. @param {Sending} item @param {number} wait */
  again(item, wait) {
    const flown = this.#rooms.get(item.room);
    if (flown?.item.client_id !== item.client_id) return;
    flown.tries += 1;
    clearTimeout(flown.timer);
    const jitter = Math.random() * Math.min(SLOWEST, 100 * 2 ** flown.tries);
    flown.timer = window.setTimeout(() => this.launch(item), wait + jitter);
  }

  /** @param {Sending} item */
  land(item) {
    clearTimeout(this.#rooms.get(item.room)?.timer);
    this.#rooms.delete(item.room);
  }

  /** The line broke: what was under way. @returns {Sending[]} */
  clear() {
    const items = [...this.#rooms.values()].map(({ item, timer }) => {
      clearTimeout(timer);
      return item;
    });
    this.#rooms.clear();
    return items;
  }
}
