// What was begun in each room, kept in localStorage and shared by the tabs.

const PREFIX = "chapiana-draft";

export class Drafts {
  #person;
  /** @param {string} person */
  constructor(person) {
    this.#person = person;
  }

  /** @param {string} room */
  #key(room) {
    return `${PREFIX} ${this.#person} ${room}`;
  }

  /** @param {string} room */
  get(room) {
    return localStorage.getItem(this.#key(room)) ?? "";
  }

  /** @param {string} room @param {string} text */
  set(room, text) {
    try {
      if (text.trim()) localStorage.setItem(this.#key(room), text);
      else localStorage.removeItem(this.#key(room));
    } catch {
      // Full or denied: the text stays in the field, which is all that can be done.
    }
  }

  /** The rooms with a draft. @returns {Set<string>} */
  rooms() {
    const start = this.#key("");
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(start));
    return new Set(keys.map((key) => key.slice(start.length)));
  }

  /** Signing out: nothing of this person stays in the browser. */
  erase() {
    for (const room of this.rooms()) localStorage.removeItem(this.#key(room));
  }
}
