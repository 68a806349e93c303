// Who has read one of my messages, and who has it at least on a device.

import { build, button } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { dialog } from "./dialogs.js";

/**
 * @param {import("../models/receipts.js").Receipts} receipts
 * @param {import("../models/people.js").People} people
 * @param {number} seq
 */
export function showSeen(receipts, people, seq) {
  const { seen, delivered } = receipts.people(seq);
  const body = build("div", { class: "flow" });
  const draw = () => {
    const list = (/** @type {string} */ title, /** @type {string[]} */ users) => {
      const names = users.map((user) => people.name(user, draw)).sort((a, b) => a.localeCompare(b));
      return [build("h3", {}, title), build("ul", { class: "seen" }, ...names.map((name) => build("li", {}, build("bdi", {}, name))))];
    };
    body.replaceChildren(
      ...(seen.length ? list(text("read_by"), seen) : [build("p", { class: "hint" }, text("read_by_nobody"))]),
      ...(delivered.length ? list(text("delivered_to"), delivered) : []),
    );
  };
  draw();
  const close = button({ label: text("close"), text: text("close") }, () => made.close());
  const made = dialog(text("seen", { k: seen.length, n: receipts.of(seq).others }), [body], [close]);
}
