// The field where one writes: keys, growth, draft, reply. The plain form works without any of it.

import { build, button, find, icon } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { wrap } from "./format.js";

const LINES = 9;

/**
 * @typedef {object} Ways what the composer can ask for
 * @property {(content: Content) => void} send
 * @property {() => boolean} editLast
 * @property {(on: boolean) => void} typing
 * @property {(text: string) => void} draft
 */

export class Composer {
  form;
  field;
  #ways;
  /** @type {{seq: number, element: HTMLElement} | null} */ #reply = null;
  /** Takes a key first, for lists that are open. @type {(event: KeyboardEvent) => boolean} */ intercept = () => false;

  /** @param {HTMLFormElement} form @param {HTMLTextAreaElement} field @param {Ways} ways */
  constructor(form, field, ways) {
    this.form = form;
    this.field = field;
    this.#ways = ways;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("input", () => this.#changed());
    field.addEventListener("blur", () => ways.typing(false));
    this.#grow();
  }

  /** @param {string} words */
  fill(words) {
    this.field.value = words;
    this.#changed();
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  get replying() {
    return this.#reply !== null;
  }

  /** @param {number} seq @param {string} name @param {string} quote */
  replyTo(seq, name, quote) {
    this.#reply?.element.remove();
    const words = build("span", {}, build("b", {}, build("bdi", {}, text("reply_to", { name }))), " ", build("bdi", { dir: "auto" }, quote.slice(0, 140)));
    const element = build("div", { class: "composer-context" }, icon("reply", "icon icon-sm icon-flip"), words);
    element.append(button({ label: text("cancel"), icon: "close", size: "sm" }, () => this.cancelReply()));
    find(".composer", this.form)?.prepend(element);
    this.#reply = { seq, element };
    this.focus();
  }

  cancelReply() {
    this.#reply?.element.remove();
    this.#reply = null;
    this.focus();
  }

  /** Nothing can be written here any more. */
  close() {
    this.field.disabled = true;
    for (const it of this.form.querySelectorAll("button")) it.disabled = !it.classList.contains("latest");
  }

  #submit() {
    const body = this.field.value.replace(/\s+$/u, "").replace(/^(?:[^\S\n]*\n)+/u, "");
    if (!body) return;
    const reply_to = this.#reply?.seq;
    this.#reply?.element.remove();
    this.#reply = null;
    this.#ways.typing(false);
    this.#ways.send({ kind: "post", body, reply_to });
    this.field.value = "";
    this.#grow();
    this.#ways.draft("");
    this.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // A key that ends a composition (keyCode 229 in some browsers) writes, it does not send.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.intercept(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && !this.field.value && !event.shiftKey) {
      if (this.#ways.editLast()) event.preventDefault();
    } else if (event.key === "Escape" && this.#reply) {
      event.stopPropagation();
      this.cancelReply();
    } else if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) this.#format(event);
  }

  /** @param {KeyboardEvent} event */
  #format(event) {
    const mark = { b: "**", i: "_", k: "`" }[event.key.toLowerCase()];
    if (!mark || (event.key.toLowerCase() === "k" && this.field.selectionStart === this.field.selectionEnd)) return;
    event.preventDefault();
    event.stopPropagation();
    wrap(this.field, mark, mark);
  }

  #changed() {
    this.#grow();
    this.#ways.draft(this.field.value);
    this.#ways.typing(Boolean(this.field.value.trim()));
  }

  #grow() {
    grow(this.field);
  }
}

/** Grows a field with its text up to nine lines, where CSS alone does not. @param {HTMLTextAreaElement} field */
export function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.blockSize = "auto";
  const line = Number.parseFloat(getComputedStyle(field).lineHeight) || 23;
  field.style.blockSize = `${Math.min(field.scrollHeight, line * LINES + 16)}px`;
}
