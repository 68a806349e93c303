import assert from "node:assert/strict";
import { join } from "node:path";
import { clean, live, sees, shown, until, write } from "../lib/world.mjs";

async function filled(world, count) {
  const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
  const room = await world.room("night-line", ada, bo);
  for (let at = 1; at <= count; at += 1) await world.post(at % 3 ? ada : bo, room, `Line ${at} of the evening`);
  return { ada, bo, room };
}

export const stories = {
  async "Older messages come without moving what Ada reads by a pixel"(world) {
    const { ada, room } = await filled(world, 160);
    await world.call(ada, "PUT", `/rooms/${room}/markers`, { read: 10_000 });
    const page = await world.enter(ada, room);
    await sees(page, "Line 160 of the evening");
    const before = await page.evaluate(() => {
      const view = document.querySelector(".room > .timeline");
      // Chromium would hold the place by itself; other browsers do not.
      view.style.overflowAnchor = "none";
      view.scrollTop = 300;
      const item = [...view.querySelectorAll("[data-seq]")].find((it) => it.getBoundingClientRect().top > view.getBoundingClientRect().top);
      return { id: item.id, top: item.getBoundingClientRect().top, count: view.querySelectorAll(".message").length };
    });
    await until("more have come", async () => (await page.$$eval(".timeline .message", (all) => all.length)) > before.count);
    const after = await page.$eval(`#${before.id}`, (it) => it.getBoundingClientRect().top);
    assert.ok(Math.abs(after - before.top) < 1, `moved from ${before.top} to ${after}`);
    await until("the way back is offered", () => page.$(".latest:not([hidden])"));
    await page.click(".latest");
    await until("at the end", () => page.$eval(".room > .timeline", (it) => it.scrollHeight - it.scrollTop - it.clientHeight < 3));
  },

  async "Messages that come while Ada reads above do not move her, and are counted"(world) {
    const { ada, bo, room } = await filled(world, 40);
    const page = await world.enter(ada, room);
    await page.$eval(".room > .timeline", (it) => (it.scrollTop = 100));
    const top = await page.$eval(".room > .timeline", (it) => it.scrollTop);
    await world.post(bo, room, "Down here");
    await until("it is counted", async () => /1/.test((await page.textContent(".latest")) ?? ""));
    assert.equal(await page.$eval(".room > .timeline", (it) => it.scrollTop), top);
  },

  async "A message that comes before the browser has drawn Ada's scroll does not take her back to the end"(world) {
    const { ada, bo, room } = await filled(world, 40);
    const page = await world.enter(ada, room);
    for (let round = 1; round <= 5; round += 1) {
      await page.$eval(".room > .timeline", (it) => (it.scrollTop = it.scrollHeight));
      await until("the end is told", () => page.$eval(".latest", (it) => it.hidden));
      // No frame is drawn while the page is busy: scroll and message are both waiting when it ends.
      await page.$eval(".room > .timeline", (it) => {
        setTimeout(() => {
          const ends = performance.now() + 700;
          while (performance.now() < ends);
          it.scrollTop = 100;
        });
      });
      await world.post(bo, room, `Round ${round}`);
      await until("it is counted", async () => /1/.test((await page.textContent(".latest")) ?? ""));
      assert.equal(await page.$eval(".room > .timeline", (it) => it.scrollTop), 100);
    }
  },

  async "A permalink shows its message in context, marked"(world) {
    const { ada, room } = await filled(world, 120);
    const page = await world.enter(ada, room);
    const { messages } = await world.call(ada, "GET", `/rooms/${room}/messages?limit=100`);
    const seq = messages[3].seq;
    await page.goto(`/r/${room}/${seq}`);
    await live(page);
    await until("it is marked", () => page.$(`#m${seq}[data-target]`));
    assert.ok(await page.isVisible(`#m${seq}`));
    await until("the way back is offered", () => page.$(".latest:not([hidden])"));
  },

  async "Ada jumps to a day by the line of a day"(world) {
    const { ada, room } = await filled(world, 120);
    const page = await world.enter(ada, room);
    await sees(page, "Line 120 of the evening");
    await page.click('.divider[data-kind="day"] button');
    await page.waitForSelector("#jump-date");
    await page.click("dialog button[type=submit]");
    await until("the first of the day is marked", async () => (await page.textContent("[data-target]"))?.includes("created this room"));
    await page.keyboard.press("d");
    await until("the key asks as well", () => page.$("dialog #jump-date"));
    await page.keyboard.press("Escape");
    await until("the way back is offered", () => page.$(".latest:not([hidden])"));
  },

  async "Without JavaScript Bo reads, marks read, writes, edits and deletes"(world) {
    const { ada, bo, room } = await filled(world, 3);
    const page = await world.enter(bo, room, { javaScriptEnabled: false });
    assert.match(await page.textContent(".timeline"), /Line 3 of the evening/);
    await world.post(ada, room, "One that Bo has not read");
    await page.reload();
    await page.click("form.mark-read button");
    await until("nothing is unread", async () => !(await page.$("form.mark-read")));
    await page.fill("#composer", "Written with a plain form");
    await page.click(".composer .send");
    await until("it is on the page", async () => (await page.textContent(".timeline")).includes("Written with a plain form"));
    await page.click('.message:last-of-type a.message-time');
    await page.fill("#edit-body", "Edited with a plain form");
    await page.click(`form[action$="/edit"] button`);
    await until("the edit is on the page", async () => (await page.textContent(".timeline")).includes("Edited with a plain form"));
    await page.click('.message:last-of-type a.message-time');
    await page.click(`form[action$="/delete"] button`);
    await until("the tombstone is on the page", () => page.$(".message[data-deleted]"));
  },

  async "On a phone one column shows the list or the room"(world, out) {
    const { ada, room } = await filled(world, 6);
    const page = await world.enter(ada, room, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    assert.ok(await page.isVisible("#composer"));
    assert.ok(!(await page.isVisible(".rooms")));
    await page.screenshot({ path: join(out, "phone-room.png") });
    await write(page, "From the quay");
    await sees(page, "From the quay");
    await page.click(".bar .back");
    await until("the list is shown", () => page.isVisible(".rooms"));
    await page.screenshot({ path: join(out, "phone-list.png") });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} px too wide`);
  },

  async "The switcher finds somebody with whom nobody has spoken yet, and opens a room with him"(world) {
    const { ada, room } = await filled(world, 1);
    const stranger = await world.person("Quirin Anker");
    const page = await world.enter(ada, room);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("quirin");
    await until("he is offered", () => page.$(`.switcher .option:has-text("@${stranger.handle}")`));
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.pathname.startsWith("/r/") && !url.pathname.endsWith(room));
    assert.ok((await page.textContent(".bar-sub")).includes(stranger.handle));
  },

  async "What is done is not asked for: the first message takes its card away"(world) {
    const ada = await world.person("Ada");
    const room = await world.room("quay", ada);
    const page = await world.enter(ada, room);
    const cards = () => page.$$eval(".step", (all) => all.filter((it) => it.checkVisibility()).length);
    assert.equal(await cards(), 3);
    await write(page, "Here we go");
    await sees(page, "Here we go");
    assert.equal(await cards(), 2);
  },

  async "Moments in sentences are told in the reader's own zone"(world) {
    const ada = await world.person("Ada");
    const read = async (timezoneId) => {
      const page = await world.signIn(ada, { timezoneId });
      await page.goto("/settings/devices");
      const at = await until("a moment", () => page.$eval(".row time", (it) => ({ at: it.dateTime, shown: it.textContent })));
      const hour = new Intl.DateTimeFormat("en-GB", { timeZone: timezoneId, hour: "numeric" }).format(new Date(at.at));
      return { ...at, wanted: Number(hour) % 12 || 12 };
    };
    for (const zone of ["Asia/Tokyo", "America/Lima"]) {
      const { shown, wanted } = await read(zone);
      assert.match(shown, new RegExp(`\\b${wanted}:`), `${shown} in ${zone}`);
    }
  },

  async "Keys: the switcher, the list of shortcuts, walking through messages"(world, out) {
    const { ada, room } = await filled(world, 5);
    const other = await world.room("slipway", ada);
    const page = await world.enter(ada, room);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("slip");
    await page.screenshot({ path: join(out, "switcher.png") });
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/r/${other}`);
    await page.goto(`/r/${room}`);
    await live(page);
    await page.focus(".timeline");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    assert.equal(await page.evaluate(() => document.activeElement?.querySelector(".message-body")?.textContent?.trim()), "Line 4 of the evening");
    await page.keyboard.press("?");
    await until("the list is open", () => page.$("dialog dl"));
    await page.keyboard.press("Escape");
    await until("it is closed", async () => !(await page.$("dialog")));
    assert.ok(await page.evaluate(() => document.activeElement?.matches(".message")), "the focus came back");
  },

  async "The main pages have no fault that axe finds, light and dark"(world, out) {
    const { ada, room } = await filled(world, 8);
    for (const colorScheme of ["light", "dark"]) {
      const guest = await (await world.context({ colorScheme })).newPage();
      for (const path of ["/login", "/signup"]) {
        await guest.goto(path);
        await clean(guest, `${path} ${colorScheme}`);
      }
      const page = await world.enter(ada, room, { colorScheme });
      await write(page, "`code`, **bold** and a [link](https://example.org)");
      await until("it is stored", async () => !(await page.$("[data-client-pending]")) && (await shown(page)).length >= 9);
      await page.screenshot({ path: join(out, `room-${colorScheme}.png`) });
      await clean(page, `room ${colorScheme}`);
      for (const path of ["/", "/settings/profile", "/settings/appearance", "/rooms/browse", "/people", `/r/${room}/details`]) {
        await page.goto(path);
        await page.screenshot({ path: join(out, `${path.replace(/\W+/g, "-").slice(-20)}-${colorScheme}.png`) });
        await clean(page, `${path} ${colorScheme}`);
      }
    }
  },
};
