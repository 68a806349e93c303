// While one writes: `@` completes the members of the room, `:` emoji.

import { build, closest, findAll } from "../lib/dom.js";
import { emojiOf, findEmoji } from "../lib/emoji.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { type } from "./format.js";

const MOST = 8;
const PERSON = /(?:^|[\s(])@([\p{L}\p{N}._-]{0,30})$/u;
const EMOJI = /(?:^|[\s(]):([a-z0-9_+-]{2,30})$/iu;
const WHOLE_EMOJI = /(?:^|[\s(]):([a-z0-9_+-]{1,30}):$/iu;

/** @typedef {{words: string, show: (Node | string)[]}} Offer what an option types and shows */

/** @param {string} words */
const fold = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * @param {import("./composer.js").Composer} composer
 * @param {import("../models/people.js").People} people
 * @param {string} room
 */
export function complete(composer, people, room) {
  const { field } = composer;
  const list = offerList(composer.form, field);
  /** @type {Set<string> | null} */
  let members = null;

  /** @param {string} query @returns {Offer[]} */
  const persons = (query) => {
    const wanted = fold(query);
    const fits = (/** @type {Person} */ it) => fold(it.handle ?? "").startsWith(wanted) || fold(it.name).split(/\s+/).some((part) => part.startsWith(wanted));
    const found = people.all().filter((it) => it.handle && (!members || members.has(it.id)) && fits(it));
    const show = (/** @type {Person} */ it) => [build("span", {}, build("bdi", {}, it.name)), build("span", { class: "hint" }, build("bdi", {}, `@${it.handle}`))];
    return found.slice(0, MOST).map((it) => ({ words: `@${it.handle} `, show: show(it) }));
  };
  /** @param {string} query @returns {Offer[]} */
  const emojis = (query) => {
    const show = (/** @type {{emoji: string, code: string}} */ it) => [build("span", { class: "emoji" }, it.emoji), build("span", { class: "hint", dir: "ltr" }, `:${it.code}:`)];
    return findEmoji(query, MOST).map((it) => ({ words: `${it.emoji} `, show: show(it) }));
  };
  const refresh = async () => {
    const before = field.value.slice(0, field.selectionStart);
    const whole = WHOLE_EMOJI.exec(before)?.[1];
    const emoji = whole && emojiOf(whole);
    if (emoji) {
      field.setSelectionRange(before.length - whole.length - 2, before.length);
      list.close();
      type(field, emoji);
      return;
    }
    const code = EMOJI.exec(before)?.[1];
    if (code !== undefined) {
      list.draw(before.length - code.length - 1, text("emoji"), emojis(code));
      return;
    }
    const person = PERSON.exec(before)?.[1];
    if (person === undefined) {
      list.close();
      return;
    }
    const start = before.length - person.length - 1;
    list.draw(start, text("people"), persons(person));
    members ??= await load(people, room);
    if (list.start === start) list.draw(start, text("people"), persons(person));
  };
  field.addEventListener("input", () => void refresh());
  field.addEventListener("blur", () => list.close());
  composer.intercept = (event) => list.key(event);
}

/** The list above the field. @param {HTMLElement} form @param {HTMLTextAreaElement} field */
function offerList(form, field) {
  const list = build("ul", { class: "menu completion", id: "completion", role: "listbox", hidden: true });
  Object.assign(list.style, { position: "absolute", insetBlockEnd: "calc(100% + 0.5rem)", insetInlineStart: "0", zIndex: "var(--z-panel)" });
  form.append(list);
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  /** @type {Offer[]} */
  let offers = [];
  let active = 0;
  const options = () => findAll('[role="option"]', list);
  /** @param {number} at */
  const activate = (at) => {
    const all = options();
    active = (at + all.length) % all.length;
    all.forEach((it, i) => it.setAttribute("aria-selected", String(i === active)));
    field.setAttribute("aria-activedescendant", all[active]?.id ?? "");
  };
  /** @param {number} at */
  const choose = (at) => {
    const offer = offers[at];
    if (!offer) return;
    field.setSelectionRange(made.start, field.selectionStart);
    made.close();
    type(field, offer.words);
  };
  const made = {
    /** Where the letters begin that are completed; -1 while nothing is offered. */
    start: -1,
    close() {
      list.hidden = true;
      made.start = -1;
      field.removeAttribute("aria-activedescendant");
    },
    /** @param {number} start @param {string} label @param {Offer[]} found */
    draw(start, label, found) {
      made.start = start;
      offers = found;
      list.setAttribute("aria-label", label);
      list.replaceChildren(...found.map((it, at) => build("li", { class: "option", role: "option", id: `complete-${at}` }, ...it.show)));
      list.hidden = !found.length;
      if (found.length) activate(0);
      else field.removeAttribute("aria-activedescendant");
    },
    /** @param {KeyboardEvent} event @returns {boolean} whether the list took the key */
    key(event) {
      if (list.hidden || made.start < 0) return false;
      if (event.key === "ArrowDown") activate(active + 1);
      else if (event.key === "ArrowUp") activate(active - 1);
      else if (event.key === "Escape") made.close();
      else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) choose(active);
      else return false;
      return true;
    },
  };
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => choose(options().findIndex((it) => it === closest(event, '[role="option"]'))));
  return made;
}

/** Members by id, with their names learned. @param {import("../models/people.js").People} people @param {string} room */
async function load(people, room) {
  try {
    const [members, users] = await Promise.all([api(`/rooms/${room}/members?limit=200`), api("/users?limit=200")]);
    people.learn(users.items);
    return new Set(members.items.map((/** @type {{user: string}} */ it) => it.user));
  } catch {
    return null;
  }
}
