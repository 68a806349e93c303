// All changes of the scroll position go through here, so that none fights another.

/** So near the end counts as at the end (a rounding of the browser, not a look back). */
const SLACK = 2;

export class ScrollKeeper {
  #view;
  #stuck = true;

  /** @param {HTMLElement} view */
  constructor(view) {
    this.#view = view;
    view.addEventListener("scroll", () => {
      this.#stuck = this.atEnd();
    });
    // Late pictures, a growing composer, a turned phone: who was at the end stays there.
    const observer = new ResizeObserver(() => this.#stuck && this.toEnd());
    observer.observe(view);
    if (view.firstElementChild) observer.observe(view.firstElementChild);
  }

  /** Pixels below the visible part. */
  get below() {
    return this.#view.scrollHeight - this.#view.scrollTop - this.#view.clientHeight;
  }

  atEnd() {
    return this.below <= SLACK;
  }

  toEnd() {
    this.#stuck = true;
    this.#view.scrollTop = this.#view.scrollHeight;
  }

  /**
   * Changes the content without moving what is read: at the end it stays at the end, elsewhere the
   * first visible item stays on its pixel.
   * @param {() => void} change
   */
  keep(change) {
    if (this.#stuck) {
      change();
      this.toEnd();
      return;
    }
    this.anchored(change);
  }

  /** The same, even at the end. @param {() => void} change */
  anchored(change) {
    const anchor = this.firstVisible();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    const scrolled = this.#view.scrollTop;
    change();
    if (anchor?.isConnected) {
      const moved = anchor.getBoundingClientRect().top - before;
      if (moved) this.#view.scrollTop += moved;
    } else if (!anchor) this.#view.scrollTop = scrolled;
    this.#stuck = this.atEnd();
  }

  /** @returns {HTMLElement | null} */
  firstVisible() {
    const top = this.#view.getBoundingClientRect().top;
    for (const item of this.#view.querySelectorAll(".timeline-column > [data-seq]"))
      if (item instanceof HTMLElement && item.getBoundingClientRect().bottom > top + 1) return item;
    return null;
  }

  /** The place of the last item that is visible as a whole, 0 if none is. @returns {number} */
  lastVisible() {
    const box = this.#view.getBoundingClientRect();
    let seq = 0;
    for (const item of this.#view.querySelectorAll(".timeline-column > [data-seq]:not([data-client-pending])")) {
      if (!(item instanceof HTMLElement)) continue;
      const its = item.getBoundingClientRect();
      if (its.bottom > box.bottom + 4) break;
      if (its.bottom > box.top) seq = Number(item.dataset.seq);
    }
    return seq;
  }

  /** Brings an item into view: a divider near the top, a message in the middle. @param {Element} item @param {"start" | "center"} block */
  show(item, block) {
    this.#stuck = false;
    item.scrollIntoView({ block, behavior: "instant" });
    this.#stuck = this.atEnd();
  }
}
