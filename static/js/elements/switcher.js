// Ctrl K: every room of the list, by a few letters of its name.

import { build, closest, find, findAll, icon } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
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

export function openSwitcher() {
  if (find("dialog.switcher")) return;
  const input = /** @type {HTMLInputElement} */ (
    build("input", { role: "combobox", "aria-expanded": "true", "aria-controls": "jump-list", "aria-autocomplete": "list", autocomplete: "off" })
  );
  const list = build("ul", { id: "jump-list", role: "listbox", "aria-label": text("results") });
  const label = build("label", {}, icon("search"), build("span", { class: "sr-only" }, text("jump_label")), input);
  const made = /** @type {HTMLDialogElement} */ (build("dialog", { class: "switcher dialog", "aria-label": text("jump_to") }, label, list));
  const links = findAll(".rooms a.room-link");
  let active = 0;
  const options = () => findAll('[role="option"]', list);
  const activate = (/** @type {number} */ at) => {
    const all = options();
    if (!all.length) return;
    active = (at + all.length) % all.length;
    all.forEach((it, i) => it.setAttribute("aria-selected", String(i === active)));
    all[active]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[active]?.id ?? "");
  };
  const draw = () => {
    const wanted = input.value.trim().toLowerCase();
    const found = links
      .map((link) => ({ link, fit: score(find(".room-name", link)?.textContent?.trim() ?? "", wanted) }))
      .filter((it) => it.fit)
      .sort((a, b) => b.fit - a.fit)
      .slice(0, 12);
    list.replaceChildren(...found.map(({ link }, at) => option(link, at)));
    if (!found.length) list.append(build("li", { class: "option", role: "option", "aria-selected": "false", "aria-disabled": "true" }, text("no_results")));
    activate(0);
  };
  const go = (/** @type {HTMLElement | null | undefined} */ it) => it?.dataset.href && location.assign(it.dataset.href);
  input.addEventListener("input", draw);
  list.addEventListener("click", (event) => go(closest(event, '[role="option"]')));
  made.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") activate(active + 1);
    else if (event.key === "ArrowUp") activate(active - 1);
    else if (event.key === "Enter") go(options()[active]);
    else return;
    event.preventDefault();
  });
  draw();
  open(made);
  input.focus();
}

/** @param {HTMLElement} link @param {number} at */
function option(link, at) {
  const made = build("li", { class: "option", role: "option", id: `jump-${at}`, "aria-selected": "false", "data-href": link.getAttribute("href") ?? "" });
  const face = link.firstElementChild?.cloneNode(true);
  if (face) made.append(face);
  made.append(build("span", {}, build("b", {}, build("bdi", {}, find(".room-name", link)?.textContent?.trim() ?? ""))));
  return made;
}
