// Names and pictures of the people on the page, kept fresh by `user` frames.

import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";

export class People {
  /** @type {Map<string, Person>} */ #known = new Map();
  /** @type {Set<string>} */ #asked = new Set();

  /** @param {Iterable<Person>} people */
  learn(people) {
    for (const person of people) this.#known.set(person.id, { ...this.#known.get(person.id), ...person });
  }

  /** @param {string} id */
  get(id) {
    return this.#known.get(id);
  }

  /** @returns {Person[]} */
  all() {
    return [...this.#known.values()];
  }

  /** A name to show now; one that is not known is asked for. @param {string} id @param {() => void} [later] */
  name(id, later) {
    const known = this.#known.get(id);
    if (known) return known.name;
    if (!this.#asked.has(id)) {
      this.#asked.add(id);
      api(`/users/${id}`).then(
        (person) => {
          this.learn([person]);
          later?.();
        },
        () => undefined,
      );
    }
    return text("someone");
  }
}
