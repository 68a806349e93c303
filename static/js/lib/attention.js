// Whether somebody is at this page: hands on it lately, or at least looking at it.

/** Without a hand on the page for so long, or out of sight for so long, nobody is there. */
const IDLE = 10 * 60_000;
const HIDDEN = 5 * 60_000;
const LOOK_EVERY = 30_000;

/** @param {(here: boolean) => void} changed */
export function watchAttention(changed) {
  let here = true;
  let touched = Date.now();
  let hidden = document.visibilityState === "visible" ? 0 : touched;
  const look = () => {
    const now = Date.now();
    const is = now - touched < IDLE && (!hidden || now - hidden < HIDDEN);
    if (is === here) return;
    here = is;
    changed(here);
  };
  const touch = () => {
    touched = Date.now();
    if (!here) look();
  };
  for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) addEventListener(type, touch, { passive: true, capture: true });
  document.addEventListener("visibilitychange", () => {
    hidden = document.visibilityState === "visible" ? 0 : Date.now();
    if (!hidden) touch();
  });
  setInterval(look, LOOK_EVERY);
}
