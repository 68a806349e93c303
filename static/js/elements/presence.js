// Dots on the pictures of the people on view, the same in words, and how many of a room are online.

import { build, find, findAll } from "../lib/dom.js";
import { watchAttention } from "../lib/attention.js";
import { api } from "../lib/http.js";
import { text } from "../lib/l10n.js";
import { Presence } from "../models/presence.js";

/** Larger rooms are not counted: everybody in them would be told of everybody. */
const COUNTED_MOST = 100;
/** So many of the members can be asked for at once: of more it is only counted who comes and goes. */
const MEMBERS_MOST = 200;
/** Who come and go together are asked for together. */
const GATHER = 300;
/** A line that is back sooner leaves what is shown as it is. */
const PATIENCE = 2_000;

const WORDS = { active: () => text("is_online"), away: () => text("is_away"), dnd: () => text("is_dnd"), offline: () => text("is_offline") };
const LOOKS = { active: "online", away: "away", dnd: "dnd", offline: "offline" };
const PLACES = ".avatar[data-user]:has(> .presence)";

/**
 * @param {import("../lib/socket.js").Socket} socket
 * @param {import("./sidebar.js").Sidebar} sidebar
 * @param {RoomData | null | undefined} room
 */
export function watchPresence(socket, sidebar, room) {
  let drawing = 0;
  const presence = new Presence(
    (frame) => socket.send(frame),
    () => (drawing ||= requestAnimationFrame(draw)),
  );
  /** @param {string[]} all */
  const counted = (all) => (room?.kind !== "direct" && all.length <= COUNTED_MOST ? all : []);
  let members = counted((room?.members ?? []).map((it) => it.id));
  /** @type {Set<Element>} */
  const onView = new Set();
  const want = () => presence.want([...[...onView].map((it) => (it instanceof HTMLElement && it.dataset.user) || ""), ...members].filter(Boolean));
  const eye = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) onView[isIntersecting ? "add" : "delete"](target);
    want();
  });
  const observe = () => {
    eye.disconnect();
    onView.clear();
    for (const avatar of findAll(PLACES)) eye.observe(avatar);
    draw();
  };
  function draw() {
    drawing = 0;
    for (const avatar of findAll(PLACES)) show(avatar, presence.of(avatar.dataset.user ?? ""));
    const states = members.map((user) => presence.of(user));
    const online = states.filter((state) => state === "active").length;
    const known = states.length > 0 && states.every(Boolean);
    for (const place of findAll("[data-online]")) write(place, known ? text("online", { n: online }) : "");
  }

  let patience = 0;
  socket.on("state", (state) => {
    clearTimeout(patience);
    if (state === "live") return presence.online();
    presence.offline();
    patience = window.setTimeout(() => presence.forget(), PATIENCE);
  });
  if (room && room.kind !== "direct")
    watchMembers(socket, room.id, (all) => {
      members = counted(all);
      want();
      draw();
    });
  socket.on("presence", (frame) => presence.take(frame.users));
  // Refused hints carry no name: what was said may have been one of them.
  socket.on("error", (frame) => !frame.ref && frame.code === "rate_limited" && presence.again(frame.retry_after_ms ?? 0));
  watchAttention((here) => presence.say(here ? "active" : "away"));
  sidebar.onFresh(observe);
  observe();
}

/**
 * How many are in the room, when somebody comes or goes; `tell` gets them, or nobody where there are too many.
 * @param {import("../lib/socket.js").Socket} socket @param {string} room @param {(members: string[]) => void} tell
 */
function watchMembers(socket, room, tell) {
  let count = Number(find("[data-members]")?.dataset.members);
  let gathering = 0;
  /** @param {number} n */
  const say = (n) => {
    count = n;
    for (const place of findAll("[data-members]")) write(place, text("members", { n }));
    for (const place of findAll("[data-members-number]")) write(place, String(n));
  };
  const ask = async () => {
    const page = await api(`/rooms/${room}/members?limit=${MEMBERS_MOST}`).catch(() => null);
    if (!page) return;
    if (!page.next) say(page.items.length);
    tell(page.next ? [] : page.items.map((/** @type {{user: string}} */ it) => it.user));
  };
  const soon = () => {
    clearTimeout(gathering);
    if (count <= MEMBERS_MOST) gathering = window.setTimeout(() => void ask(), GATHER);
  };
  socket.on("entry", (frame) => {
    const change = frame.room === room ? { join: 1, leave: -1 }[frame.kind] : 0;
    if (!change) return;
    say(count + change);
    soon();
  });
  socket.on("reset", (frame) => frame.room === room && soon());
}

/** @param {HTMLElement} avatar @param {import("../models/presence.js").State | undefined} state */
function show(avatar, state) {
  const dot = find(".presence", avatar);
  if (!dot || dot.dataset.state === (state && LOOKS[state])) return;
  if (state) dot.dataset.state = LOOKS[state];
  else delete dot.dataset.state;
  const name = find(".room-name, .person-name, .bar-sub > bdi", avatar.parentElement ?? undefined);
  const words = name?.nextElementSibling;
  const place = words instanceof HTMLElement && words.matches(".presence-text") ? words : build("span", { class: "presence-text sr-only" });
  if (place !== words) name?.after(place);
  write(place, state ? WORDS[state]() : "");
}

/** @param {HTMLElement} place @param {string} words */
function write(place, words) {
  if (place.textContent !== words) place.textContent = words;
}
