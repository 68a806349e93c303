// What one can do with a message: one toolbar per timeline, keys on the message in focus, long press on touch.

import { items, seqOf } from "../lib/apply.js";
import { build, button, closest, find } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { page } from "../lib/page.js";
import { nameOf } from "./decorate.js";
import { confirm, toast } from "./dialogs.js";
import { editMessage } from "./edit.js";
import { pickEmoji } from "./picker.js";

const QUICK = ["👍", "🎉"];
const LONG_PRESS = 450;

/**
 * @typedef {object} Ways what lies behind the tools
 * @property {(content: Content) => void} send
 * @property {(message: HTMLElement) => void} seen
 * @property {(seq: number) => void} unread
 */

export class Tools {
  #timeline;
  #composer;
  #ways;
  #bar;
  #press = 0;

  /**
   * @param {import("./timeline.js").Timeline} timeline
   * @param {import("./composer.js").Composer} composer
   * @param {Ways} ways
   */
  constructor(timeline, composer, ways) {
    this.#timeline = timeline;
    this.#composer = composer;
    this.#ways = ways;
    this.#bar = this.#build();
    const { view } = timeline;
    view.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.#visit(closest(event, ".message")));
    view.addEventListener("focusin", (event) => this.#visit(closest(event, ".message")));
    view.addEventListener("click", (event) => this.#click(event));
    view.addEventListener("keydown", (event) => this.#key(event));
    view.addEventListener("pointerdown", (event) => this.#down(event));
    for (const end of ["pointerup", "pointercancel", "pointermove"]) view.addEventListener(end, () => clearTimeout(this.#press));
    view.addEventListener("contextmenu", (event) => find(".message[data-active]", view) && event.preventDefault());
  }

  /** @returns {boolean} whether there was one */
  editLast() {
    const mine = items(this.#timeline.column).filter((it) => it.matches(".message[data-mine]:not([data-deleted])"));
    const last = mine.at(-1);
    if (last) this.edit(last, () => this.#composer.focus());
    return Boolean(last);
  }

  /** @param {HTMLElement} message @param {() => void} [leave] */
  edit(message, leave = () => this.#current(message)?.focus({ preventScroll: true })) {
    const target = seqOf(message);
    void editMessage(this.#timeline, message, (body) => this.#ways.send({ kind: "edit", target, body }), leave);
  }

  #build() {
    const bar = build("div", { class: "message-tools", role: "toolbar", "aria-label": text("actions") });
    const add = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ icon, /** @type {(m: HTMLElement) => void} */ act) => {
      const made = button({ label, icon, size: "sm", tabindex: -1 }, () => {
        const message = bar.closest(".message");
        if (message instanceof HTMLElement) act(message);
      });
      made.dataset.tool = name;
      bar.append(made);
      return made;
    };
    for (const emoji of QUICK) {
      const made = add("quick", text("react_with", { emoji }), "", (message) => this.#toggle(message, emoji));
      made.append(build("span", { class: "emoji", "aria-hidden": "true" }, emoji));
    }
    add("react", text("react"), "emoji", (message) => this.#pick(message));
    add("reply", text("reply"), "reply", (message) => this.#reply(message));
    add("edit", text("edit_key"), "edit", (message) => this.edit(message));
    add("delete", text("delete_key"), "trash", (message) => void this.#remove(message));
    add("unread", text("mark_unread"), "eye", (message) => this.#ways.unread(seqOf(message)));
    add("link", text("copy_link"), "link", (message) => void this.#copy(message));
    return bar;
  }

  /** @param {HTMLElement | null} message */
  #visit(message) {
    if (!message || message.dataset.clientPending || message.hasAttribute("data-deleted")) return;
    for (const name of ["edit", "delete"]) {
      const tool = find(`[data-tool="${name}"]`, this.#bar);
      const may = message.hasAttribute("data-mine") || (name === "delete" && /^(owner|admin)$/.test(this.#timeline.room.role ?? ""));
      if (tool) tool.hidden = !may;
    }
    if (this.#bar.parentNode !== message) message.append(this.#bar);
  }

  /** The message as it is now: an edit may have replaced the element. @param {HTMLElement} message */
  #current(message) {
    return items(this.#timeline.column).find((it) => seqOf(it) === seqOf(message));
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const reaction = closest(event, ".reaction");
    const message = closest(event, ".message");
    if (reaction && message?.dataset.seq) {
      event.preventDefault();
      this.#toggle(message, reaction.dataset.emoji ?? reaction.textContent?.replace(/[\d\s]/g, "") ?? "");
      return;
    }
    const quote = closest(event, "a.message-quote");
    const seq = Number(/(\d+)$/.exec(quote?.getAttribute("href") ?? "")?.[1] ?? 0);
    if (seq && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      void this.#timeline.goTo(seq).then((item) => item && this.#timeline.point(item));
    }
    if (!closest(event, ".message[data-active]")) find(".message[data-active]", this.#timeline.view)?.removeAttribute("data-active");
  }

  /** @param {HTMLElement} message @param {string} emoji */
  #toggle(message, emoji) {
    const pressed = find(`.reaction[data-emoji="${CSS.escape(emoji)}"]`, message)?.getAttribute("aria-pressed") === "true";
    this.#ways.send({ kind: pressed ? "unreact" : "react", target: seqOf(message), emoji });
  }

  /** @param {HTMLElement} message */
  #pick(message) {
    this.#visit(message);
    pickEmoji(find('[data-tool="react"]', this.#bar) ?? message, (emoji) => this.#toggle(message, emoji));
  }

  /** @param {HTMLElement} message */
  #reply(message) {
    this.#composer.replyTo(seqOf(message), nameOf(message), find(".message-body", message)?.textContent?.trim() ?? "");
  }

  /** @param {HTMLElement} message */
  async #remove(message) {
    const yes = await confirm({ title: text("delete_title"), text: text("delete_text"), yes: text("delete_yes"), no: text("delete_no") });
    if (yes) this.#ways.send({ kind: "delete", target: seqOf(message) });
    this.#current(message)?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement} message */
  async #copy(message) {
    const link = new URL(`/r/${this.#timeline.room.id}/${seqOf(message)}`, location.origin).href;
    try {
      await navigator.clipboard.writeText(link);
      toast(text("link_copied"));
    } catch {
      toast(link);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const message = document.activeElement instanceof HTMLElement && document.activeElement.matches(".message, .timeline") ? document.activeElement : null;
    if (!message || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      this.#walk(message, event.key === "ArrowUp" ? -1 : 1);
      return;
    }
    if (!message.matches(".message[data-seq]:not([data-client-pending], [data-deleted])")) return;
    const mine = message.dataset.author === page?.me.id;
    const key = event.key.toLowerCase();
    if (key === "r" || key === "+") this.#pick(message);
    else if (key === "q") this.#reply(message);
    else if (key === "e" && mine) this.edit(message);
    else if (key === "delete" && !find('[data-tool="delete"]', this.#bar)?.hidden) void this.#remove(message);
    else if (key === "u") this.#ways.unread(seqOf(message));
    else if (key === "i" && mine) this.#ways.seen(message);
    else if (key === "l") void this.#copy(message);
    else if (key === "escape") this.#composer.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {HTMLElement} from @param {number} step */
  #walk(from, step) {
    const all = [...this.#timeline.column.querySelectorAll(":scope > .message")].filter((it) => it instanceof HTMLElement);
    const at = all.indexOf(from);
    const next = at < 0 ? all.at(-1) : all[at + step];
    if (!next) return;
    find('.message[tabindex="0"]', this.#timeline.column)?.setAttribute("tabindex", "-1");
    next.tabIndex = 0;
    next.focus();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const message = closest(event, ".message");
    if (event.pointerType === "mouse" || !message) return;
    clearTimeout(this.#press);
    this.#press = window.setTimeout(() => {
      find(".message[data-active]", this.#timeline.view)?.removeAttribute("data-active");
      this.#visit(message);
      message.toggleAttribute("data-active", true);
    }, LONG_PRESS);
  }
}
