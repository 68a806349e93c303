// The marks of Markdown, put around what is selected.

import { closest } from "../lib/dom.js";

/** @param {HTMLTextAreaElement} field @param {string} words @param {number} [back] how far before their end the caret goes */
export function type(field, words, back = 0) {
  field.focus();
  // Keeps the browser's own undo, which setRangeText would lose.
  if (!document.execCommand("insertText", false, words)) {
    field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  if (back) field.setSelectionRange(field.selectionStart - back, field.selectionStart - back);
}

/** @param {HTMLTextAreaElement} field @param {string} open @param {string} close */
export function wrap(field, open, close) {
  const { selectionStart, selectionEnd, value } = field;
  const inner = value.slice(selectionStart, selectionEnd);
  type(field, open + inner + close);
  const start = selectionStart + open.length;
  field.setSelectionRange(start, start + inner.length);
}

/** @param {HTMLTextAreaElement} field @param {string} mark */
function startLines(field, mark) {
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const lines = field.value.slice(start, field.selectionEnd).split("\n");
  field.setSelectionRange(start, field.selectionEnd);
  type(field, lines.map((line) => mark + line).join("\n"));
}

/** @type {Record<string, (field: HTMLTextAreaElement) => void>} */
const ACTS = {
  bold: (field) => wrap(field, "**", "**"),
  italic: (field) => wrap(field, "_", "_"),
  strike: (field) => wrap(field, "~~", "~~"),
  code: (field) => (field.value.slice(field.selectionStart, field.selectionEnd).includes("\n") ? wrap(field, "```\n", "\n```") : wrap(field, "`", "`")),
  link: (field) => wrap(field, "[", "](https://)"),
  quote: (field) => startLines(field, "> "),
  list: (field) => startLines(field, "- "),
  at: (field) => type(field, "@"),
};

/** The buttons of the composer say by their icon what they do. @param {HTMLElement} bar @param {HTMLTextAreaElement} field */
export function formatButtons(bar, field) {
  bar.addEventListener("mousedown", (event) => closest(event, "button[type=button]") && event.preventDefault());
  bar.addEventListener("click", (event) => {
    const pressed = closest(event, "button[type=button]");
    const name = pressed?.dataset.format ?? pressed?.querySelector("use")?.getAttribute("href")?.split("#")[1];
    const act = name ? ACTS[name] : undefined;
    if (act) {
      event.preventDefault();
      act(field);
    }
  });
}
