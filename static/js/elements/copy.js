// Copies what a field shows, and says so.

import { text } from "../lib/l10n.js";
import { toast } from "./dialogs.js";

/** @param {string} id of a field */
export async function copyField(id) {
  const field = document.getElementById(id);
  if (!(field instanceof HTMLInputElement)) return;
  const done = await copied(field);
  toast(done ? text("link_copied") : field.value);
}

/** Without HTTPS browsers have no clipboard for scripts: there the field is selected and the old way tried. @param {HTMLInputElement} field */
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.select();
    return document.execCommand("copy");
  }
}
