// The open room: its parts wired to the socket and the outbox.

import { closest, find, findAll } from "./lib/dom.js";
import { text, why } from "./lib/l10n.js";
import { isMe } from "./lib/page.js";
import { announcer } from "./elements/announcer.js";
import { banner } from "./elements/banner.js";
import { codeButtons } from "./elements/code.js";
import { complete } from "./elements/completion.js";
import { Composer } from "./elements/composer.js";
import { watchDates } from "./elements/dates.js";
import { nameOf } from "./elements/decorate.js";
import { toast } from "./elements/dialogs.js";
import { formatButtons, type } from "./elements/format.js";
import { watchLatest } from "./elements/latest.js";
import { Pending } from "./elements/pending.js";
import { pickEmoji } from "./elements/picker.js";
import { watchReading } from "./elements/reading.js";
import { watchReceipts } from "./elements/receipts.js";
import { Timeline } from "./elements/timeline.js";
import { Tools } from "./elements/tools.js";
import { typingLine } from "./elements/typing-line.js";

/**
 * @typedef {object} Parts
 * @property {import("./lib/socket.js").Socket} socket
 * @property {import("./models/outbox.js").Outbox} outbox
 * @property {import("./models/drafts.js").Drafts} drafts
 * @property {import("./models/people.js").People} people
 * @property {import("./elements/sidebar.js").Sidebar} sidebar
 */

/**
 * @param {RoomData} room @param {Person} me @param {Parts} parts
 * @returns {Timeline | null} the timeline, whose head the socket resumes from
 */
export function openRoom(room, me, parts) {
  const { socket, outbox, drafts, people, sidebar } = parts;
  const view = find("main.room > .timeline");
  const form = find("main.room > form.composer-zone");
  const field = find("textarea", form ?? undefined);
  if (!view || !(form instanceof HTMLFormElement) || !(field instanceof HTMLTextAreaElement)) return null;
  const timeline = new Timeline(view, room);
  const typing = typingLine(form, people);
  const send = (/** @type {Content} */ content) => void outbox.add(room.id, timeline.head, content);
  const composer = new Composer(form, field, {
    send,
    editLast: () => tools.editLast(),
    typing: (on) => typing.shouldTell(on) && socket.send({ t: "typing", room: room.id, on }),
    draft: (words) => drafts.set(room.id, words),
  });
  const tools = new Tools(timeline, composer, {
    send,
    seen: (message) => receipts.show(message),
    unread: (seq) => void reading.unreadFrom(seq).then((left) => left && sidebar.count(room.id, left.unread, left.mentions)),
  });
  const pending = new Pending(timeline, outbox, (item) => composer.fill(item.body ?? ""));
  const receipts = watchReceipts(timeline, me.id, people);
  const announce = announcer(timeline);
  timeline.onChange(() => learn(timeline, people));
  timeline.open();
  const latest = watchLatest(timeline, form);
  codeButtons(view);
  watchDates(timeline);
  const reading = watchReading(timeline, socket);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !event.shiftKey || event.isComposing || find("dialog")) return;
    event.preventDefault();
    [reading.kept, reading.left] = [false, null];
    void latest().then(reading.tell);
  });
  formatButtons(form, field);
  complete(composer, people, room.id);
  const draft = drafts.get(room.id);
  if (draft && !field.value) composer.fill(draft);
  if (matchMedia("(pointer: fine)").matches && !room.target) composer.focus();
  form.addEventListener("click", (event) => {
    const asked = closest(event, "[data-emoji]");
    if (asked) pickEmoji(asked, (emoji) => type(field, emoji));
  });
  void pending.restore();

  outbox.listen((change) => {
    if (change.type === "failed" && change.item.kind !== "post" && change.item.room === room.id)
      toast(text("not_saved", { why: why(change.item.failed ?? "") }));
  });
  socket.on("entry", (frame) => {
    if (frame.room !== room.id) return;
    timeline.keeper.keep(() => pending.arrived(frame));
    timeline.receive(frame);
    if (!isMe(frame.by)) announce(frame);
    typing.wrote(frame.by);
    reading.tell();
    if (reading.came(frame)) sidebar.count(room.id, reading.left?.unread ?? 0, reading.left?.mentions ?? 0);
  });
  socket.on("reset", (frame) => {
    if (frame.room === room.id) void timeline.reset(frame.head);
  });
  socket.on("marks", (frame) => {
    if (frame.room === room.id) receipts.take(frame.marks);
  });
  socket.on("typing", (frame) => {
    if (frame.room === room.id) typing.heard(frame.users, frame.expires_ms);
  });
  socket.on("welcome", () => void receipts.load());
  socket.on("gone", (frame) => {
    if (frame.room !== room.id) return;
    composer.close();
    const go = { text: text("to_rooms"), act: () => location.assign("/") };
    banner({ kind: "bad", icon: "alert", strong: text("removed"), more: text("removed_more"), does: go });
  });
  // Added again: the page as it is for a member.
  socket.on("room", (frame) => frame.room === room.id && field.disabled && location.reload());
  socket.on("marks", (frame) => {
    const mine = frame.marks.find((it) => isMe(it.user));
    if (frame.room === room.id && mine && mine.read >= timeline.head && !reading.kept) sidebar.count(room.id, 0, 0);
  });
  return timeline;
}

/** Names that the page shows need no question. @param {Timeline} timeline @param {import("./models/people.js").People} people */
function learn(timeline, people) {
  for (const message of findAll(".message[data-author]", timeline.column)) {
    const id = message.dataset.author ?? "";
    if (id && !people.get(id)) people.learn([{ id, name: nameOf(message) }]);
  }
}
