// A day line opens a small dialog with a date; the room opens at the first message of that day.

import { items, seqOf } from "../lib/apply.js";
import { build, button, closest } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { dayKey } from "../lib/time.js";
import { dialog, toast } from "./dialogs.js";

/** @param {import("./timeline.js").Timeline} timeline */
export function watchDates(timeline) {
  const ask = (/** @type {string} */ day) => askDate(day, (chosen) => void jump(timeline, chosen));
  timeline.view.addEventListener("click", (event) => {
    const pressed = closest(event, ".divider > button");
    if (pressed) ask(pressed.parentElement?.dataset.day ?? "");
  });
  timeline.view.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "d" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.target instanceof HTMLElement) || !event.target.matches(".message, .timeline, .divider > button")) return;
    event.preventDefault();
    ask(dayKey(new Date()));
  });
}

/** @param {string} day @param {(day: string) => void} go */
function askDate(day, go) {
  const field = /** @type {HTMLInputElement} */ (build("input", { class: "input", id: "jump-date", type: "date", value: day, max: dayKey(new Date()), required: true }));
  const form = build("form", { class: "flow", id: "jump-date-form" }, build("label", { for: field.id }, text("date")), field);
  const cancel = button({ label: text("cancel"), text: text("cancel"), kind: "quiet" }, () => made.close());
  const yes = button({ label: text("jump"), text: text("jump"), kind: "primary" });
  yes.setAttribute("type", "submit");
  yes.setAttribute("form", form.id);
  const made = dialog(text("jump_to_date"), [form], [cancel, yes]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    made.close();
    go(field.value);
  });
  field.focus();
}

/** @param {import("./timeline.js").Timeline} timeline @param {string} day */
async function jump(timeline, day) {
  try {
    const seq = await firstOn(timeline.room.id, timeline.head, day);
    await timeline.goTo(seq);
    const all = items(timeline.column);
    const item = all.find((it) => seqOf(it) >= seq) ?? all.at(-1);
    if (item) timeline.point(item);
  } catch {
    toast(text("not_found_now"));
  }
}

/** The first entry of a day in the reader's zone, by halving: the log is in the order of time. @param {string} room @param {number} head @param {string} day */
async function firstOn(room, head, day) {
  let [low, high] = [1, head];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { entries, floor } = await api(`/rooms/${room}/entries?around=${middle}&limit=1&min=${head}`);
    const at = entries[0]?.at;
    if (middle <= floor || (at && dayKey(new Date(at)) < day)) low = middle + 1;
    else high = middle;
  }
  return low;
}
