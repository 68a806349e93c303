import { find } from "./dom.js";

/** The place of an item in its room. @param {Element | null | undefined} item */
export const seqOf = (item) => Number(item instanceof HTMLElement ? item.dataset.seq : 0) || 0;

/** The items of a timeline that the server rendered, in order. @param {Element} column */
export function items(column) {
  return /** @type {HTMLElement[]} */ ([...column.children].filter((it) => it instanceof HTMLElement && seqOf(it) > 0 && !it.dataset.clientPending));
}

/** @param {Element} column @param {number} seq @returns {HTMLElement | null} */
export const itemAt = (column, seq) => find(`:scope > [data-seq="${seq}"]:not([data-client-pending])`, column);

/**
 * Puts items at their places; one that is there already is replaced.
 * @param {Element} column
 * @param {DocumentFragment} fragment
 * @returns {HTMLElement[]} what was put
 */
export function insert(column, fragment) {
  const put = /** @type {HTMLElement[]} */ ([...fragment.children].filter((it) => seqOf(it) > 0));
  for (const item of put) {
    const old = itemAt(column, seqOf(item));
    if (old) old.replaceWith(item);
    else place(column, item);
  }
  return put;
}

/** @param {Element} column @param {HTMLElement} item */
function place(column, item) {
  const seq = seqOf(item);
  // New items nearly always come last, so look from the end; pending ones stay below everything.
  /** @type {Element | null} */
  let before = null;
  for (let at = column.lastElementChild; at; at = at.previousElementSibling) {
    const its = at instanceof HTMLElement && !at.dataset.clientPending ? seqOf(at) : 0;
    if (its > 0 && its < seq) {
      at.after(item);
      return;
    }
    if (its > seq) before = at;
  }
  if (before) before.before(item);
  else {
    const pending = find(":scope > [data-client-pending]", column);
    if (pending) pending.before(item);
    else column.append(item);
  }
}

/** The seq that an entry frame aims at. @param {EntryFrame} frame */
export function targetOf(frame) {
  const { target } = frame;
  if (typeof target === "number") return target;
  return target ? Number(target.replace(/^\D+/, "")) || 0 : 0;
}
