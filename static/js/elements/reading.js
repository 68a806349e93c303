// Read is what was visible in a focused window; delivered is what this device has.

import { throttle } from "../lib/dom.js";

/**
 * @param {import("./timeline.js").Timeline} timeline
 * @param {import("../lib/socket.js").Socket} socket
 */
export function watchReading(timeline, socket) {
  const { room, keeper, pages } = timeline;
  let read = room.read;
  let delivered = room.delivered ?? 0;
  const tell = throttle(400, () => {
    if (!socket.live) return;
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
  return tell;
}
