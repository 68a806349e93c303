import { page } from "./page.js";

/** The English texts; the page overrides them by key. `{name}` is filled in; `|` divides one from many. */
const english = {
  today: "Today",
  yesterday: "Yesterday",
  new_messages: "{n} new message|{n} new messages",
  newer_messages: "{n} newer message|{n} newer messages",
  back_to_latest: "Back to latest",
  pending: "Waiting to be sent",
  sent: "Sent",
  delivered: "Delivered to {k} of {n}",
  delivered_one: "Delivered",
  seen_one: "Read",
  seen: "Seen by {k} of {n}",
  seen_all: "Read by everyone",
  not_sent: "Not sent.",
  retry: "Retry",
  edit: "Edit",
  discard: "Discard",
  offline: "You are offline.",
  offline_more: "Keep writing: messages wait here and are sent in order when the line is back.",
  try_now: "Try now",
  signed_out: "You were signed out on this device.",
  signed_out_more: "What you wrote is kept.",
  sign_in: "Sign in",
  stopped: "The connection was closed.",
  stopped_more: "Reload the page to go on. What you wrote is kept.",
  reload: "Reload",
  removed: "You are no longer in this room.",
  removed_more: "Messages that you wrote before stay with the others.",
  to_rooms: "Back to rooms",
  typing_one: "{a} is typing",
  typing_two: "{a} and {b} are typing",
  typing_many: "Several people are typing",
  someone: "Someone",
  reply_to: "Replying to {name}",
  editing: "Editing your message",
  cancel: "Cancel",
  save: "Save",
  close: "Close",
  react: "Choose a reaction (R)",
  react_with: "React with {emoji}",
  reply: "Reply (Q)",
  edit_key: "Edit (E)",
  delete_key: "Delete (Del)",
  copy_link: "Copy link (L)",
  more: "More actions",
  actions: "Message actions",
  delete_title: "Delete this message?",
  delete_text: "It disappears for everyone. A note stays in its place so that replies still make sense.",
  delete_yes: "Delete message",
  delete_no: "Keep it",
  code_copied: "Code copied",
  link_copied: "Link copied",
  not_saved: "Not saved. {why}",
  pending_title: "Messages are not sent yet",
  pending_text: "{n} message waits here to be sent. Signing out erases it.|{n} messages wait here to be sent. Signing out erases them.",
  pending_yes: "Sign out and erase",
  pending_no: "Stay signed in",
  shortcuts: "Keyboard shortcuts",
  sc_switch: "Find a room or person",
  sc_help: "This list",
  sc_send: "Send the message",
  sc_line: "New line",
  sc_last: "Edit your last message",
  sc_format: "Bold, italic, code",
  sc_walk: "Walk through messages",
  sc_react: "React to the message in focus",
  sc_reply: "Reply to it",
  sc_edit: "Edit it",
  sc_delete: "Delete it",
  sc_link: "Copy its link",
  sc_cancel: "Cancel, close",
  jump_to: "Jump to",
  jump_label: "Find a room or person",
  results: "Results",
  no_results: "Nothing by that name",
  people: "People",
  emoji: "Emoji",
  draft: "draft",
  unread: "{n} unread",
  mentions: "{n} mention|{n} mentions",
  including_you: "{emoji} {n}, including you",
  reaction: "{emoji} {n}",
  new_from: "{name}: {text}",
  why_denied: "You may not write here.",
  why_not_found: "This room or message is not there any more.",
  why_conflict: "The message was deleted meanwhile.",
  why_too_large: "The message is too long.",
  why_bad_request: "The room did not accept it.",
  why_unsure: "It is not known whether an earlier try arrived.",
  why_other: "The room did not accept it.",
};

/** @typedef {keyof typeof english} TextKey */

const locale = page?.locale ?? document.documentElement.lang ?? "en";
const plural = new Intl.PluralRules(locale);
const number = new Intl.NumberFormat(locale);

/**
 * A text with its blanks filled; a blank `n` chooses the form.
 * @param {TextKey} key
 * @param {Record<string, string | number>} [blanks]
 */
export function text(key, blanks = {}) {
  const forms = (page?.texts?.[key] ?? english[key]).split("|");
  const one = typeof blanks.n === "number" && plural.select(blanks.n) === "one";
  const form = (one ? forms[0] : forms.at(-1)) ?? "";
  return form.replace(/\{(\w+)\}/g, (all, name) => {
    const value = blanks[name];
    return value === undefined ? all : typeof value === "number" ? number.format(value) : value;
  });
}

/** Why the server refused for good, in words. @param {string} code */
export function why(code) {
  const key = `why_${code}`;
  return text(key in english ? /** @type {TextKey} */ (key) : "why_other");
}
