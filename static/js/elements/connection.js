// What the reader is told of the line: nothing for two seconds, then one calm banner.

import { text } from "../lib/l10n.js";
import { banner } from "./banner.js";

const PATIENCE = 2_000;

/** @param {import("../lib/socket.js").Socket} socket */
export function watchConnection(socket) {
  let timer = 0;
  /** @param {() => void} tell */
  const later = (tell) => (timer ||= window.setTimeout(tell, PATIENCE));
  const offline = () =>
    banner({ kind: "warn", icon: "wifi-off", strong: text("offline"), more: text("offline_more"), does: { text: text("try_now"), act: () => socket.open() } });
  later(offline);
  socket.on("state", (state, code) => {
    document.documentElement.dataset.line = state;
    if (state === "live") {
      clearTimeout(timer);
      timer = 0;
      banner(null);
    } else if (state === "waiting") later(offline);
    else if (state === "ended") {
      clearTimeout(timer);
      const go = { text: text(code === 4001 ? "sign_in" : "reload"), act: () => location.reload() };
      if (code === 4001) banner({ kind: "bad", icon: "alert", strong: text("signed_out"), more: text("signed_out_more"), does: go });
      else banner({ kind: "bad", icon: "alert", strong: text("stopped"), more: text("stopped_more"), does: go });
    }
  });
}
