// The open room: entries to their places, pages on both sides, the latest and the way back to it.

import { insert, itemAt, items, seqOf, targetOf } from "../lib/apply.js";
import { build, find, throttle } from "../lib/dom.js";
import { parse } from "../lib/html.js";
import { isMe } from "../lib/page.js";
import { Paginator } from "../models/paginator.js";
import { ScrollKeeper } from "../models/scroll-keeper.js";
import { arrange, markNew, personalise } from "./decorate.js";

const MOST = 300;
const NEAR = 800;

export class Timeline {
  view;
  column;
  room;
  keeper;
  pages;
  /** The state of the room that is known here. */
  head;
  /** Messages of others below what is seen, up to `#seen`. */
  unseen = 0;
  #seen = 0;
  /** @type {((fresh: HTMLElement[]) => void)[]} */ #changed = [];

  /** @param {HTMLElement} view @param {RoomData} room */
  constructor(view, room) {
    this.view = view;
    this.room = room;
    this.head = room.head;
    this.column = find(".timeline-column", view) ?? view.appendChild(build("div", { class: "timeline-column" }));
    this.keeper = new ScrollKeeper(view);
    this.pages = new Paginator(room.id, room.older ?? true, room.newer ?? false);
    view.addEventListener("scroll", throttle(100, () => this.#page()));
    view.addEventListener("wheel", () => this.#page(), { passive: true });
  }

  /** First paint: divider, target or end in view. */
  open() {
    const { read, unread = 0, target } = this.room;
    const all = items(this.column);
    personalise(all);
    const line = markNew(this.column, read, unread);
    arrange(this.column);
    const aim = target ? itemAt(this.column, target) : null;
    if (aim) this.point(aim);
    else {
      this.keeper.toEnd();
      if (line && line.getBoundingClientRect().top < this.view.getBoundingClientRect().top + 24) this.keeper.show(line, "start");
    }
    this.#seen = read;
    this.unseen = unread;
    this.look();
    this.#tell(all);
    this.#page();
  }

  /** Counts what has come into view meanwhile as seen. */
  look() {
    if (this.keeper.atEnd() && !this.pages.newer) {
      this.#seen = this.head;
      this.unseen = 0;
    }
    const last = this.unseen ? this.keeper.lastVisible() : 0;
    if (last <= this.#seen) return;
    const passed = items(this.column).filter((it) => seqOf(it) > this.#seen && seqOf(it) <= last);
    this.unseen = Math.max(0, this.unseen - passed.filter((it) => it.matches(".message:not([data-mine])")).length);
    this.#seen = last;
  }

  /** Called with the items that came or changed. @param {(fresh: HTMLElement[]) => void} act */
  onChange(act) {
    this.#changed.push(act);
  }

  /** Changes by others (pending ones) that must keep the scroll position. @param {() => void} change */
  change(change) {
    this.keeper.keep(() => {
      change();
      arrange(this.column);
    });
    this.#tell([]);
  }

  /** @param {EntryFrame} frame */
  receive(frame) {
    if (frame.seq <= this.head) return;
    this.head = frame.seq;
    const target = targetOf(frame);
    if (frame.op === "add" && this.pages.newer) {
      if (frame.kind === "post" && !isMe(frame.by)) this.unseen += 1;
      this.#tell([]);
      return;
    }
    if (frame.op === "remove") this.change(() => itemAt(this.column, target)?.remove());
    if (frame.op === "replace" && !itemAt(this.column, target)) return;
    if (!frame.html || (frame.op !== "add" && frame.op !== "replace")) return;
    const atEnd = this.keeper.atEnd();
    const fresh = this.#put(frame.html, "keep");
    if (frame.op === "add") {
      for (const item of fresh) item.toggleAttribute("data-new", atEnd && document.hasFocus() && !isMe(frame.by));
      if (!this.keeper.atEnd() && frame.kind === "post" && !isMe(frame.by)) this.unseen += 1;
      this.#trim("top");
    }
    this.#tell(fresh);
  }

  /** The server could not tell all that was missed: read it anew. @param {number} head */
  async reset(head) {
    this.head = Math.max(this.head, head);
    if (this.pages.newer) return;
    if (this.keeper.atEnd()) await this.toLatest();
    else {
      const seen = seqOf(this.keeper.firstVisible());
      if (seen) await this.goTo(seen);
    }
  }

  /** Shows an item, from the server if it is not here. @param {number} seq @returns {Promise<HTMLElement | null>} */
  async goTo(seq) {
    if (!itemAt(this.column, seq)) {
      const html = await this.pages.jump("around", seq, this.head);
      if (html) {
        this.#replaceAll(html);
        this.pages.older = true;
        this.pages.newer = true;
      }
    }
    return itemAt(this.column, seq);
  }

  /** @param {HTMLElement} item */
  point(item) {
    find("[data-target]", this.column)?.removeAttribute("data-target");
    item.setAttribute("data-target", "");
    this.keeper.show(item, "center");
    item.focus({ preventScroll: true });
  }

  async toLatest() {
    find("[data-target]", this.column)?.removeAttribute("data-target");
    const html = this.pages.newer || !items(this.column).length ? await this.pages.jump("before", this.head + 1, this.head) : "";
    if (html === null) return;
    if (html) {
      this.#replaceAll(html);
      this.pages.older = true;
      this.pages.newer = false;
    }
    this.unseen = 0;
    this.keeper.toEnd();
    this.#tell([]);
  }

  /** @param {string} html */
  #replaceAll(html) {
    for (const item of items(this.column)) item.remove();
    const fresh = this.#put(html, "anchored");
    this.#tell(fresh);
  }

  /** @param {string} html @param {"keep" | "anchored"} how @returns {HTMLElement[]} */
  #put(html, how) {
    /** @type {HTMLElement[]} */
    let fresh = [];
    this.keeper[how](() => {
      const focused = seqOf(document.activeElement?.closest("[data-seq]"));
      fresh = insert(this.column, parse(html));
      personalise(fresh);
      arrange(this.column);
      if (focused && document.activeElement === document.body) itemAt(this.column, focused)?.focus({ preventScroll: true });
    });
    return fresh;
  }

  /** Loads more when an end comes near. */
  async #page() {
    const all = items(this.column);
    const first = all[0];
    const last = all.at(-1);
    if (!first || !last || this.pages.busy) return;
    const side = this.pages.older && this.view.scrollTop < NEAR ? "before" : this.pages.newer && this.keeper.below < NEAR ? "after" : null;
    if (!side) return;
    const html = await this.pages.load(side, seqOf(side === "before" ? first : last), this.head);
    if (html) {
      const fresh = this.#put(html, "anchored");
      this.#trim(side === "before" ? "bottom" : "top");
      this.#tell(fresh);
    }
    if (html !== null) await this.#page();
  }

  /** Drops what is far from the eye, so that a long evening stays light. @param {"top" | "bottom"} end */
  #trim(end) {
    const all = items(this.column);
    const extra = all.length - MOST;
    if (extra <= 0) return;
    this.keeper.keep(() => {
      for (const item of end === "top" ? all.slice(0, extra) : all.slice(-extra)) item.remove();
      if (find("#new", this.column)?.nextElementSibling === null) find("#new", this.column)?.remove();
      arrange(this.column);
    });
    if (end === "top") this.pages.older = true;
    else this.pages.newer = true;
  }

  /** @param {HTMLElement[]} fresh */
  #tell(fresh) {
    for (const act of this.#changed) act(fresh);
  }
}
