// The buttons of a code block: copy it, unfold it.

import { closest, find } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { toast } from "./dialogs.js";

/** @param {HTMLElement} view */
export function codeButtons(view) {
  view.addEventListener("click", (event) => {
    const block = closest(event, ".code");
    if (!block) return;
    if (closest(event, ".code-head button")) {
      const code = find("pre", block)?.textContent ?? "";
      navigator.clipboard?.writeText(code).then(
        () => toast(text("code_copied")),
        () => undefined,
      );
    }
    if (closest(event, ".code-more")) {
      const open = block.toggleAttribute("data-collapsed");
      find(".code-more", block)?.setAttribute("aria-expanded", String(!open));
    }
  });
}
