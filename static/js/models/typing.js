// Who types: hints with an end, and when to tell the others.

const TELL_EVERY = 3_000;

export class Typing {
  /** @type {Map<string, number>} */ #until = new Map();
  #told = 0;
  #timer = 0;
  #changed;

  /** @param {() => void} changed called when the list of typing people may differ */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string[]} users @param {number} expires */
  heard(users, expires) {
    this.#until = new Map(users.map((user) => [user, Date.now() + expires]));
    clearTimeout(this.#timer);
    if (users.length) this.#timer = window.setTimeout(this.#changed, expires + 50);
    this.#changed();
  }

  /** A message of theirs ends their typing at once. @param {string | null} user */
  wrote(user) {
    if (user && this.#until.delete(user)) this.#changed();
  }

  /** @returns {string[]} */
  users() {
    const now = Date.now();
    return [...this.#until].filter(([, until]) => until > now).map(([user]) => user);
  }

  /** Whether the server should hear now of a change of the composer. @param {boolean} on */
  shouldTell(on) {
    const now = Date.now();
    if (on ? now - this.#told < TELL_EVERY : this.#told === 0) return false;
    this.#told = on ? now : 0;
    return true;
  }
}
