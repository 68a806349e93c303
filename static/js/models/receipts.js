// Watermarks of the members, and what they say about one message.

export class Receipts {
  /** @type {Map<string, {read: number, delivered: number}>} */ #marks = new Map();
  #me;
  /** @param {string} me */
  constructor(me) {
    this.#me = me;
  }

  /** Watermarks only rise here: a late frame must not take back what was shown. @param {Mark[]} marks */
  take(marks) {
    for (const { user, read, delivered } of marks) {
      const known = this.#marks.get(user) ?? { read: 0, delivered: 0 };
      this.#marks.set(user, { read: Math.max(known.read, read), delivered: Math.max(known.delivered, delivered, read) });
    }
  }

  /** @param {string} user */
  drop(user) {
    this.#marks.delete(user);
  }

  /**
   * Of the others: who has read it, and who has it only on a device.
   * @param {number} seq
   */
  people(seq) {
    const others = [...this.#marks].filter(([user]) => user !== this.#me);
    const ids = (/** @type {(mark: {read: number, delivered: number}) => boolean} */ fits) => others.filter(([, mark]) => fits(mark)).map(([user]) => user);
    return { seen: ids((mark) => mark.read >= seq), delivered: ids((mark) => mark.read < seq && mark.delivered >= seq) };
  }

  /**
   * Of the others: how many there are, have it on a device, have read it.
   * @param {number} seq
   */
  of(seq) {
    let others = 0;
    let delivered = 0;
    let seen = 0;
    for (const [user, mark] of this.#marks) {
      if (user === this.#me) continue;
      others += 1;
      if (mark.delivered >= seq) delivered += 1;
      if (mark.read >= seq) seen += 1;
    }
    return { others, delivered, seen };
  }
}
