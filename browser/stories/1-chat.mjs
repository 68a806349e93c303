import assert from "node:assert/strict";
import { live, sees, shown, until, write } from "../lib/world.mjs";

const receipt = (page, words) =>
  page.evaluate((text) => {
    const all = [...document.querySelectorAll(".timeline-column > .message[data-mine]")];
    return all.find((it) => it.querySelector(".message-body")?.textContent?.trim() === text)?.querySelector(".receipt")?.dataset.state;
  }, words);

/** Ada and Bo in one room. */
async function two(world) {
  const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
  const room = await world.room("night-line", ada, bo);
  return { ada, bo, room };
}

export const stories = {
  async "Ada and Bo talk, and Ada sees one tick, then the coloured ones once Bo has read"(world) {
    const { ada, bo, room } = await two(world);
    const a = await world.enter(ada, room);
    await write(a, "Is the ramp free?");
    await until("the tick of Ada's message", async () => (await receipt(a, "Is the ramp free?")) === "sent");
    const b = await world.enter(bo, room);
    await sees(b, "Is the ramp free?");
    await b.bringToFront();
    await write(b, "Free until two.");
    await sees(a, "Free until two.");
    await until("Bo has read it", async () => (await receipt(a, "Is the ramp free?")) === "read");
    assert.deepEqual((await shown(a)).slice(-2), ["Is the ramp free?", "Free until two."]);
    assert.equal(await a.$$eval("[data-client-pending]", (all) => all.length), 0, "no pending copy stays");
  },

  async "Bo edits, reacts to and deletes messages by keyboard, and Ada sees each change"(world) {
    const { ada, bo, room } = await two(world);
    const a = await world.enter(ada, room);
    const b = await world.enter(bo, room);
    await write(b, "The ferry leaves at two");
    await sees(a, "The ferry leaves at two");
    await until("Bo's message is stored", async () => !(await b.$("[data-client-pending]")));
    await b.press("#composer", "ArrowUp");
    await b.waitForSelector(".message-edit textarea");
    await b.fill(".message-edit textarea", "The ferry leaves at ten past two");
    await b.press(".message-edit textarea", "Enter");
    await sees(a, "The ferry leaves at ten past two");
    await until("Ada sees that it was edited", () => a.$(".message-meta .edited"));

    await a.hover(".message[data-seq]:last-of-type");
    await a.click(".message-tools button:first-child");
    await until("Bo sees the reaction", async () => (await b.$eval(".reaction", (it) => it.textContent))?.includes("👍"));
    await until("Ada's reaction is pressed", () => a.$('.reaction[aria-pressed="true"]'));
    await a.click(".reaction");
    await until("the reaction is gone", async () => !(await b.$(".message .reaction")));

    await b.focus(".message[data-mine]");
    await b.press(".message[data-mine]", "Delete");
    await b.click("dialog button[data-kind=danger]");
    await until("Ada sees the tombstone", () => a.$(".message[data-deleted]"));
  },

  async "Ada sees that Bo is typing, and not for longer than he does"(world) {
    const { ada, bo, room } = await two(world);
    const a = await world.enter(ada, room);
    const b = await world.enter(bo, room);
    await b.type("#composer", "Well");
    await until("Ada sees it", async () => (await a.textContent(".typing"))?.includes("Bo Nakamura"));
    await b.fill("#composer", "");
    await until("it ends", async () => !(await a.textContent(".typing"))?.trim());
  },

  async "Bo elsewhere gets a count and a title, which go once he has read"(world) {
    const { ada, bo, room } = await two(world);
    const other = await world.room("slipway", bo, ada);
    const b = await world.enter(bo, other);
    await world.post(ada, room, "One");
    await world.post(ada, room, "Two");
    const link = `.rooms a[href="/r/${room}"]`;
    await until("the badge says two", async () => (await b.textContent(`${link} .badge`)) === "2");
    assert.match(await b.title(), /^\(2\)/);
    await b.click(link);
    await live(b);
    await until("the New line stands", () => b.$("#new"));
    await until("the badge is gone", async () => !(await b.$(`${link} .badge`)));
    assert.ok(await b.$("#new"), "the New line stays while he is here");
  },

  async "Ada looks who has read her message, and Bo's plain form turns her tick, too"(world) {
    const { ada, bo, room } = await two(world);
    const noor = await world.person("نور الهدى");
    await world.call(ada, "PUT", `/rooms/${room}/members/${noor.id}`, {});
    const a = await world.enter(ada, room);
    await write(a, "Is the ramp free?");
    await until("the tick of Ada's message", async () => (await receipt(a, "Is the ramp free?")) === "sent");
    const b = await world.enter(bo, room, { javaScriptEnabled: false });
    await b.click("form.mark-read button");
    await until("one of two has read it", async () => (await a.textContent(".receipt"))?.includes("1 of 2"));
    await a.click(".receipt");
    await until("Bo is named", async () => (await a.textContent("dialog .seen")) === "Bo Nakamura");
    await a.keyboard.press("Escape");
    await a.focus(".message[data-mine]");
    await a.keyboard.press("i");
    await until("the key shows it as well", () => a.$("dialog .seen"));
    await a.click("dialog button");
    await until("it is closed", async () => !(await a.$("dialog")));
  },

  async "Bo keeps a message unread, and it stays so until he opens the room again"(world) {
    const { ada, bo, room } = await two(world);
    for (const words of ["One", "Two", "Three"]) await world.post(ada, room, words);
    const b = await world.enter(bo, room);
    const unread = async () => (await world.call(bo, "GET", `/rooms/${room}`)).unread;
    await until("all is read", async () => (await unread()) === 0);
    const second = (await b.$$(".message"))[1];
    await second.focus();
    await second.press("u");
    await until("two are unread", async () => (await unread()) === 2);
    await until("the line stands above it", async () => (await b.$eval("#new", (it) => it.nextElementSibling?.querySelector(".message-body")?.textContent?.trim())) === "Two");
    await world.post(ada, room, "Four");
    await sees(b, "Four");
    await b.keyboard.press("Shift");
    await until("the list counts three", async () => (await b.textContent(`.rooms a[href="/r/${room}"] .badge`)) === "3");
    assert.equal(await unread(), 3);
    await b.goto(`/r/${room}`);
    await live(b);
    await until("now it is read", async () => (await unread()) === 0);
  },

  async "Ada writes an emoji by its name, chosen from the list or between colons"(world) {
    const { ada, room } = await two(world);
    const a = await world.enter(ada, room);
    await a.focus("#composer");
    await a.keyboard.type("All done :tad");
    await until("the list offers it", async () => (await a.textContent("#completion")).includes("🎉"));
    await a.keyboard.press("Enter");
    await a.keyboard.type("and :ferry: at 10:30:00");
    await a.keyboard.press("Enter");
    await sees(a, "All done 🎉 and ⛴️ at 10:30:00");
  },

  async "Bo opens the address of a channel that he is not in, joins, and reads"(world) {
    const { ada, bo } = await two(world);
    const room = await world.room("slipway", ada);
    await world.post(ada, room, "Written before he came");
    const b = await world.signIn(bo);
    await b.goto(`/r/${room}`);
    assert.equal((await b.textContent("h1")).trim(), "#slipway");
    await b.click("main button[data-kind=primary]");
    await sees(b, "Written before he came");
  },

  async "Bo is taken out of a room while he looks at it"(world) {
    const { ada, bo, room } = await two(world);
    const b = await world.enter(bo, room);
    await world.call(ada, "DELETE", `/rooms/${room}/members/${bo.id}`);
    await until("he is told", async () => (await b.textContent(".banner"))?.includes("no longer"));
    assert.ok(await b.$eval("#composer", (it) => it.disabled));
    assert.ok(!(await b.$(`.rooms a[href="/r/${room}"]`)));
  },
};
