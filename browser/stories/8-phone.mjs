import assert from "node:assert/strict";
import { join } from "node:path";
import { clean, fits, live, until } from "../lib/world.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** The edges that the phone keeps for itself: the notch above, the line below. */
async function notched(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setSafeAreaInsetsOverride", { insets: { top: 47, topMax: 47, bottom: 34, bottomMax: 34 } });
}

const box = (page, selector) => page.$eval(selector, (it) => it.getBoundingClientRect().toJSON());

export const stories = {
  async "On a phone the way back says how many rooms wait elsewhere, and in petrol once somebody asks for Ada"(world) {
    const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
    const [here, quay, slip] = [await world.room("night-line", ada, bo), await world.room("quay", ada, bo), await world.room("slipway", ada, bo)];
    await world.post(bo, here, "Read at once");
    await world.post(bo, quay, "One");
    const page = await world.enter(ada, here, PHONE);
    const says = async (number, label, kind) => {
      const badge = async () => ((await page.$(".back .badge")) ? page.$eval(".back .badge", (it) => [it.textContent, it.dataset.kind ?? ""]) : ["", ""]);
      await until(`the badge is ${number} ${kind}`, async () => String(await badge()) === String([number, kind]));
      assert.equal(await page.getAttribute(".back", "aria-label"), label);
    };
    await says("1", "Back to rooms, 1 unread room", "");
    await world.post(bo, slip, "Two");
    await world.post(bo, slip, "Three");
    await world.post(bo, here, "Here it is read, or to be read");
    await says("2", "Back to rooms, 2 unread rooms", "");
    const { height, width } = await box(page, ".back");
    assert.ok(height >= 44 && width >= 44, `${width} × ${height}`);
    await clean(page, "the room");
    await world.post(bo, quay, `@${ada.handle} come`);
    await says("2", "Back to rooms, 2 unread rooms", "mention");
    await page.focus(".message[data-seq]");
    await page.keyboard.press("u");
    await until("this room is unread, too", () => page.$(".rooms [aria-current][data-unread]"));
    await says("2", "Back to rooms, 2 unread rooms", "mention");
    await page.click(".back");
    await until("the list", () => page.isVisible(".rooms"));
    await live(page);
    assert.equal(await page.textContent(".tabbar .badge"), "3");
    for (const name of ["night-line", "quay", "slipway"]) {
      await page.click(`.rooms a:has-text("${name}")`);
      await live(page);
      await until("it is read", async () => !(await page.$(".rooms [aria-current][data-unread]")));
      if (name !== "slipway") await page.click(".back");
    }
    await says("", "Back to rooms", "");
  },

  async "On a phone the tabs lead to the places there are, and leave all room to the one who writes"(world, out) {
    const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
    const room = await world.room("night-line", ada, bo);
    const page = await world.signIn(ada, PHONE);
    await notched(page);
    const tabs = () => page.isVisible(".tabbar");
    for (const [tab, path] of [["Rooms", "/"], ["People", "/people"], ["Browse", "/rooms/browse"], ["You", "/settings/profile"]]) {
      await page.click(`.tabbar a:has-text("${tab}")`);
      await page.waitForURL(`**${path}`);
      assert.ok(await tabs(), `${tab} has tabs`);
      assert.equal(await page.textContent(".tabbar [aria-current=page]"), tab);
      for (const it of await page.$$eval(".tabbar a", (all) => all.map((it) => it.getBoundingClientRect().toJSON()))) {
        assert.ok(it.width >= 44 && it.height >= 44, `${it.width} × ${it.height}`);
        assert.ok(it.bottom <= 844 - 34 && it.bottom > 844 - 40, `above the phone's own line: ${it.bottom}`);
      }
      const top = await box(page, tab === "Rooms" ? ".workspace" : ".bar");
      assert.ok(top.top >= 47, `below the notch: ${top.top}`);
      await page.screenshot({ path: join(out, `phone-tab-${tab}.png`) });
      await fits(page, tab);
      await clean(page, tab);
    }
    assert.ok(!(await page.isVisible(".back")), "where tabs are, nobody needs a way back");
    await page.goto("/people");
    await page.focus("#q");
    await until("the keyboard has the room", async () => !(await tabs()));
    await page.$eval("#q", (it) => it.blur());
    await until("they are back", tabs);
    for (const path of [`/r/${room}`, "/rooms/new"]) {
      await page.goto(path);
      await until("the page stands", () => page.isVisible(".back"));
      assert.ok(!(await tabs()), `${path} has none`);
    }
    await page.goto(`/r/${room}`);
    await live(page);
    const field = await box(page, ".composer");
    assert.ok(field.bottom <= 844 - 34 && field.bottom > 844 - 60, `the composer stands on the phone's own line: ${field.bottom}`);
    await page.setViewportSize({ width: 1280, height: 800 });
    assert.ok(!(await tabs()), "a wide window has none");
  },
};
