// Ticks on my messages: stored, delivered, read; the last one says by how many.

import { items, seqOf } from "../lib/apply.js";
import { build, closest, find, icon } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { Receipts } from "../models/receipts.js";
import { showSeen } from "./seen.js";

/** @typedef {{state: "pending" | "sent" | "delivered" | "read", label: string, shown?: boolean, opens?: boolean}} Look */
const ICONS = { pending: "clock", sent: "check", delivered: "check-double", read: "check-double" };

/** Changes in place, so nothing flickers. @param {HTMLElement} message @param {Look} look */
export function setReceipt(message, look) {
  let meta = find(":scope > .message-meta", message);
  if (!meta) {
    meta = build("div", { class: "message-meta" });
    (find(":scope > .message-main", message) ?? message.lastElementChild)?.after(meta);
  }
  const key = `${look.state} ${look.label} ${look.shown ?? false}`;
  const old = find(".receipt", meta);
  if (old?.dataset.key === key) return;
  const made = build(look.opens ? "button" : "span", { class: "receipt", type: look.opens && "button", tabindex: look.opens && "-1", "data-state": look.state, "data-key": key, title: look.label });
  made.append(build("span", look.shown ? {} : { class: "sr-only" }, look.label), icon(ICONS[look.state]));
  if (old) old.replaceWith(made);
  else meta.append(made);
}

/**
 * @param {import("./timeline.js").Timeline} timeline @param {string} me
 * @param {import("../models/people.js").People} people
 */
export function watchReceipts(timeline, me, people) {
  const receipts = new Receipts(me);
  let asked = 0;
  const direct = timeline.room.kind === "direct";

  /** @param {number} seq @param {boolean} last @returns {Look} */
  const look = (seq, last) => {
    const { others, delivered, seen } = receipts.of(seq);
    if (others && seen === others) return { state: "read", label: direct ? text("seen_one") : text("seen_all"), shown: last && direct, opens: !direct };
    if (seen) return { state: "delivered", label: text("seen", { k: seen, n: others }), shown: last, opens: !direct };
    if (delivered) return { state: "delivered", label: direct ? text("delivered_one") : text("delivered", { k: delivered, n: others }) };
    return { state: "sent", label: text("sent") };
  };
  const draw = () => {
    asked = 0;
    const mine = items(timeline.column).filter((it) => it.matches(".message[data-mine]") && !it.hasAttribute("data-deleted"));
    for (const message of mine) setReceipt(message, look(seqOf(message), message === mine.at(-1)));
  };
  const soon = () => (asked ||= requestAnimationFrame(draw));
  timeline.onChange(soon);
  const show = (/** @type {HTMLElement} */ message) => void (!direct && showSeen(receipts, people, seqOf(message)));
  timeline.view.addEventListener("click", (event) => {
    const message = closest(event, ".receipt") && closest(event, ".message[data-mine]:not([data-client-pending])");
    if (message) show(message);
  });
  return {
    show,
    /** @param {Mark[]} marks */
    take(marks) {
      receipts.take(marks);
      soon();
    },
    /** All watermarks of the room, page by page: on opening and after each reconnect. */
    async load() {
      try {
        let cursor = "";
        for (let at = 0; at < 50; at += 1) {
          const got = await api(`/rooms/${timeline.room.id}/markers?limit=200${cursor}`);
          receipts.take(got.items);
          if (!got.next) break;
          cursor = `&cursor=${encodeURIComponent(got.next)}`;
        }
        soon();
      } catch {
        // Ticks are a comfort; the next marks frame or reconnect brings them.
      }
    },
  };
}
