// A small grid of emoji beside the button that asked for it.

import { build, closest, findAll } from "../lib/dom.js";
import { text } from "../lib/l10n.js";

const EMOJI = [..."👍👎👏🙏🎉🚀👀✅❌❓💡🔥😀😂😊😍🤔😮😢😡😎🙌💪👋🤝🌊⚡🌙🐛🍀🍕☕🎂🏁📌"];
const COLUMNS = 7;

/**
 * @param {HTMLElement} anchor
 * @param {(emoji: string) => void} choose
 */
export function pickEmoji(anchor, choose) {
  const back = document.activeElement;
  const grid = build("div", { class: "emoji-grid", role: "group", "aria-label": text("emoji") });
  for (const emoji of EMOJI) grid.append(build("button", { type: "button", "aria-label": emoji, tabindex: -1 }, emoji));
  const made = build("div", { class: "menu emoji-picker", popover: "auto", role: "dialog", "aria-label": text("emoji") }, grid);
  const cells = findAll("button", grid);
  grid.style.gridTemplateColumns = `repeat(${COLUMNS}, 1fr)`;
  document.body.append(made);
  made.showPopover();
  place(made, anchor);
  cells[0]?.setAttribute("tabindex", "0");
  cells[0]?.focus();
  made.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    made.remove();
    if (document.activeElement === document.body && back instanceof HTMLElement) back.focus({ preventScroll: true });
  });
  grid.addEventListener("click", (event) => {
    const emoji = closest(event, "button")?.textContent;
    if (!emoji) return;
    made.hidePopover();
    choose(emoji);
  });
  grid.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
    const at = cells.findIndex((it) => it === document.activeElement);
    const next = step ? cells[at + step * (document.dir === "rtl" && Math.abs(step) === 1 ? -1 : 1)] : null;
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

/** Beside the anchor, inside the window. @param {HTMLElement} made @param {HTMLElement} anchor */
export function place(made, anchor) {
  const box = anchor.getBoundingClientRect();
  Object.assign(made.style, { position: "fixed", margin: "0", inset: "auto" });
  const { offsetWidth: width, offsetHeight: height } = made;
  const left = Math.max(8, Math.min(box.right - width, innerWidth - width - 8));
  const above = box.top - height - 8;
  const top = above > 8 ? above : Math.min(box.bottom + 8, innerHeight - height - 8);
  Object.assign(made.style, { left: `${left}px`, top: `${Math.max(8, top)}px` });
}
