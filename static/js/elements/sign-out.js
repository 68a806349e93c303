// Signing out takes what this browser keeps of the person, and asks first if that is unsent.

import { text } from "../lib/l10n.js";
import { confirm } from "./dialogs.js";

/**
 * @param {import("../models/outbox.js").Outbox} outbox
 * @param {import("../models/drafts.js").Drafts} drafts
 */
export function watchSignOut(outbox, drafts) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.js !== "sign-out" || event.defaultPrevented) return;
    event.preventDefault();
    void leave(form, outbox, drafts);
  });
}

/** @param {HTMLFormElement} form @param {import("../models/outbox.js").Outbox} outbox @param {import("../models/drafts.js").Drafts} drafts */
async function leave(form, outbox, drafts) {
  const waiting = await outbox.pending();
  const n = waiting.length;
  if (n && !(await confirm({ title: text("pending_title"), text: text("pending_text", { n }), yes: text("pending_yes"), no: text("pending_no") }))) return;
  await outbox.erase();
  drafts.erase();
  form.submit();
}
