// The way back to the end, with the number of messages below.

import { build, find } from "../lib/dom.js";
import { text } from "../lib/l10n.js";

/**
 * @param {import("./timeline.js").Timeline} timeline @param {HTMLElement} composer
 * @returns {() => Promise<void>} goes there
 */
export function watchLatest(timeline, composer) {
  const button = find(".latest", composer);
  if (!button) return () => timeline.toLatest();
  const label = button.querySelector("span") ?? build("span");
  for (const node of [...button.childNodes]) if (node instanceof Text) node.remove();
  button.append(label);
  const refresh = () => {
    timeline.look();
    const shown = timeline.pages.newer || timeline.keeper.below > 120 || timeline.unseen > 0;
    const words = timeline.unseen ? text("newer_messages", { n: timeline.unseen }) : text("back_to_latest");
    if (label.textContent !== words) label.textContent = words;
    button.hidden = !shown;
  };
  const go = async () => {
    await timeline.toLatest();
    refresh();
    find("textarea", composer)?.focus({ preventScroll: true });
  };
  button.addEventListener("click", () => void go());
  timeline.view.addEventListener("scroll", refresh);
  timeline.onChange(refresh);
  refresh();
  return go;
}
