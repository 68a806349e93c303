// One flusher per browser: a Web Lock, or where there is none (plain HTTP) a lease in localStorage.

const LEASE = 4_000;

/**
 * Runs `work` while this tab alone holds the name, until `until` is aborted.
 * @param {string} name
 * @param {AbortSignal} until
 * @param {() => Promise<void> | void} work
 */
export function holdAlone(name, until, work) {
  const locks = /** @type {LockManager | undefined} */ (navigator.locks);
  if (!locks) {
    holdLease(name, until, work);
    return;
  }
  locks
    .request(name, { signal: until }, async () => {
      await work();
      await ended(until);
    })
    .catch(() => undefined);
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
const ended = (signal) =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));

/** @param {string} name @param {AbortSignal} until @param {() => Promise<void> | void} work */
function holdLease(name, until, work) {
  const mine = Math.random().toString(36).slice(2);
  let working = false;
  const beat = () => {
    const [holder, at] = (localStorage.getItem(name) ?? "").split(" ");
    const free = !holder || holder === mine || Date.now() - Number(at) > LEASE;
    if (!free) return;
    localStorage.setItem(name, `${mine} ${Date.now()}`);
    // The tab that wrote last holds it; whoever lost sees that in the next beat, before its first work.
    if (holder === mine && !working) {
      working = true;
      void work();
    }
  };
  beat();
  const timer = setInterval(beat, LEASE / 4);
  until.addEventListener("abort", () => {
    clearInterval(timer);
    if (localStorage.getItem(name)?.startsWith(mine)) localStorage.removeItem(name);
  });
}
