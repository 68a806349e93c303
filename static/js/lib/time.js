import { findAll } from "./dom.js";
import { text } from "./l10n.js";
import { page } from "./page.js";

const locale = page?.locale ?? navigator.language;
const zone = page?.time_zone || undefined;
/** @type {Pick<Intl.DateTimeFormatOptions, "timeZone" | "hour12">} */
const common = { timeZone: zone, ...(page?.hour12 === undefined ? {} : { hour12: page.hour12 }) };
const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", ...common });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short", ...common });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", ...common });
const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: zone });
const dayWithYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric", timeZone: zone });
const key = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone });

/** The calendar day of a moment in the reader's zone. @param {Date} date */
export const dayKey = (date) => key.format(date);

/** “Today”, “Yesterday” or the date. @param {Date} date */
export function dayLabel(date) {
  const its = dayKey(date);
  if (its === dayKey(new Date())) return text("today");
  if (its === dayKey(new Date(Date.now() - 86_400_000))) return text("yesterday");
  return date.getFullYear() === new Date().getFullYear() ? day.format(date) : dayWithYear.format(date);
}

/** Writes one `<time>` in the reader's locale and zone. @param {HTMLTimeElement} element @param {Date} date */
export function writeTime(element, date) {
  element.dateTime = date.toISOString();
  element.replaceChildren(
    ...clock.formatToParts(date).map(({ type, value }) => {
      if (type !== "dayPeriod") return value;
      const part = document.createElement("span");
      part.className = "day-period";
      part.textContent = value;
      return part;
    }),
  );
  element.title = full.format(date);
}

/** Puts every message time under `root` into the reader's locale and zone. @param {ParentNode} root */
export function localTimes(root) {
  for (const element of /** @type {HTMLTimeElement[]} */ (findAll(".message-time time", root))) {
    const date = new Date(element.dateTime);
    if (!Number.isNaN(date.getTime())) writeTime(element, date);
  }
}

/** The moments in sentences of the page, with their day. */
export function localMoments() {
  for (const element of /** @type {HTMLTimeElement[]} */ (findAll("time[data-local]"))) {
    const date = new Date(element.dateTime);
    if (!Number.isNaN(date.getTime())) element.textContent = moment.format(date);
  }
}
