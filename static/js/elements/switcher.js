// Ctrl K: every room of the list, and everybody else, by a few letters of the name.

import { build, closest, find, findAll, icon } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { isMe } from "../lib/page.js";
import { open } from "./dialogs.js";

/** Letters in their order, and how well they fit. @param {string} name @param {string} wanted */
export function score(name, wanted) {
  const words = name.toLowerCase();
  if (words.startsWith(wanted)) return 3;
  if (words.includes(wanted)) return 2;
  let at = -1;
  for (const letter of wanted) {
    at = words.indexOf(letter, at + 1);
    if (at < 0) return 0;
  }
  return 1;
}

const ROOMS_MAX = 12;
const PEOPLE_MAX = 6;
/** People are asked for when the typing rests this long. */
const REST_MS = 150;

/** @typedef {{name: string, face: Node | undefined, state?: string, hint?: string, href?: string, user?: string}} Target */

export function openSwitcher() {
  if (find("dialog.switcher")) return;
  const { made, input, list } = frame();
  /** @type {Target[]} */
  let targets = [];
  let active = 0;
  const activate = (/** @type {number} */ at) => {
    if (!targets.length) return;
    active = (at + targets.length) % targets.length;
    const all = findAll('[role="option"]', list);
    all.forEach((it, i) => it.setAttribute("aria-selected", String(i === active)));
    all[active]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[active]?.id ?? "");
  };
  const draw = (/** @type {Target[]} */ found, /** @type {number} */ at) => {
    targets = found;
    list.replaceChildren(...found.map(option));
    if (!found.length) list.append(build("li", { class: "option", role: "option", "aria-selected": "false", "aria-disabled": "true" }, text("no_results")));
    activate(at);
  };
  let timer = 0;
  const look = () => {
    const wanted = input.value.trim();
    const found = rooms(wanted.toLowerCase());
    draw(found, 0);
    clearTimeout(timer);
    if (!wanted) return;
    timer = window.setTimeout(async () => {
      const more = await people(wanted);
      if (made.isConnected && input.value.trim() === wanted && more.length) draw([...found, ...more], active);
    }, REST_MS);
  };
  input.addEventListener("input", look);
  list.addEventListener("click", (event) => {
    const pressed = closest(event, '[role="option"]');
    if (pressed) void go(targets[Number(pressed.dataset.at)]);
  });
  made.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") activate(active + 1);
    else if (event.key === "ArrowUp") activate(active - 1);
    else if (event.key === "Enter") void go(targets[active]);
    else return;
    event.preventDefault();
  });
  look();
  open(made);
  input.focus();
}

function frame() {
  const input = /** @type {HTMLInputElement} */ (
    build("input", {
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "jump-list",
      "aria-autocomplete": "list",
      autocomplete: "off",
      dir: "auto",
      maxlength: 64,
      placeholder: text("jump_label"),
    })
  );
  const list = build("ul", { id: "jump-list", role: "listbox", "aria-label": text("results") });
  const label = build("label", {}, icon("search"), build("span", { class: "sr-only" }, text("jump_label")), input);
  const made = /** @type {HTMLDialogElement} */ (build("dialog", { class: "switcher dialog", "aria-label": text("jump_to") }, label, list));
  return { made, input, list };
}

/** @param {string} wanted @returns {Target[]} */
function rooms(wanted) {
  return findAll(".rooms a.room-link")
    .map((link) => ({ link, name: find(".room-name", link)?.textContent?.trim() ?? "" }))
    .map((it) => ({ ...it, fit: score(it.name, wanted) }))
    .filter((it) => it.fit)
    .sort((a, b) => b.fit - a.fit)
    .slice(0, ROOMS_MAX)
    .map(({ link, name }) => ({ name, face: link.firstElementChild?.cloneNode(true), state: find(".presence-text", link)?.textContent ?? "", href: link.getAttribute("href") ?? "" }));
}

/** Whom one has not written to yet. @param {string} wanted @returns {Promise<Target[]>} */
async function people(wanted) {
  const known = new Set(findAll(".rooms .room-link [data-user]").map((it) => it.dataset.user));
  const found = await api(`/users?q=${encodeURIComponent(wanted)}`).catch(() => ({ items: [] }));
  return found.items
    .filter((/** @type {Person} */ it) => !isMe(it.id) && !known.has(it.id))
    .slice(0, PEOPLE_MAX)
    .map((/** @type {Person} */ it) => ({ name: it.name, face: icon("user"), hint: `@${it.handle}`, user: it.id }));
}

/** @param {Target | undefined} target */
async function go(target) {
  if (target?.href) location.assign(target.href);
  if (!target?.user) return;
  try {
    const room = await api("/rooms", { method: "POST", body: { kind: "direct", members: [target.user] } });
    location.assign(`/r/${room.id}`);
  } catch {
    // Where the same can be done by a form, which says what is wrong.
    location.assign(`/people?q=${encodeURIComponent(target.name)}`);
  }
}

/** @param {Target} target @param {number} at */
function option(target, at) {
  const made = build("li", { class: "option", role: "option", id: `jump-${at}`, "aria-selected": "false", "data-at": at });
  if (target.face) made.append(target.face);
  made.append(build("span", {}, build("b", {}, build("bdi", {}, target.name))));
  if (target.state) made.append(build("span", { class: "sr-only" }, target.state));
  if (target.hint) made.append(build("span", { class: "hint" }, build("bdi", {}, target.hint)));
  return made;
}
