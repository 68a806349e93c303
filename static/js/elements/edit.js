// Editing in place: the text of a message becomes a field, Enter saves, Esc leaves it as it was.

import { itemAt, seqOf } from "../lib/apply.js";
import { build, button, find } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { toast } from "./dialogs.js";
import { grow } from "./composer.js";
import { wrap } from "./format.js";

/** The source of a message; what is shown is its rendering. @param {string} room @param {number} seq @param {number} head @returns {Promise<string | null>} */
async function source(room, seq, head) {
  const got = await api(`/rooms/${room}/messages?around=${seq}&limit=1&min=${head}`);
  return got.messages.find((/** @type {{seq: number}} */ it) => it.seq === seq)?.body ?? null;
}

/**
 * @param {import("./timeline.js").Timeline} timeline
 * @param {HTMLElement} message
 * @param {(body: string) => void} save
 * @param {() => void} leave where the focus goes afterwards
 */
export async function editMessage(timeline, message, save, leave) {
  const seq = seqOf(message);
  if (find(".message-edit", message)) return;
  let words = null;
  try {
    words = await source(timeline.room.id, seq, timeline.head);
  } catch {
    toast(text("not_saved", { why: text("offline") }));
  }
  const here = itemAt(timeline.column, seq);
  const body = here ? find(".message-body", here) : null;
  if (words === null || !here || !body) return;

  const field = /** @type {HTMLTextAreaElement} */ (build("textarea", { "aria-label": text("editing"), rows: 1, dir: "auto" }));
  field.value = words;
  const form = build("form", { class: "composer message-edit" }, field);
  const done = () => {
    timeline.change(() => {
      form.remove();
      body.hidden = false;
    });
    leave();
  };
  const submit = () => {
    const next = field.value.trim();
    if (next && next !== words) save(next);
    done();
  };
  const bar = build("div", { class: "composer-bar" });
  bar.append(button({ label: text("cancel"), text: text("cancel"), kind: "quiet", size: "sm" }, done));
  bar.append(button({ label: text("save"), text: text("save"), kind: "primary", size: "sm" }, submit));
  form.append(bar);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", () => grow(field));
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing || event.keyCode === 229) return;
    const mark = event.ctrlKey || event.metaKey ? { b: "**", i: "_", k: "`" }[event.key] : undefined;
    if (event.key === "Enter" && !event.shiftKey) submit();
    else if (event.key === "Escape") done();
    else if (mark) wrap(field, mark, mark);
    else return;
    event.preventDefault();
  });
  timeline.change(() => {
    body.hidden = true;
    body.after(form);
    find(".message-tools", here)?.remove();
  });
  grow(field);
  field.focus();
  field.setSelectionRange(words.length, words.length);
}
