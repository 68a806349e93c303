// New messages of others, said once each, politely, in one place.

import { build, find } from "../lib/dom.js";
import { seqOf } from "../lib/apply.js";
import { text } from "../lib/l10n.js";
import { nameOf } from "./decorate.js";

const LONGEST = 200;

/** @param {import("./timeline.js").Timeline} timeline */
export function announcer(timeline) {
  const region = build("div", { class: "sr-only", role: "status", "aria-live": "polite" });
  document.body.append(region);
  // The log itself would say every redraw too.
  timeline.view.setAttribute("aria-live", "off");
  let said = timeline.head;
  return (/** @type {EntryFrame} */ frame) => {
    if (frame.op !== "add" || frame.kind !== "post" || frame.seq <= said) return;
    said = frame.seq;
    const item = find(`#m${frame.seq}`, timeline.column);
    if (!item || seqOf(item) !== frame.seq) return;
    const words = find(".message-body", item)?.textContent?.trim().slice(0, LONGEST) ?? "";
    region.append(build("p", {}, text("new_from", { name: nameOf(item), text: words })));
    while (region.children.length > 3) region.firstElementChild?.remove();
  };
}
