// Read is what was visible in a focused window; delivered is what this device has.

import { throttle } from "../lib/dom.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { isMe } from "../lib/page.js";
import { markNew } from "./decorate.js";
import { toast } from "./dialogs.js";

/**
 * @param {import("./timeline.js").Timeline} timeline
 * @param {import("../lib/socket.js").Socket} socket
 */
export function watchReading(timeline, socket) {
  const { room, keeper, pages } = timeline;
  let read = room.read;
  let delivered = room.delivered ?? 0;
  const tell = throttle(400, () => {
    if (!socket.live || made.kept) return;
    const looking = document.visibilityState === "visible" && document.hasFocus() && timeline.view.offsetParent !== null;
    const seen = !looking ? 0 : keeper.atEnd() && !pages.newer ? timeline.head : keeper.lastVisible();
    const marks = { ...(seen > read ? { read: seen } : {}), ...(timeline.head > delivered ? { delivered: timeline.head } : {}) };
    if (!Object.keys(marks).length) return;
    if (!socket.send({ t: "mark", room: room.id, ...marks })) return;
    read = Math.max(read, seen);
    delivered = Math.max(delivered, timeline.head, seen);
  });
  for (const type of ["focus", "pointerdown", "keydown"]) addEventListener(type, tell, { passive: true });
  document.addEventListener("visibilitychange", tell);
  timeline.view.addEventListener("scroll", tell);
  timeline.onChange(tell);
  socket.on("state", (state) => {
    // What was told on a line that broke may not have arrived.
    if (state !== "live") [read, delivered] = [room.read, room.delivered ?? 0];
    else tell();
  });
  const made = {
    tell,
    /** Marked as unread by hand: it stays so until the room is opened anew. */
    kept: false,
    /** @type {{unread: number, mentions: number} | null} */ left: null,
    /** What came meanwhile is unread, too; who writes has read. @param {EntryFrame} frame @returns {boolean} whether `left` is something else now */
    came(frame) {
      if (!made.left || frame.kind !== "post" || frame.op !== "add") return false;
      if (isMe(frame.by)) [made.kept, made.left] = [false, { unread: 0, mentions: 0 }];
      else made.left.unread += 1;
      return true;
    },
    /** @param {number} seq @returns {Promise<{unread: number, mentions: number} | null>} what is unread then */
    async unreadFrom(seq) {
      made.kept = true;
      try {
        const left = await api(`/rooms/${room.id}/markers`, { method: "PUT", body: { unread_from: seq } });
        made.left = left;
        timeline.change(() => markNew(timeline.column, left.read, left.unread));
        toast(text("marked_unread"));
        return left;
      } catch {
        made.kept = false;
        toast(text("not_saved", { why: text("offline") }));
        return null;
      }
    },
  };
  return made;
}
