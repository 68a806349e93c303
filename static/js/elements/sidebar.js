// The list of rooms: counts in place, new rooms, drafts, the title of the tab.

import { build, find, findAll, icon, throttle } from "../lib/dom.js";
import { parsePage } from "../lib/html.js";
import { markup } from "../lib/http.js";
import { text } from "../lib/l10n.js";

/** Where the list was scrolled to, for the next page of this tab. */
const PLACE = "chapiana-list";

export class Sidebar {
  #drafts;
  /** @type {() => void} */ #fresh = () => undefined;
  #title = document.title.replace(/^\(\d+\)\s*/, "");
  /** Asks the server for the list as it is now. */
  refresh = throttle(1_000, () => void this.#fetch());

  /** @param {import("../models/drafts.js").Drafts} drafts */
  constructor(drafts) {
    this.#drafts = drafts;
    this.#keepPlace();
    this.showDrafts();
    this.#retitle();
    addEventListener("storage", () => this.showDrafts());
  }

  /** Each page opens with the list as it was left, and the open room in view. */
  #keepPlace() {
    const list = find(".rooms");
    if (list?.checkVisibility()) {
      list.scrollTop = Number(sessionStorage.getItem(PLACE)) || 0;
      find("[aria-current]", list)?.scrollIntoView({ block: "nearest" });
    }
    addEventListener("pagehide", () => {
      const left = find(".rooms");
      if (left?.checkVisibility()) sessionStorage.setItem(PLACE, String(left.scrollTop));
    });
  }

  /** Calls back when the whole list was put in anew. @param {() => void} act */
  onFresh(act) {
    this.#fresh = act;
  }

  /** @param {string} room */
  #link(room) {
    return find(`.rooms a.room-link[href="/r/${room}"]`);
  }

  /** @param {string} room @param {number} unread @param {number} mentions */
  count(room, unread, mentions) {
    const link = this.#link(room);
    if (!link) {
      this.refresh();
      return;
    }
    link.toggleAttribute("data-unread", unread > 0);
    setBadge(link, mentions || unread, mentions > 0, mentions ? text("mentions", { n: mentions }) : text("unread", { n: unread }));
    this.#retitle();
  }

  /** @param {string} room */
  remove(room) {
    this.#link(room)?.closest("li")?.remove();
    this.#retitle();
  }

  showDrafts() {
    const rooms = this.#drafts.rooms();
    for (const link of findAll(".rooms a.room-link[href^='/r/']")) {
      const has = rooms.has(link.getAttribute("href")?.slice(3) ?? "") && !link.hasAttribute("aria-current");
      const mark = find("[data-draft]", link);
      if (has && !mark) {
        const made = build("span", { "data-draft": true }, icon("edit", "icon icon-sm"), build("span", { class: "sr-only" }, text("draft")));
        find(".room-name", link)?.after(made);
      } else if (!has) mark?.remove();
    }
  }

  async #fetch() {
    const html = await markup(location.pathname);
    const fresh = html ? find(".rooms", parsePage(html)) : null;
    const old = find(".rooms");
    if (!fresh || !old) return;
    const scrolled = old.scrollTop;
    old.replaceWith(document.adoptNode(fresh));
    fresh.scrollTop = scrolled;
    this.showDrafts();
    this.#retitle();
    this.#fresh();
  }

  /** On a phone the way back, and the tab that leads there, say how many rooms wait. */
  #showElsewhere() {
    const waiting = findAll(".rooms .room-link[data-unread]:not([aria-current])");
    const n = waiting.length;
    const named = waiting.some((it) => find('.badge[data-kind="mention"]', it));
    const back = find("main.room > .bar > .back");
    back?.setAttribute("aria-label", n ? text("back_unread", { n }) : text("back"));
    for (const place of [back, find('.tabbar > a[href="/"]')]) if (place) setBadge(place, n, named, place === back ? "" : text("unread_rooms", { n }));
  }

  /** The tab says how many messages wait. */
  #retitle() {
    const counts = findAll(".rooms .badge").map((it) => Number(it.textContent) || 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    this.#showElsewhere();
    document.title = sum ? `(${sum}) ${this.#title}` : this.#title;
  }
}

/**
 * The number at the end of a link, changed in place.
 * @param {HTMLElement} link @param {number} n @param {boolean} named whether it is petrol: somebody asks for the reader
 * @param {string} label nothing where the link itself says it
 */
function setBadge(link, n, named, label) {
  let badge = find(".badge", link);
  if (n < 1) {
    badge?.remove();
    return;
  }
  badge ??= link.appendChild(build("span", { class: "badge", ...(label ? { role: "img" } : { "aria-hidden": "true" }) }));
  badge.textContent = String(n);
  if (label) badge.setAttribute("aria-label", label);
  if (named) badge.dataset.kind = "mention";
  else delete badge.dataset.kind;
}
