// The way back to the end, with the number of messages below.

import { build, find } from "../lib/dom.js";
import { text } from "../lib/l10n.js";

/** @param {import("./timeline.js").Timeline} timeline @param {HTMLElement} composer */
export function watchLatest(timeline, composer) {
  const button = find(".latest", composer);
  if (!button) return;
  const label = button.querySelector("span") ?? build("span");
  for (const node of [...button.childNodes]) if (node instanceof Text) node.remove();
  button.append(label);
  const refresh = () => {
    if (timeline.keeper.atEnd() && !timeline.pages.newer) timeline.unseen = 0;
    const shown = timeline.pages.newer || timeline.keeper.below > 120 || timeline.unseen > 0;
    const words = timeline.unseen ? text("newer_messages", { n: timeline.unseen }) : text("back_to_latest");
    if (label.textContent !== words) label.textContent = words;
    button.hidden = !shown;
  };
  button.addEventListener("click", async () => {
    await timeline.toLatest();
    refresh();
    find("textarea", composer)?.focus({ preventScroll: true });
  });
  timeline.view.addEventListener("scroll", refresh);
  timeline.onChange(refresh);
  refresh();
}
