// The one door for markup: only what our server sent on our socket or page goes through it.

const rules = { createHTML: (/** @type {string} */ text) => text };
const policy = window.trustedTypes?.createPolicy("chapiana", rules) ?? rules;

/**
 * Markup of the server as nodes, inert until inserted.
 * @param {string} html
 */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content;
}

/**
 * A whole page of the server, to take parts from.
 * @param {string} html
 */
export function parsePage(html) {
  return new DOMParser().parseFromString(policy.createHTML(html), "text/html");
}
