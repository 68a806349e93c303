// Messages on their way. Stored first, sent in order, the next of a room only after the last was
// answered, always under the client_id and the `after` of the first try, so no resend can double it.

import { uuid } from "../lib/uuid.js";
import { Flight } from "./flight.js";
import { holdAlone } from "./lease.js";

/** The server stored nothing in this try, but asks to come again. */
const LATER = new Set(["rate_limited", "busy"]);
/** The outcome is not known. */
const OPEN = new Set(["unknown", "unavailable", "not_durable", "internal"]);

/**
 * @typedef {{type: "added" | "failed" | "retried" | "discarded", item: Sending}
 *   | {type: "acked", item: Sending, seq: number, at: string}} Change
 */

export class Outbox {
  #store;
  #person;
  /** @type {((change: Change) => void)[]} */ #listeners = [];
  #channel = new BroadcastChannel("chapiana-outbox");
  #flight;
  /** An earlier try of these may have been stored. @type {Set<string>} */ #unsure = new Set();
  /** @type {AbortController | null} */ #online = null;
  #flushing = false;
  #pumping = false;
  #wanted = false;
  /** Written by this tab and not stored yet, so that a reader of the list sees them too. */
  #writes = Promise.resolve();

  /**
   * @param {import("./outbox-store.js").OutboxStore} store
   * @param {string} person
   * @param {(frame: object) => boolean} send
   */
  constructor(store, person, send) {
    this.#store = store;
    this.#person = person;
    this.#flight = new Flight(send);
    this.#channel.addEventListener("message", (event) => {
      if (event.data.item.person !== person) return;
      this.#emit(event.data);
      void this.#pump();
    });
  }

  /** Changes, of this tab and of the others. @param {(change: Change) => void} act */
  listen(act) {
    this.#listeners.push(act);
  }

  /**
   * @param {string} room @param {number} after the head known now @param {Content} content
   * @returns {Sending} what was accepted; it is on the disk soon after
   */
  add(room, after, content) {
    const at = new Date().toISOString();
    /** @type {Sending} */
    const item = { person: this.#person, room, client_id: uuid(), after, order: 0, at, tried: false, ...content };
    this.#emit({ type: "added", item });
    this.#writes = this.#writes.then(async () => {
      await this.#store.add(item);
      this.#channel.postMessage({ type: "added", item });
      await this.#pump();
    });
    return item;
  }

  /** Everything not acknowledged, failed ones too. */
  async pending() {
    await this.#writes;
    return this.#store.all(this.#person);
  }

  /** The line is up: become the one who flushes, or wait for that. */
  online() {
    this.offline();
    const controller = new AbortController();
    this.#online = controller;
    holdAlone(`chapiana-outbox-${this.#person}`, controller.signal, async () => {
      for (const item of await this.pending()) if (item.tried) this.#unsure.add(item.client_id);
      this.#flushing = this.#online === controller;
      await this.#pump();
    });
  }

  /** The line is down: what was in flight may or may not be stored. */
  offline() {
    this.#online?.abort();
    this.#online = null;
    this.#flushing = false;
    for (const item of this.#flight.clear()) this.#unsure.add(item.client_id);
  }

  /** @param {Frames["ack"]} frame */
  async acked(frame) {
    const item = this.#flight.find(frame.client_id);
    if (!item) return;
    this.#flight.land(item);
    this.#unsure.delete(item.client_id);
    await this.#store.remove(item);
    this.#tell({ type: "acked", item, seq: frame.seq, at: frame.at });
    await this.#pump();
  }

  /** @param {Frames["error"]} frame @returns {boolean} whether it was about something sent from here */
  refused(frame) {
    const item = this.#flight.find(frame.ref);
    if (!item) return false;
    if (LATER.has(frame.code) || OPEN.has(frame.code)) {
      if (OPEN.has(frame.code)) this.#unsure.add(item.client_id);
      this.#flight.again(item, frame.retry_after_ms ?? 500);
    } else void this.#fail(item, frame.code);
    return true;
  }

  /** @param {Sending} item */
  async retry(item) {
    const next = { ...item, failed: undefined };
    await this.#store.update(next);
    this.#tell({ type: "retried", item: next });
    await this.#pump();
  }

  /** @param {Sending} item */
  async discard(item) {
    await this.#store.remove(item);
    this.#tell({ type: "discarded", item });
    await this.#pump();
  }

  /** Signing out: forgets what the person never sent. */
  async erase() {
    this.offline();
    for (const item of await this.pending()) await this.#store.remove(item);
  }

  /** Sends the first item of every room that has nothing in flight; one walk at a time. */
  async #pump() {
    this.#wanted = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#wanted && this.#flushing) {
        this.#wanted = false;
        const first = new Map();
        for (const item of await this.#store.all(this.#person)) if (!item.failed && !first.has(item.room)) first.set(item.room, item);
        for (const item of first.values()) if (this.#flushing && !this.#flight.has(item.room)) await this.#try(item);
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** @param {Sending} item */
  async #try(item) {
    this.#flight.reserve(item);
    if (!item.tried) {
      item.tried = true;
      await this.#store.update(item);
    }
    this.#flight.launch(item);
  }

  /** @param {Sending} item @param {string} code */
  async #fail(item, code) {
    const failed = this.#unsure.has(item.client_id) ? "unsure" : code;
    this.#flight.land(item);
    const next = { ...item, failed, tried: failed === "unsure" };
    if (item.kind === "post") await this.#store.update(next);
    else await this.#store.remove(item);
    this.#tell({ type: "failed", item: next });
    await this.#pump();
  }

  /** @param {Change} change */
  #tell(change) {
    this.#emit(change);
    this.#channel.postMessage(change);
  }

  /** @param {Change} change */
  #emit(change) {
    for (const act of this.#listeners) act(change);
  }
}
