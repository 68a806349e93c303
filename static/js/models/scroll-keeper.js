// All changes of the scroll position go through here, so that none fights another.

/** So near the end counts as at the end (a rounding of the browser, not a look back). */
const SLACK = 2;

export class ScrollKeeper {
  #view;
  #atEnd = true;
  /** Where the view stood when that was known. */
  #known = 0;

  /** @param {HTMLElement} view */
  constructor(view) {
    this.#view = view;
    view.addEventListener("scroll", () => void this.#stuck);
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
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#atEnd = true;
    this.#known = this.#view.scrollTop;
  }

  /**
   * Whether the reader stays with the end. The browser tells of a scroll only with its next frame, which on a
   * busy machine is late: who has left the end meanwhile must not be taken back to it. And who did not scroll
   * is still there when the content has grown.
   */
  get #stuck() {
    if (this.#view.scrollTop !== this.#known) this.#judge();
    return (this.#atEnd ||= this.atEnd());
  }

  #judge() {
    this.#atEnd = this.atEnd();
    this.#known = this.#view.scrollTop;
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
    this.#judge();
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
    item.scrollIntoView({ block, behavior: "instant" });
    this.#judge();
  }
}
