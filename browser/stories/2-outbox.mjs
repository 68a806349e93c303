import assert from "node:assert/strict";
import { live, sees, shown, until, write } from "../lib/world.mjs";

async function one(world) {
  const ada = await world.person("Ada Lindqvist");
  return { ada, room: await world.room("night-line", ada) };
}

const waiting = (page) => page.$$eval("[data-client-pending][data-state=pending]", (all) => all.length);

export const stories = {
  async "What Ada writes without a server survives a crash of her tab, and arrives once and in order"(world) {
    const { ada, room } = await one(world);
    const lost = await world.enter(ada, room);
    await world.server.kill();
    for (const words of ["first", "second", "third"]) await write(lost, words);
    await until("three wait with a clock", async () => (await waiting(lost)) === 3);
    await until("the banner says so calmly", () => lost.$(".banner[data-kind=warn]"));
    // The tab is gone before the server is back: only the disk of the browser has the words.
    await lost.close();
    await world.server.start();
    const page = await lost.context().newPage();
    await page.goto(`/r/${room}`);
    await live(page);
    await until("nothing waits any more", async () => !(await page.$("[data-client-pending]")));
    assert.deepEqual(await world.bodies(ada, room), ["first", "second", "third"]);
    assert.deepEqual(await shown(page), ["first", "second", "third"]);
  },

  async "Two tabs of Ada show the same waiting message and send it once"(world) {
    const { ada, room } = await one(world);
    const first = await world.enter(ada, room);
    const second = await first.context().newPage();
    await second.goto(`/r/${room}`);
    await live(second);
    await world.server.kill();
    await write(second, "from the second tab");
    await until("the first tab shows it too", async () => (await waiting(first)) === 1);
    await first.close();
    await world.server.start();
    await live(second);
    await until("it is stored", async () => !(await second.$("[data-client-pending]")));
    assert.deepEqual(await world.bodies(ada, room), ["from the second tab"]);
  },

  async "The server is killed while Ada sends, and nothing is lost or doubled"(world) {
    const { ada, room } = await one(world);
    const page = await world.enter(ada, room);
    const written = [];
    for (let round = 0; round < 3; round += 1) {
      for (let at = 0; at < 6; at += 1) {
        const words = `round ${round}, line ${at}`;
        written.push(words);
        await write(page, words);
        if (at === 3) await world.server.kill();
      }
      await world.server.start();
      await live(page);
    }
    await until("nothing waits any more", async () => !(await page.$("[data-client-pending]")), 30_000);
    assert.deepEqual(await world.bodies(ada, room), written);
    assert.deepEqual(await shown(page), written);
  },

  async "A message that the server refuses for good turns red, and Ada gets her words back"(world) {
    const { ada, room } = await one(world);
    const page = await world.enter(ada, room);
    await write(page, "x".repeat(16_001));
    await until("it says so", () => page.$(".message-failed"));
    await page.click(".message-failed button:nth-of-type(2)");
    assert.equal((await page.inputValue("#composer")).length, 16_001);
    await page.fill("#composer", "shorter");
    await page.press("#composer", "Enter");
    await sees(page, "shorter");
    assert.ok(!(await page.$(".message-failed")));
  },

  async "Ada's draft is there after a reload and marked in the list"(world) {
    const { ada, room } = await one(world);
    const other = await world.room("slipway", ada);
    const page = await world.enter(ada, room);
    await page.fill("#composer", "half a thought");
    await page.goto(`/r/${other}`);
    await until("the list marks it", () => page.$(`.rooms a[href="/r/${room}"] [data-draft]`));
    await page.goto(`/r/${room}`);
    await until("the draft is back", async () => (await page.inputValue("#composer")) === "half a thought");
  },

  async "Signing out asks before it erases what was not sent"(world) {
    const { ada, room } = await one(world);
    const page = await world.enter(ada, room);
    await world.server.kill();
    await write(page, "still here");
    await until("it waits", async () => (await waiting(page)) === 1);
    await page.click("details.menu-box > summary");
    await page.click('form[data-js="sign-out"] button');
    await until("it asks", () => page.$("dialog[role=alertdialog]"));
    await page.click("dialog button[data-kind=quiet]");
    assert.equal(await waiting(page), 1);
  },
};
