// “A and B are typing”, in a row of its own so that nothing moves.

import { build, find } from "../lib/dom.js";
import { text } from "../lib/l10n.js";
import { isMe } from "../lib/page.js";
import { Typing } from "../models/typing.js";

/** @param {HTMLElement} composer @param {import("../models/people.js").People} people */
export function typingLine(composer, people) {
  const line = find(".typing", composer);
  const draw = () => {
    const [a, b, more] = typing.users().filter((user) => !isMe(user)).map((user) => people.name(user, draw));
    if (!line) return;
    if (!a) {
      line.replaceChildren();
      return;
    }
    const words = more ? text("typing_many") : b ? text("typing_two", { a, b }) : text("typing_one", { a });
    const dots = build("span", { class: "typing-dots", "aria-hidden": "true" }, build("i"), build("i"), build("i"));
    line.replaceChildren(dots, build("span", {}, build("bdi", {}, words)));
  };
  const typing = new Typing(draw);
  return typing;
}
