// Dialogs and toasts: built here, focus returned by the browser's own <dialog>.

import { build, button, find, icon } from "../lib/dom.js";
import { text } from "../lib/l10n.js";

let count = 0;

/**
 * A modal dialog that is gone once closed.
 * @param {string} title @param {Node[]} body @param {HTMLElement[]} foot @param {string} [role]
 */
export function dialog(title, body, foot, role) {
  const id = `dialog-${(count += 1)}`;
  const made = /** @type {HTMLDialogElement} */ (build("dialog", { class: "dialog", role, "aria-labelledby": id }));
  const head = build("div", { class: "dialog-head" }, build("div", {}, build("h2", { id }, title)));
  if (!foot.length) head.append(button({ label: text("close"), icon: "close" }, () => made.close()));
  made.append(head, build("div", { class: "dialog-body" }, ...body));
  if (foot.length) made.append(build("div", { class: "dialog-foot" }, ...foot));
  open(made);
  return made;
}

/** Shows a dialog in the middle, whatever the base styles do with margins. @param {HTMLDialogElement} made */
export function open(made) {
  made.style.margin = "auto";
  made.addEventListener("click", (event) => event.target === made && made.close());
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
}

/**
 * @param {{title: string, text: string, yes: string, no: string}} words
 * @returns {Promise<boolean>}
 */
export function confirm(words) {
  return new Promise((resolve) => {
    let answer = false;
    const say = build("p", {}, words.text);
    const no = button({ label: words.no, text: words.no, kind: "quiet" }, () => made.close());
    const yes = button({ label: words.yes, text: words.yes, kind: "danger" }, () => {
      answer = true;
      made.close();
    });
    const made = dialog(words.title, [say], [no, yes], "alertdialog");
    say.id = `${made.getAttribute("aria-labelledby")}-text`;
    made.setAttribute("aria-describedby", say.id);
    made.addEventListener("close", () => resolve(answer));
    yes.focus();
  });
}

let waiting = 0;

/**
 * A short note. Its region stays in the page and is empty between notes: screen readers say only what
 * changes in a region that they know.
 * @param {string} words
 */
export function toast(words) {
  const region = toasts();
  clearTimeout(waiting);
  region.replaceChildren();
  requestAnimationFrame(() => region.replaceChildren(build("div", { class: "toast" }, icon("info"), build("p", {}, words))));
  waiting = window.setTimeout(() => region.replaceChildren(), 6_000);
}

/** The region of notes, made before the first one. @returns {HTMLElement} */
export function toasts() {
  const known = find(".toasts");
  if (known) return known;
  const region = build("div", { class: "toasts", role: "status" });
  document.body.append(region);
  return region;
}

const SHORTCUTS = ["switch", "help", "send", "line", "last", "format", "walk", "react", "reply", "edit", "delete", "unread", "read", "seen", "date", "link", "cancel"];

export function shortcuts() {
  const rows = SHORTCUTS.map((what) =>
    build("div", { class: "cluster" }, build("dt", {}, build("kbd", {}, text(`key_${what}`))), build("dd", {}, text(`sc_${what}`))),
  );
  dialog(text("shortcuts"), [build("dl", { class: "flow" }, ...rows)], []);
}
