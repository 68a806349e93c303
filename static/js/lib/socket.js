// The connection: hello, resume, liveness, jittered backoff. Knows nothing of rooms but their cursors.

/** Closed for a reason that goes away by itself. */
const PASSING = new Set([1001, 1005, 1006, 1011, 1012, 1013, 4008]);
const PING_EVERY = 20_000;
const PONG_WITHIN = 8_000;
const SLOWEST = 15_000;

/** @typedef {"connecting" | "live" | "waiting" | "ended"} State */

export class Socket {
  /** @type {WebSocket | null} */ #ws = null;
  #listeners = new Map();
  #tries = 0;
  #timer = 0;
  #ping = 0;
  #deadline = 0;
  #pings = 0;
  #hint = 0;
  /** @type {() => Record<string, number>} */ #cursors;
  /** @type {State} */ state = "connecting";

  /** @param {() => Record<string, number>} cursors the rooms to watch and what is known of each */
  constructor(cursors) {
    this.#cursors = cursors;
    addEventListener("online", () => this.check());
    addEventListener("offline", () => this.check());
    addEventListener("pageshow", () => this.check());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.check());
    document.addEventListener("resume", () => this.check());
  }

  /**
   * @template {keyof Frames} K
   * @overload
   * @param {K} type @param {(frame: Frames[K]) => void} act @returns {void}
   */
  /**
   * @overload
   * @param {"state"} type @param {(state: State, code: number) => void} act @returns {void}
   */
  /** @param {string} type @param {(...args: any[]) => void} act */
  on(type, act) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, []);
    this.#listeners.get(type).push(act);
  }

  /** Opens now, whatever the backoff says. */
  open() {
    clearTimeout(this.#timer);
    if (this.#ws) return;
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const ws = new WebSocket(url, "chapiana.v1");
    this.#ws = ws;
    this.#expect(12_000);
    ws.addEventListener("open", () => this.send({ t: "hello", format: "html", device: "browser", cursors: this.#cursors() }));
    ws.addEventListener("message", (event) => this.#ws === ws && this.#receive(event.data));
    ws.addEventListener("close", (event) => this.#ws === ws && this.#closed(event.code));
  }

  /** @param {object | object[]} frame @returns {boolean} whether the line took it */
  send(frame) {
    if (this.#ws?.readyState !== WebSocket.OPEN) return false;
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  get live() {
    return this.state === "live";
  }

  /** After sleep or a change of network: is the line still there? */
  check() {
    if (this.state === "ended") return;
    if (!this.#ws) this.open();
    else if (this.live) this.#sendPing(2_500);
  }

  /** @param {string} data */
  #receive(data) {
    clearTimeout(this.#deadline);
    const got = JSON.parse(data);
    for (const frame of Array.isArray(got) ? got : [got]) this.#take(frame);
  }

  /** @param {Frame} frame */
  #take(frame) {
    if (frame.t === "welcome") {
      this.#tries = 0;
      this.#hint = 0;
      clearInterval(this.#ping);
      this.#ping = window.setInterval(() => this.#sendPing(PONG_WITHIN), PING_EVERY);
      this.#emit("welcome", frame);
      this.#become("live", 0);
      return;
    }
    if (frame.t === "bye") this.#hint = frame.retry_after_ms;
    this.#emit(frame.t, frame);
  }

  /** @param {number} wait */
  #sendPing(wait) {
    if (!this.send({ t: "ping", n: (this.#pings += 1) })) return;
    this.#expect(wait);
  }

  /** Without a word within `wait` ms the line counts as cut. @param {number} wait */
  #expect(wait) {
    clearTimeout(this.#deadline);
    this.#deadline = window.setTimeout(() => {
      this.#ws?.close();
      this.#closed(1006);
    }, wait);
  }

  /** @param {number} code */
  #closed(code) {
    this.#ws = null;
    clearInterval(this.#ping);
    clearTimeout(this.#deadline);
    if (!PASSING.has(code)) {
      this.#become("ended", code);
      return;
    }
    const ceiling = Math.min(SLOWEST, 400 * 2 ** this.#tries);
    const wait = Math.max(this.#hint, 100) + Math.random() * ceiling;
    this.#tries += 1;
    this.#hint = 0;
    this.#timer = window.setTimeout(() => this.open(), wait);
    this.#become("waiting", code);
  }

  /** @param {State} state @param {number} code */
  #become(state, code) {
    this.state = state;
    this.#emit("state", state, code);
  }

  /** @param {string} type @param {...unknown} args */
  #emit(type, ...args) {
    for (const act of this.#listeners.get(type) ?? []) act(...args);
  }
}
