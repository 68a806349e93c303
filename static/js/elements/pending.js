// What I wrote and the room has not yet shown: a clock, a tick, or red with a way out.

import { build, button, find, findAll, icon } from "../lib/dom.js";
import { text, why } from "../lib/l10n.js";
import { isMe, page } from "../lib/page.js";
import { writeTime } from "../lib/time.js";
import { setReceipt } from "./receipts.js";

export class Pending {
  #timeline;
  #outbox;
  #edit;

  /**
   * @param {import("./timeline.js").Timeline} timeline
   * @param {import("../models/outbox.js").Outbox} outbox
   * @param {(item: Sending) => void} edit puts a failed message back into the composer
   */
  constructor(timeline, outbox, edit) {
    this.#timeline = timeline;
    this.#outbox = outbox;
    this.#edit = edit;
    outbox.listen((change) => this.#take(change));
  }

  /** After a reload: what was waiting still waits. */
  async restore() {
    for (const item of await this.#outbox.pending()) this.#show(item);
  }

  /** The room shows it: the copy goes. @param {EntryFrame} frame */
  arrived(frame) {
    if (!isMe(frame.by) || !frame.client_id) return;
    this.#element(frame.client_id)?.remove();
  }

  /** @param {import("../models/outbox.js").Change} change */
  #take(change) {
    const { item } = change;
    if (item.room !== this.#timeline.room.id || item.kind !== "post") return;
    if (change.type === "discarded") this.#timeline.change(() => this.#element(item.client_id)?.remove());
    else if (change.type === "acked") this.#acked(item.client_id, change.seq);
    else this.#show(item, change.type === "added");
  }

  /** @param {string} id @param {number} seq */
  #acked(id, seq) {
    const element = this.#element(id);
    if (!element) return;
    element.dataset.seq = String(seq);
    element.removeAttribute("data-state");
    const here = find(`:scope > [data-seq="${seq}"]:not([data-client-pending])`, this.#timeline.column);
    if (here) this.#timeline.change(() => element.remove());
    else setReceipt(element, { state: "sent", label: text("sent") });
  }

  /** @param {string} id */
  #element(id) {
    return document.getElementById(`p${id}`);
  }

  /** @param {Sending} item @param {boolean} [written] just now, so it comes into view */
  #show(item, written = false) {
    if (item.room !== this.#timeline.room.id || item.kind !== "post") return;
    if (find(`[data-client-id="${item.client_id}"]`, this.#timeline.column)) return;
    const made = this.#make(item);
    if (!made) return;
    const old = this.#element(item.client_id);
    this.#timeline.change(() => (old ? old.replaceWith(made) : this.#timeline.column.append(made)));
    if (written && document.hasFocus()) {
      this.#timeline.keeper.toEnd();
      if (this.#timeline.pages.newer) void this.#timeline.toLatest();
    }
  }

  /** @param {Sending} item @returns {HTMLElement | null} */
  #make(item) {
    const template = document.getElementById("message-template");
    const copy = template instanceof HTMLTemplateElement ? template.content.firstElementChild?.cloneNode(true) : null;
    if (!(copy instanceof HTMLElement)) return null;
    const id = `p${item.client_id}`;
    copy.id = id;
    for (const part of ["seq", "clientId", "at", "mentions", "edited", "deleted"]) delete copy.dataset[part];
    Object.assign(copy.dataset, { clientPending: item.client_id, author: item.person, mine: "", state: item.failed ? "failed" : "pending" });
    this.#head(copy, item, id);
    const body = find(".message-body", copy);
    if (body) {
      body.id = `${id}-body`;
      body.replaceChildren(...paragraphs(item.body ?? ""));
    }
    copy.setAttribute("aria-labelledby", `${id}-by ${id}-body`);
    for (const extra of findAll(".reactions, .message-quote, .message-tools, .message-actions, form", copy)) extra.remove();
    if (item.failed) this.#failed(copy, item, item.failed);
    else setReceipt(copy, { state: "pending", label: text("pending") });
    return copy;
  }

  /** @param {HTMLElement} copy @param {Sending} item @param {string} id */
  #head(copy, item, id) {
    const author = find(".message-author", copy);
    if (author) {
      author.id = `${id}-by`;
      (find("bdi", author) ?? author).textContent = page?.me.name ?? "";
    }
    const time = find("time", copy);
    if (time instanceof HTMLTimeElement) writeTime(time, new Date(item.at));
    find("a.message-time", copy)?.removeAttribute("href");
    const mine = find(".me .avatar")?.cloneNode(true);
    const avatar = find(".avatar", copy);
    if (avatar && mine instanceof HTMLElement) {
      find(".presence", mine)?.remove();
      mine.removeAttribute("data-size");
      mine.setAttribute("aria-hidden", "true");
      avatar.replaceWith(mine);
    }
  }

  /** @param {HTMLElement} copy @param {Sending} item @param {string} code */
  #failed(copy, item, code) {
    const does = (/** @type {"retry" | "edit" | "discard"} */ what, /** @type {() => void} */ act) =>
      button({ label: text(what), text: text(what), class: "text-button", kind: "danger" }, act);
    const row = build("div", { class: "message-failed" }, build("span", {}, icon("alert", "icon icon-sm"), `${text("not_sent")} ${why(code)}`));
    row.append(does("retry", () => void this.#outbox.retry(item)));
    row.append(
      does("edit", () => {
        void this.#outbox.discard(item);
        this.#edit(item);
      }),
    );
    row.append(does("discard", () => void this.#outbox.discard(item)));
    find(".message-main", copy)?.append(row);
    find(".receipt", copy)?.remove();
  }
}

/** Plain text as paragraphs and lines, until the room has rendered it. @param {string} body */
function paragraphs(body) {
  return body
    .trim()
    .split(/\n{2,}/)
    .map((part) => {
      const made = build("p");
      part.split("\n").forEach((line, at) => made.append(...(at ? [document.createElement("br")] : []), line));
      return made;
    });
}
