// Types only: what the server puts on the page and on the socket. Never served as logic.

/**
 * The JSON in `<script type="application/json" id="page-data">` of every signed-in page.
 *
 * What the scripts read from the markup besides (all ids as on the wire):
 * - `.timeline` of the open room (in `main.room`), `.timeline-column` in it; items in `seq` order;
 * - `article.message#m{seq}[data-seq][data-author={user}]`, `data-client-id`, `data-mentions="user user here channel"`,
 *   `data-deleted`, `data-reply-to`; its `time[datetime]`; system lines `p.system#m{seq}[data-seq]`;
 * - `.reaction[data-emoji][data-users="user user"]` (a count beyond the listed users is the text);
 * - `a.message-quote[href="#m{seq}"]` or a permalink `/r/{room}/{seq}`;
 * - `<template id="message-template">`: one `article.message` by me, empty body, as the same template renders it;
 * - `.avatar[data-user] > .presence`: the dot of a person; `[data-online]`: how many of the room are online;
 * - `form.composer-zone` with `textarea#composer[name=body]`, `.typing`, `button.latest`;
 * - `a.room-link[href="/r/{room}"]` with `.room-name` and `.badge`;
 * - forms marked `data-js="sign-out"`; theme forms or buttons with `data-theme-choice="light|dark|system"`;
 * - source of a message for editing: `GET /api/v1/rooms/{room}/messages?around={seq}&limit=1`.
 * `GET /r/{room}/items?before=SEQ|after=SEQ|around=SEQ` answers `text/html`, the items one after
 * another; nothing at all means that there are no more on that side.
 */
interface PageData {
  me: Person;
  workspace?: string;
  room?: RoomData | null;
  /** What the scripts say: a text with blanks in braces, or one for each plural form. */
  texts?: Record<string, string | Partial<Record<Intl.LDMLPluralRule | "other", string>>>;
  locale?: string;
  time_zone?: string;
  hour12?: boolean;
}

interface Person {
  id: string;
  name: string;
  handle?: string;
  avatar?: string | null;
}

interface RoomData {
  id: string;
  name: string;
  kind?: "channel" | "group" | "direct";
  role?: string;
  /** The state that the page shows: the socket watches after it. */
  head: number;
  ord?: number;
  read: number;
  delivered?: number;
  unread?: number;
  /** Whether there are items before the first, after the last one on the page. */
  older?: boolean;
  newer?: boolean;
  /** The message that a permalink names. */
  target?: number | null;
  members?: Person[];
}

type Op = "add" | "replace" | "remove" | "none";
interface EntryFrame {
  t: "entry";
  room: string;
  seq: number;
  ord: number;
  at: string;
  by: string | null;
  client_id: string | null;
  kind: string;
  op: Op;
  target: number | string | null;
  html: string | null;
}
interface Mark {
  user: string;
  read: number;
  delivered: number;
}
interface RoomItem {
  id: string;
  kind: string;
  name: string | null;
  head: number;
  ord: number;
  read: number;
  delivered: number;
  unread: number;
  mentions: number;
}
interface Frames {
  welcome: { t: "welcome"; user: Person; now: string; rooms: RoomItem[]; next: string | null };
  watching: { t: "watching"; room: string; head: number; ref?: string };
  reset: { t: "reset"; room: string; head: number; ref?: string };
  unwatched: { t: "unwatched"; room: string };
  entry: EntryFrame;
  ack: { t: "ack"; ref: string; client_id: string; room: string; seq: number; ord: number; at: string };
  error: { t: "error"; ref?: string; code: string; detail: string; retry_after_ms?: number };
  head: { t: "head"; room: string; seq: number; ord: number; unread: number; mentions: number };
  marks: { t: "marks"; ref?: string; room: string; marks: Mark[] };
  typing: { t: "typing"; room: string; users: string[]; expires_ms: number };
  presence: { t: "presence"; users: Record<string, "active" | "away" | "dnd" | "offline"> };
  user: { t: "user"; user: Person };
  room: { t: "room"; room: string };
  gone: { t: "gone"; room: string; seq: number };
  pong: { t: "pong"; n: number };
  bye: { t: "bye"; code: string; retry_after_ms: number };
}
type Frame = Frames[keyof Frames];

/** One thing to append, kept until the server acknowledged it. */
interface Sending {
  person: string;
  room: string;
  client_id: string;
  after: number;
  /** Grows with every message written in this browser: the order of sending. */
  order: number;
  at: string;
  kind: "post" | "edit" | "delete" | "react" | "unreact";
  body?: string;
  target?: number;
  reply_to?: number;
  emoji?: string;
  /** Whether a try may have begun: from then on a refusal of a later try says nothing about it. */
  tried: boolean;
  /** Set once no try is left: the code of the server, or "unsure" if an earlier try may be stored. */
  failed?: string;
}
type Content = Pick<Sending, "kind" | "body" | "target" | "reply_to" | "emoji">;

interface TrustedTypePolicy {
  createHTML(text: string): string;
}
interface Window {
  trustedTypes?: { createPolicy(name: string, rules: { createHTML(text: string): string }): TrustedTypePolicy };
}
