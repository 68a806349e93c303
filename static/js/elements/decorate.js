// What only this reader sees: mine, mentions, pressed reactions, groups, days. The HTML is the same for all.

import { itemAt, items, seqOf } from "../lib/apply.js";
import { build, find, findAll, icon } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { isMe, page } from "../lib/page.js";
import { dayKey, dayLabel, localTimes } from "../lib/time.js";

const GROUP_WITHIN = 5 * 60_000;

/** @param {HTMLElement} item @returns {Date | null} */
export function timeOf(item) {
  const at = item.dataset.at ?? find("time", item)?.getAttribute("datetime");
  const date = at ? new Date(at) : null;
  return date && !Number.isNaN(date.getTime()) ? date : null;
}

/** @param {HTMLElement} item */
export const authorOf = (item) => item.dataset.author ?? null;

/** @param {HTMLElement} item */
export const nameOf = (item) => find(".message-author", item)?.textContent?.trim() ?? "";

/** Adds to freshly rendered items what is theirs alone. @param {Iterable<HTMLElement>} fresh */
export function personalise(fresh) {
  for (const item of fresh) {
    localTimes(item);
    const mine = isMe(item.dataset.author);
    item.toggleAttribute("data-mine", mine);
    const named = (item.dataset.mentions ?? "").split(/\s+/);
    const me = page?.me.id ?? "";
    item.toggleAttribute("data-mention", !mine && [me, "here", "channel"].some((it) => named.includes(it)));
    for (const mention of findAll(".mention[data-user]", item)) mention.toggleAttribute("data-me", isMe(mention.dataset.user));
    for (const reaction of findAll(".reaction[data-emoji]", item)) press(reaction, me);
  }
}

/** @param {HTMLElement} reaction @param {string} me */
function press(reaction, me) {
  const pressed = (reaction.dataset.users ?? "").split(/\s+/).includes(me);
  reaction.setAttribute("aria-pressed", String(pressed));
  const n = Number(reaction.dataset.count ?? reaction.textContent?.replace(/\D+/g, "")) || 1;
  const emoji = reaction.dataset.emoji ?? "";
  reaction.setAttribute("aria-label", text(pressed ? "including_you" : "reaction", { emoji, n }));
}

/** Groups and day lines over the whole column. @param {HTMLElement} column */
export function arrange(column) {
  const days = new Map(findAll(':scope > .divider[data-kind="day"]', column).map((it) => [it.dataset.day, it]));
  let day = "";
  /** @type {HTMLElement | null} */
  let last = null;
  for (const item of [...column.children]) {
    if (!(item instanceof HTMLElement) || !(seqOf(item) || item.dataset.clientPending)) {
      if (item.id === "new") last = null;
      continue;
    }
    const at = timeOf(item);
    const its = at ? dayKey(at) : day;
    if (at && its !== day) {
      setDay(days, its, at, item);
      last = null;
      day = its;
    }
    const joined = grouped(last, item);
    item.toggleAttribute("data-grouped", joined);
    // The narrow place beside a grouped message has no room for “AM”.
    const period = find(".message-time .day-period", item);
    if (period) period.hidden = joined;
    last = item;
  }
  for (const left of days.values()) left.remove();
}

/** @param {Map<string | undefined, HTMLElement>} days @param {string} key @param {Date} at @param {HTMLElement} item */
function setDay(days, key, at, item) {
  const line = days.get(key) ?? dayLine(key);
  days.delete(key);
  const label = dayLabel(at);
  const time = find("time", line);
  if (time && time.textContent !== label) time.textContent = label;
  const previous = item.previousElementSibling;
  const before = previous?.id === "new" ? previous : item;
  if (before.previousElementSibling !== line) before.before(line);
}

/** @param {string} key */
function dayLine(key) {
  const jump = text("jump_to_date");
  const words = [build("time", { datetime: key }), icon("chevron-down", "icon icon-sm"), build("span", { class: "sr-only" }, jump)];
  const made = build("button", { type: "button", tabindex: -1, title: jump }, ...words);
  return build("div", { class: "divider", "data-kind": "day", "data-day": key }, made);
}

/** @param {HTMLElement | null} last @param {HTMLElement} item */
function grouped(last, item) {
  if (!last?.classList.contains("message") || !item.classList.contains("message")) return false;
  if (!last.dataset.author || last.dataset.author !== item.dataset.author) return false;
  const from = timeOf(last)?.getTime() ?? 0;
  const to = timeOf(item)?.getTime() ?? 0;
  return Math.abs(to - from) <= GROUP_WITHIN;
}

/**
 * The line above the first unread message, set once when the room opens.
 * @param {HTMLElement} column @param {number} read @param {number} unread
 * @returns {HTMLElement | null}
 */
export function markNew(column, read, unread) {
  find("#new", column)?.remove();
  if (unread < 1) return null;
  const first = items(column).find((it) => seqOf(it) > read && it.classList.contains("message") && !isMe(authorOf(it)));
  if (!first || !itemAt(column, seqOf(first))) return null;
  const label = text("new_messages", { n: unread });
  const line = build("div", { class: "divider", "data-kind": "new", id: "new", role: "separator", "aria-label": label }, build("span", {}, label));
  first.before(line);
  return line;
}
