// Older and newer items over HTTP, one request at a time, and which ends are reached.

import { markup } from "../lib/http.js";

/** @typedef {"before" | "after" | "around"} Side */

export class Paginator {
  #room;
  #busy = false;
  #turn = 0;
  older;
  newer;

  /** @param {string} room @param {boolean} older @param {boolean} newer whether there is more on each side */
  constructor(room, older, newer) {
    this.#room = room;
    this.older = older;
    this.newer = newer;
  }

  get busy() {
    return this.#busy;
  }

  /**
   * @param {Side} side @param {number} seq @param {number} head what is known here: nothing comes as it was before
   * @returns {Promise<string | null>} markup, "" at the end of the room, null if it is not to be had now
   */
  async load(side, seq, head) {
    return this.#busy ? null : this.jump(side, seq, head);
  }

  /**
   * The same for what is to stand in place of all that is shown: a page under way is not wanted any more.
   * @param {Side} side @param {number} seq @param {number} head @returns {Promise<string | null>}
   */
  async jump(side, seq, head) {
    const turn = (this.#turn += 1);
    this.#busy = true;
    try {
      const html = await markup(`/r/${this.#room}/items?${side}=${seq}&min=${head}`);
      if (turn !== this.#turn) return null;
      if (html !== null && !html.trim()) {
        if (side === "before") this.older = false;
        if (side === "after") this.newer = false;
      }
      return html === null ? null : html.trim();
    } finally {
      if (turn === this.#turn) this.#busy = false;
    }
  }
}
