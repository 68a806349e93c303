// The words of the scripts: the page brings them in its language (locales/*/script.ftl).

import { page } from "./page.js";

const locale = page?.locale ?? (document.documentElement.lang || "en");
const plural = new Intl.PluralRules(locale);
const number = new Intl.NumberFormat(locale);

/**
 * A text with its blanks filled; a blank `n` chooses the form.
 * @param {string} key
 * @param {Record<string, string | number>} [blanks]
 */
export function text(key, blanks = {}) {
  const forms = page?.texts?.[key] ?? key;
  const form = typeof forms === "string" ? forms : (forms[plural.select(Number(blanks.n))] ?? forms.other ?? key);
  return form.replace(/\{(\w+)\}/g, (all, name) => {
    const value = blanks[name];
    return value === undefined ? all : typeof value === "number" ? number.format(value) : value;
  });
}

/** Why the server refused for good, in words. @param {string} code */
export function why(code) {
  const key = `why_${code}`;
  return text(page?.texts?.[key] ? key : "why_other");
}
