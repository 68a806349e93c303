// The list of rooms: counts in place, new rooms, drafts, the title of the tab.

import { build, find, findAll, icon, throttle } from "../lib/dom.js";
import { parsePage } from "../lib/html.js";
import { markup } from "../lib/http.js";
import { text } from "../lib/l10n.js";

export class Sidebar {
  #drafts;
  /** @type {() => void} */ #fresh = () => undefined;
  #title = document.title.replace(/^\(\d+\)\s*/, "");
  /** Asks the server for the list as it is now. */
  refresh = throttle(1_000, () => void this.#fetch());

  /** @param {import("../models/drafts.js").Drafts} drafts */
  constructor(drafts) {
    this.#drafts = drafts;
    this.showDrafts();
    this.#retitle();
    addEventListener("storage", () => this.showDrafts());
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
    let badge = find(".badge", link);
    if (unread < 1 && mentions < 1) badge?.remove();
    else {
      badge ??= link.appendChild(build("span", { class: "badge", role: "img" }));
      badge.textContent = String(mentions || unread);
      badge.setAttribute("aria-label", mentions ? text("mentions", { n: mentions }) : text("unread", { n: unread }));
      if (mentions) badge.dataset.kind = "mention";
      else delete badge.dataset.kind;
    }
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

  /** The tab says how many messages wait. */
  #retitle() {
    const counts = findAll(".rooms .badge").map((it) => Number(it.textContent) || 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    document.title = sum ? `(${sum}) ${this.#title}` : this.#title;
  }
}
