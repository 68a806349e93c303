// Columns, phone view, details, theme: attributes on `.app` and `<html>`, nothing else.

import { closest, find, isField } from "../lib/dom.js";
import { copyField } from "./copy.js";
import { shortcuts, toasts } from "./dialogs.js";
import { openSwitcher } from "./switcher.js";

const phone = matchMedia("(max-width: 40rem)");

/** @param {HTMLElement | null} app null at the door, where there are only forms */
export function layout(app) {
  document.addEventListener("click", (event) => {
    const pressed = closest(event, "[data-do]");
    const what = pressed?.dataset.do?.split(":")[0];
    if (pressed && what === "show-password") showPassword(pressed);
    if (!app) return;
    if (what === "jump") openSwitcher();
    else if (what === "copy") void copyField(pressed?.dataset.for ?? "");
    else if (what === "sidebar") toggleSidebar(app);
    else if (what === "list") app.dataset.view = "list";
    else if (what === "panel" && find(".panel:not(.act)", app)) {
      event.preventDefault();
      togglePanel(app);
    }
  });
  if (app) toasts();
  // A row of tabs that is wider than a phone shows the one that is open.
  find(".page-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  document.addEventListener("keydown", (event) => app && keys(event, app));
  document.addEventListener("change", (event) => look(event.target));
}

/** @param {HTMLElement} app */
function toggleSidebar(app) {
  if (phone.matches) app.dataset.view = "list";
  else app.dataset.sidebar = app.dataset.sidebar === "closed" ? "open" : "closed";
}

/** @param {HTMLElement} app */
function togglePanel(app) {
  const open = app.dataset.panel !== "open";
  app.dataset.panel = open ? "open" : "closed";
  const panel = find(".panel:not(.act)", app);
  if (panel) panel.hidden = !open;
}

/** @param {KeyboardEvent} event @param {HTMLElement} app */
function keys(event, app) {
  if (event.defaultPrevented || event.isComposing) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === "k") openSwitcher();
  else if (control && event.key === "\\") toggleSidebar(app);
  else if ((event.key === "?" && !isField(document.activeElement)) || (control && event.key === "/")) shortcuts();
  else return;
  event.preventDefault();
}

/** A look is tried at once; saving it is the form's. @param {EventTarget | null} target */
function look(target) {
  if (!(target instanceof HTMLInputElement) || !/^(theme|contrast|density)$/.test(target.name)) return;
  const root = document.documentElement;
  if (/^(system|normal|auto|comfortable|)$/.test(target.value)) delete root.dataset[target.name];
  else root.dataset[target.name] = target.value;
}

/** @param {HTMLElement} button */
function showPassword(button) {
  const input = find("input", button.parentElement ?? undefined);
  if (!(input instanceof HTMLInputElement)) return;
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}
