// Small helpers over the DOM. Text only: markup comes from the server (lib/html.js) or from here.

/**
 * The first match inside `root`, typed.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T | null}
 */
export function find(selector, root = document) {
  return root.querySelector(selector);
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T[]}
 */
export function findAll(selector, root = document) {
  return [...root.querySelectorAll(selector)].map((it) => /** @type {T} */ (it));
}

/**
 * The closest ancestor of an event's target.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null;
}

/**
 * Builds an element; properties that hold `undefined` or `false` are left off, `true` is an empty attribute.
 * @param {string} name
 * @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function build(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

let sprite = "";

/**
 * An icon of the sprite that the page itself uses (its address carries a hash).
 * @param {string} name
 * @param {string} [classes]
 */
export function icon(name, classes = "icon") {
  sprite ||= find('use[href*="icons"]')?.getAttribute("href")?.split("#")[0] ?? "/static/icons.svg";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", classes);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button of icon or text.
 * @param {{label: string, icon?: string, text?: string, kind?: string, size?: string, class?: string, tabindex?: number}} look
 * @param {(event: MouseEvent) => void} [act]
 */
export function button(look, act) {
  const made = build("button", {
    type: "button",
    class: look.class ?? (look.text ? "button" : "icon-button"),
    "data-kind": look.kind,
    "data-size": look.size,
    "aria-label": look.text ? undefined : look.label,
    title: look.text ? undefined : look.label,
    tabindex: look.tabindex,
  });
  if (look.icon) made.append(icon(look.icon));
  if (look.text) made.append(look.text);
  if (act) made.addEventListener("click", act);
  return /** @type {HTMLButtonElement} */ (made);
}

/** @param {Element | null} element */
export function isField(element) {
  return element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

/**
 * Runs `act` at most once per `wait` ms, and once more at the end if it was asked for meanwhile.
 * @param {number} wait
 * @param {() => void} act
 */
export function throttle(wait, act) {
  let timer = 0;
  let again = false;
  const run = () => {
    if (timer) {
      again = true;
      return;
    }
    act();
    timer = window.setTimeout(() => {
      timer = 0;
      if (again) {
        again = false;
        run();
      }
    }, wait);
  };
  return run;
}
