// The start: what the page says, one socket, one outbox, and the room if there is one.

import { find } from "./lib/dom.js";
import { page } from "./lib/page.js";
import { Socket } from "./lib/socket.js";
import { localMoments } from "./lib/time.js";
import { watchConnection } from "./elements/connection.js";
import { layout } from "./elements/layout.js";
import { watchPresence } from "./elements/presence.js";
import { Sidebar } from "./elements/sidebar.js";
import { watchSignOut } from "./elements/sign-out.js";
import { Drafts } from "./models/drafts.js";
import { Outbox } from "./models/outbox.js";
import { OutboxStore } from "./models/outbox-store.js";
import { People } from "./models/people.js";
import { openRoom } from "./room.js";

document.documentElement.dataset.live = "";
const app = find(".app");
layout(app);
localMoments();
if (page && app) start(page);

/** @param {PageData} data */
function start(data) {
  /** @type {import("./elements/timeline.js").Timeline | null} */
  let timeline = null;
  const socket = new Socket(() => (timeline ? { [timeline.room.id]: timeline.head } : {}));
  const outbox = new Outbox(new OutboxStore(), data.me.id, (frame) => socket.send(frame));
  const drafts = new Drafts(data.me.id);
  const people = new People();
  people.learn([data.me, ...(data.room?.members ?? [])]);
  const sidebar = new Sidebar(drafts);
  watchSignOut(outbox, drafts);
  watchConnection(socket);
  watchPresence(socket, sidebar, data.room);

  socket.on("welcome", (frame) => {
    // Somebody else signed in meanwhile: this page, its outbox and drafts are not theirs.
    if (frame.user.id !== data.me.id) {
      location.assign("/");
      return;
    }
    for (const room of frame.rooms) if (room.id !== timeline?.room.id) sidebar.count(room.id, room.unread, room.mentions);
    outbox.online();
  });
  socket.on("state", (state) => state !== "live" && outbox.offline());
  socket.on("ack", (frame) => void outbox.acked(frame));
  socket.on("error", (frame) => void outbox.refused(frame));
  socket.on("head", (frame) => {
    sidebar.count(frame.room, frame.unread, frame.mentions);
    socket.send({ t: "mark", room: frame.room, delivered: frame.seq });
  });
  socket.on("room", () => sidebar.refresh());
  socket.on("gone", (frame) => sidebar.remove(frame.room));
  socket.on("user", (frame) => people.learn([frame.user]));

  if (data.room) timeline = openRoom(data.room, data.me, { socket, outbox, drafts, people, sidebar });
  socket.open();
}
