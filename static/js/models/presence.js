// Who is there: whom this page asks about, what the server says of them, and what it is told of us.

/** What the server lets one connection watch, and how often it hears: a few at once, then one in a while. */
const WATCH_MOST = 200;
const AT_ONCE = 4;
const ONE_EACH = 5_500;
/** Changes of a moment go together; those who are only no longer on view can wait. */
const TOGETHER = 250;
const LATER = 10_000;

/** @typedef {"active" | "away" | "dnd" | "offline"} State */

export class Presence {
  /** @type {Map<string, State>} */ #states = new Map();
  /** @type {string[]} */ #wanted = [];
  /** @type {Set<string>} */ #watched = new Set();
  /** @type {"active" | "away"} */ #mine = "active";
  /** @type {string | null} */ #told = null;
  #live = false;
  #left = AT_ONCE;
  #counted = 0;
  #timer = 0;
  #due = Infinity;
  #send;
  #changed;

  /** @param {(frame: object) => boolean} send @param {() => void} changed called when a state that is shown may differ */
  constructor(send, changed) {
    this.#send = send;
    this.#changed = changed;
  }

  /** @param {string} user @returns {State | undefined} nothing while it is not known */
  of(user) {
    return this.#states.get(user);
  }

  /** Whom to ask about from now on, the most important first. @param {Iterable<string>} users */
  want(users) {
    this.#wanted = [...new Set(users)].slice(0, WATCH_MOST);
    if (this.#wanted.some((user) => !this.#watched.has(user))) this.#plan(TOGETHER);
    else if (this.#wanted.length < this.#watched.size) this.#plan(LATER);
  }

  /** What we are. @param {"active" | "away"} state */
  say(state) {
    this.#mine = state;
    this.#plan(0);
  }

  /** The line stands: this connection has told nothing yet. */
  online() {
    this.#live = true;
    this.#left = AT_ONCE;
    this.#counted = Date.now();
    this.again(0);
  }

  offline() {
    this.#live = false;
  }

  /** What was told last may not have been heard. @param {number} wait */
  again(wait) {
    this.#told = null;
    this.#watched.clear();
    this.#plan(wait);
  }

  /** @param {Record<string, State>} users */
  take(users) {
    for (const [user, state] of Object.entries(users)) if (this.#watched.has(user)) this.#states.set(user, state);
    this.#changed();
  }

  /** Nothing is known any more. */
  forget() {
    this.#states.clear();
    this.#changed();
  }

  /** Sends what differs, not before `wait` ms have passed and the server will hear it. @param {number} wait */
  #plan(wait) {
    const due = Date.now() + wait;
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.#due = Infinity;
      this.#tell();
    }, wait);
  }

  #tell() {
    const same = this.#wanted.length === this.#watched.size && this.#wanted.every((user) => this.#watched.has(user));
    if (!this.#live || (same && this.#told === this.#mine)) return;
    const wait = this.#spend();
    if (wait) {
      this.#plan(wait);
      return;
    }
    if (!this.#send({ t: "presence", state: this.#mine, ...(same ? {} : { watch: this.#wanted }) })) return;
    this.#told = this.#mine;
    this.#watched = new Set(this.#wanted);
    for (const user of this.#states.keys()) if (!this.#watched.has(user)) this.#states.delete(user);
  }

  /** Takes one of the frames that the server hears now. @returns {number} how long to wait if there is none */
  #spend() {
    const gained = Math.max(0, Math.floor((Date.now() - this.#counted) / ONE_EACH));
    this.#left = Math.min(AT_ONCE, this.#left + gained);
    this.#counted = this.#left === AT_ONCE ? Date.now() : this.#counted + gained * ONE_EACH;
    if (this.#left < 1) return this.#counted + ONE_EACH - Date.now();
    this.#left -= 1;
    return 0;
  }
}
