// One calm line above the timeline when something changes what one can do.

import { build, button, find, icon } from "../lib/dom.js";

/**
 * @typedef {{kind: "warn" | "bad", icon: string, strong: string, more: string, does?: {text: string, act: () => void}}} Words
 * @param {Words | null} words null takes it away
 */
export function banner(words) {
  find(".banner[data-live]")?.remove();
  if (!words) return;
  const made = build("div", { class: "banner", "data-kind": words.kind, role: "status", "data-live": true }, icon(words.icon));
  made.append(build("p", {}, build("strong", {}, words.strong), ` ${words.more}`));
  if (words.does) made.append(button({ label: words.does.text, text: words.does.text, size: "sm" }, words.does.act));
  // On a phone only one of the two is shown.
  const shown = [find(".room .bar"), find(".sidebar .workspace")].find((it) => it?.checkVisibility());
  if (shown) shown.after(made);
  else find(".room")?.prepend(made);
}
