// `@` completes the members of the room while one writes.

import { build, closest, findAll } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { type } from "./format.js";

const MOST = 8;

/** @param {string} words */
const fold = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * @param {import("./composer.js").Composer} composer
 * @param {import("../models/people.js").People} people
 * @param {string} room
 */
export function complete(composer, people, room) {
  const { field } = composer;
  const list = build("ul", { class: "menu completion", id: "completion", role: "listbox", "aria-label": text("people"), hidden: true });
  Object.assign(list.style, { position: "absolute", insetBlockEnd: "calc(100% + 0.5rem)", insetInlineStart: "0", zIndex: "var(--z-panel)" });
  composer.form.append(list);
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  let start = -1;
  let active = 0;
  /** @type {Set<string> | null} */
  let members = null;

  const close = () => {
    list.hidden = true;
    start = -1;
    field.removeAttribute("aria-activedescendant");
  };
  const options = () => findAll('[role="option"]', list);
  /** @param {number} at */
  const activate = (at) => {
    const all = options();
    active = (at + all.length) % all.length;
    all.forEach((it, i) => it.setAttribute("aria-selected", String(i === active)));
    field.setAttribute("aria-activedescendant", all[active]?.id ?? "");
  };
  /** @param {HTMLElement | undefined} option */
  const choose = (option) => {
    if (!option) return;
    const handle = option.dataset.handle ?? "";
    field.setSelectionRange(start, field.selectionStart);
    close();
    type(field, `@${handle} `);
  };
  /** @param {string} query */
  const draw = (query) => {
    const wanted = fold(query);
    const found = people
      .all()
      .filter((it) => it.handle && (!members || members.has(it.id)) && (fold(it.handle).startsWith(wanted) || fold(it.name).split(/\s+/).some((part) => part.startsWith(wanted))))
      .slice(0, MOST);
    list.replaceChildren(
      ...found.map((it, at) =>
        build("li", { class: "option", role: "option", id: `complete-${at}`, "data-handle": it.handle }, build("span", {}, build("bdi", {}, it.name)), build("span", { class: "hint" }, `@${it.handle}`)),
      ),
    );
    list.hidden = !found.length;
    if (found.length) activate(0);
    else field.removeAttribute("aria-activedescendant");
  };
  const refresh = async () => {
    const before = field.value.slice(0, field.selectionStart);
    const match = /(?:^|[\s(])@([\p{L}\p{N}._-]{0,30})$/u.exec(before);
    if (!match) {
      close();
      return;
    }
    const query = match[1] ?? "";
    start = field.selectionStart - query.length - 1;
    const mine = start;
    draw(query);
    members ??= await load(people, room);
    if (start === mine) draw(query);
  };
  field.addEventListener("input", () => void refresh());
  field.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => choose(closest(event, '[role="option"]') ?? undefined));
  composer.intercept = (event) => {
    if (list.hidden || start < 0) return false;
    if (event.key === "ArrowDown") activate(active + 1);
    else if (event.key === "ArrowUp") activate(active - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) choose(options()[active]);
    else return false;
    return true;
  };
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
