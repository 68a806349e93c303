import assert from "node:assert/strict";
import { clean, live, sees, until } from "../lib/world.mjs";

const POSTS = 500;

/** A room in which Bo wrote much while Ada was away, after one message that she has read. */
async function away(world) {
  const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
  const room = await world.room("night-line", bo, ada);
  await world.post(bo, room, "Before she left");
  await world.call(ada, "PUT", `/rooms/${room}/markers`, { read: 10_000 });
  for (let at = 1; at <= POSTS; at += 1) await world.post(bo, room, `Line ${at} of the night`);
  return { ada, bo, room };
}

const edges = (page) =>
  page.evaluate(() => {
    const view = document.querySelector(".room > .timeline").getBoundingClientRect();
    const line = document.querySelector("#new");
    const box = line?.getBoundingClientRect();
    const top = box && document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const below = line?.nextElementSibling?.querySelector(".message-body")?.textContent?.trim();
    return { from: box ? box.top - view.top : null, uncovered: Boolean(top?.closest("#new")), below, words: line?.textContent };
  });

const counted = (page) => page.textContent(".latest").then((words) => Number(/\d+/.exec(words ?? "")?.[0] ?? 0));

export const stories = {
  async "Ada comes back to 500 unread: the line is in view, the way to the latest counts what is below"(world) {
    const { ada, bo, room } = await away(world);
    const page = await world.enter(ada, room);
    const at = await edges(page);
    assert.equal(at.below, "Line 1 of the night");
    assert.equal(at.words, "500 new messages");
    assert.ok(at.uncovered, "nothing lies over the line");
    assert.ok(at.from >= 0 && at.from < 120, `the line is near the top: ${at.from}`);
    await until("what is not in view is counted", async () => (await counted(page)) > POSTS - 60);
    const before = await counted(page);
    assert.ok(before < POSTS, `${before} are below`);

    // She reads on, page by page: the count falls, and the message at the edge stays on its pixel.
    await page.evaluate(() => {
      const view = document.querySelector(".room > .timeline");
      view.scrollTop += 400;
    });
    await until("fewer are below", async () => (await counted(page)) < before);
    const edge = await page.evaluate(() => {
      const view = document.querySelector(".room > .timeline");
      const item = [...view.querySelectorAll("[data-seq]")].find((it) => it.getBoundingClientRect().top > view.getBoundingClientRect().top + 60);
      return { id: item.id, top: item.getBoundingClientRect().top, last: [...view.querySelectorAll("[data-seq]")].at(-1).id };
    });
    await world.post(bo, room, "And one more");
    const now = await counted(page);
    await until("the new one is counted, too", async () => (await counted(page)) > now - 1);
    const moved = await page.$eval(`#${edge.id}`, (it) => it.getBoundingClientRect().top);
    assert.ok(Math.abs(moved - edge.top) < 1, `moved from ${edge.top} to ${moved}`);

    await page.click(".latest");
    await sees(page, "And one more");
    await until("the button is gone", () => page.$(".latest[hidden]"));
    await until("all is read", async () => (await world.call(ada, "GET", `/rooms/${room}`)).unread === 0);
  },

  async "Ada marks a room as read by Shift and Escape"(world) {
    const { ada, bo } = { ada: await world.person("Ada Lindqvist"), bo: await world.person("Bo Nakamura") };
    const room = await world.room("slipway", bo, ada);
    for (let at = 1; at <= 120; at += 1) await world.post(bo, room, `Line ${at}`);
    const page = await world.signIn(ada);
    // She does not wait for the page that loads as she comes.
    const held = [];
    let holds = true;
    await page.route("**/items?*", (route) => (holds ? void held.push(route) : route.continue()));
    await page.goto(`/r/${room}`);
    await live(page);
    await page.bringToFront();
    assert.ok((await world.call(ada, "GET", `/rooms/${room}`)).unread > 0);
    await until("more of the room is on its way", async () => held.length > 0);
    await page.keyboard.press("Shift+Escape");
    holds = false;
    for (const route of held) await route.continue();
    await sees(page, "Line 120");
    await until("all is read", async () => (await world.call(ada, "GET", `/rooms/${room}`)).unread === 0);
  },

  async "The page of a room comes whole: nothing moves while it loads, phone and desk, few files"(world) {
    const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
    const room = await world.room("night-line", ada, bo);
    for (let at = 1; at <= 60; at += 1) await world.post(at % 3 ? ada : bo, room, `Line ${at} of the evening, with \`code\` and **more**`);
    await world.call(ada, "PUT", `/rooms/${room}/markers`, { read: 10_000 });
    for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
      const page = await world.signIn(ada, { viewport });
      await page.addInitScript(() => {
        window.moved = [];
        const seen = (list) => {
          for (const shift of list.getEntries())
            window.moved.push({ value: shift.value, of: shift.sources.map((it) => `${it.node?.nodeName}.${it.node?.className ?? ""}: ${JSON.stringify(it.previousRect)} -> ${JSON.stringify(it.currentRect)}`) });
        };
        new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
      });
      await page.goto(`/r/${room}`);
      await live(page);
      await sees(page, "Line 60 of the evening, with code and more");
      // Two frames later everything that the scripts do at the start is drawn.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const moved = await page.evaluate(() => window.moved);
      assert.deepEqual(moved, [], `${viewport.width} px`);
      const files = await page.evaluate(() => [performance.getEntriesByType("navigation")[0], ...performance.getEntriesByType("resource")].map((it) => ({ name: new URL(it.name).pathname, bytes: it.encodedBodySize, sent: it.transferSize })));
      if (process.env.CHAPIANA_FIGURES) console.log(`      ${viewport.width} px: ${files.length} requests, ${files.reduce((sum, it) => sum + it.bytes, 0)} bytes; page ${files[0].bytes}\n${files.map((it) => `      ${it.name} ${it.bytes}`).join("\n")}`);
      assert.ok(files.length <= 60, `${files.length} requests`);
      assert.ok(files.reduce((sum, it) => sum + it.bytes, 0) < 400_000, "small enough for a slow line");
    }
  },

  async "Ada makes an invite link, copies it, and is told so in a place that screen readers know"(world) {
    const ada = await world.person("Ada Lindqvist");
    const page = await world.signIn(ada);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto("/admin/invites");
    await page.click("main button[data-kind=primary]");
    const link = await page.inputValue("#invite-1");
    await until("the region of notes is there and empty", () => page.$eval('[role="status"].toasts', (it) => !it.textContent));
    await page.click('[data-do="copy"]');
    await until("she is told", async () => (await page.textContent('[role="status"].toasts')) === "Link copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);

    // Over plain HTTP there is no clipboard for scripts.
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true }));
    await page.evaluate(() => document.querySelector(".toasts").replaceChildren());
    await page.click('[data-do="copy"]');
    await until("she is told again", async () => (await page.textContent(".toasts")) === "Link copied");
    const selected = await page.$eval("#invite-1", (it) => it.value.slice(it.selectionStart, it.selectionEnd));
    assert.equal(selected, link);
  },

  async "Among many rooms those with something unread stand first, and none of them jumps while one looks"(world) {
    const [ada, bo] = [await world.person("Ada"), await world.person("Bo")];
    const rooms = {};
    for (let at = 1; at <= 24; at += 1) rooms[`pier-${at}`] = await world.room(`pier-${at}`, ada, bo);
    await world.post(bo, rooms["pier-23"], "Here");
    await world.post(bo, rooms["pier-10"], "Here, too");
    const page = await world.signIn(ada, { viewport: { width: 1280, height: 600 } });
    const order = () => page.$$eval(".rooms .room-name", (all) => all.map((it) => it.textContent.trim()).filter((it) => it.startsWith("pier")));
    const first = (...names) => [...names, ...Array.from({ length: 24 }, (_, at) => `pier-${at + 1}`).filter((it) => !names.includes(it))];
    const link = (name) => `.rooms a[href="/r/${rooms[name]}"]`;
    assert.equal(await page.textContent(".rooms h2"), "Unread");
    assert.deepEqual(await order(), first("pier-10", "pier-23"), "and 2 comes before 10");
    await page.click(link("pier-10"));
    await page.waitForURL(`**/r/${rooms["pier-10"]}`);
    await live(page);
    await until("it is read", async () => !(await page.$(`${link("pier-10")} .badge`)));
    await world.post(bo, rooms["pier-4"], "And here");
    await until("another one is counted in its place", () => page.$(`${link("pier-4")} .badge`));
    assert.deepEqual(await order(), first("pier-10", "pier-23"), "what was pressed stays under the pointer");
    await page.reload();
    await live(page);
    assert.deepEqual(await order(), first("pier-4", "pier-23"));
    await clean(page, "the list");
  },

  async "The list of rooms stays where it was scrolled to, with the open room in view"(world) {
    const ada = await world.person("Ada");
    const rooms = [];
    for (let at = 1; at <= 40; at += 1) rooms.push(await world.room(`pier-${at}`, ada));
    const page = await world.enter(ada, rooms[34], { viewport: { width: 1280, height: 600 } });
    const inView = () =>
      page.$eval(".rooms", (list) => {
        const [all, its] = [list, list.querySelector("[aria-current]")].map((it) => it.getBoundingClientRect());
        return its.top >= all.top && its.bottom <= all.bottom;
      });
    const place = () => page.$eval(".rooms", (it) => it.scrollTop);
    assert.ok(await inView(), "far down");
    await page.$eval(".rooms", (it) => (it.scrollTop = 400));
    await page.click(`.rooms a[href="/r/${rooms[20]}"]`);
    await page.waitForURL(`**/r/${rooms[20]}`);
    await live(page);
    assert.equal(await place(), 400);
    await page.goto("/people");
    await live(page);
    assert.equal(await place(), 400);
    await page.goto(`/r/${rooms[0]}`);
    await live(page);
    assert.ok(await inView(), "far up");
  },
};
