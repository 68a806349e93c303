import assert from "node:assert/strict";
import { live, until } from "../lib/world.mjs";

const direct = async (world, a, b) => (await world.call(a, "POST", "/rooms", { kind: "direct", members: [b.id] })).id;

/** How somebody looks where the page shows them: the dot, and what is said to who does not see it. */
const looks = (page, place, user) =>
  page.$eval(`${place} .avatar[data-user="${user.id}"]`, (it) => {
    const dot = it.querySelector(".presence");
    const words = it.parentElement.querySelector(".presence-text")?.textContent ?? "";
    const style = getComputedStyle(dot);
    return { state: dot.dataset.state ?? "", words, shape: [style.backgroundImage, style.borderTopWidth, style.display].join(" ") };
  });
const is = (page, place, user, state) => until(`${user.name} is ${state} in ${place}`, async () => (await looks(page, place, user)).state === state);

/** The presence frames that a page sends. */
function told(page) {
  const frames = [];
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const frame = JSON.parse(payload);
      if (frame.t === "presence") frames.push({ ...frame, at: Date.now() });
    }),
  );
  return frames;
}

export const stories = {
  async "Ada sees whether Bo is there: a dot in the list and the head, each state of another shape and in words"(world) {
    const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person("Bo Nakamura")];
    const room = await direct(world, ada, bo);
    const a = await world.enter(ada, room);
    const [list, head] = [".rooms", ".bar-title"];
    await is(a, list, bo, "offline");
    await is(a, head, bo, "offline");
    await a.evaluate(() => {
      window.moved = [];
      new PerformanceObserver((list) => window.moved.push(...list.getEntries().map((it) => it.sources.map((source) => source.node?.outerHTML)))).observe({ type: "layout-shift" });
    });
    const seen = [await looks(a, list, bo)];
    const b = await world.signIn(bo);
    await b.clock.install();
    await b.goto(`/r/${room}`);
    await live(b);
    await is(a, list, bo, "online");
    await is(a, head, bo, "online");
    seen.push(await looks(a, list, bo));
    assert.match(await a.textContent(".bar-sub"), /, online$/);
    assert.equal(await a.locator(".system:visible").count(), 0, "nobody joins a conversation of two");
    assert.ok(await a.isVisible(".bar-sub .presence-text"), "it is said in the head of the conversation");
    await is(b, ".me", bo, "online");
    await b.clock.fastForward("10:40");
    await is(a, list, bo, "away");
    seen.push(await looks(a, list, bo));
    await b.mouse.move(200, 200);
    await is(a, list, bo, "online");
    assert.deepEqual(await a.evaluate(() => window.moved), [], "nothing has moved");
    assert.deepEqual(seen.map((it) => it.words), [", offline", ", online", ", away"]);
    assert.equal(new Set(seen.map((it) => it.shape)).size, 3, "told apart without colour");
    const said = await a.$$eval("[aria-live], [role=status], [role=log]", (all) => all.map((it) => it.textContent).join(" "));
    assert.doesNotMatch(said, /online|away|offline/, "nobody is interrupted by it");
    await b.context().close();
    world.contexts.pop();
    await is(a, list, bo, "offline");
  },

  async "A room says how many of its members are online, in its head and in its details"(world) {
    const people = [];
    for (const name of ["Ada", "Bo", "Cy"]) people.push(await world.person(name));
    const [ada, bo] = people;
    const room = await world.room("night-line", ...people);
    const a = await world.signIn(ada);
    await a.goto(`/r/${room}/details`);
    await live(a);
    const says = (n) => until(`${n} online`, async () => (await a.textContent("#details h3:has([data-online])")) === `3 members, ${n} online`);
    await says(1);
    await is(a, ".panel", ada, "online");
    await is(a, ".panel", bo, "offline");
    await world.enter(bo, room);
    await says(2);
    await is(a, ".panel", bo, "online");
    assert.equal(await a.textContent(".bar-members .sr-only"), "3 members, 2 online");
    const dee = await world.person("Dee");
    await world.call(ada, "PUT", `/rooms/${room}/members/${dee.id}`, {});
    const head = () => a.textContent(".bar-members .sr-only");
    await until("who comes counts", async () => (await head()) === "4 members, 2 online" && (await a.textContent(".bar-members .num")) === "4");
    await world.call(ada, "DELETE", `/rooms/${room}/members/${dee.id}`);
    await until("who goes does not", async () => (await head()) === "3 members, 2 online");
    await a.setViewportSize({ width: 390, height: 844 });
    await a.goto(`/r/${room}`);
    await until("a phone shows it", async () => (await a.isVisible(".bar-sub")) && (await a.textContent(".bar-sub")) === "3 members, 2 online");
  },

  async "A page asks only about people on view, in few frames, and again after the server was gone"(world) {
    const ada = await world.person("Ada");
    const others = [];
    for (let at = 0; at < 60; at += 1) others.push(await world.person(`Person ${at}`));
    let room;
    for (const other of others) room = await direct(world, ada, other);
    const a = await world.signIn(ada, { viewport: { width: 1280, height: 700 } });
    const frames = told(a);
    await a.goto(`/r/${room}`);
    await live(a);
    const shownAt = () => a.$$eval(".rooms .avatar[data-user]", (all) => all.map((it) => [it.dataset.user, it.querySelector(".presence").dataset.state]));
    await until("those at the top are known", async () => (await shownAt())[0][1] === "offline");
    assert.equal((await shownAt()).at(-1)[1], undefined, "those below are not asked about");
    assert.ok(frames.length <= 2 && frames.at(-1).watch.length < 40, JSON.stringify(frames));
    for (let at = 0; at < 150; at += 1) {
      await a.$eval(".rooms", (it, to) => (it.scrollTop = to % 2 ? 0 : it.scrollHeight), at);
      await a.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    }
    await a.$eval(".rooms", (it) => (it.scrollTop = it.scrollHeight));
    await until("those at the end are known", async () => (await shownAt()).at(-1)[1] === "offline");
    const most = 5 + (frames.at(-1).at - frames[0].at) / 5_000;
    assert.ok(frames.length <= most, `a wild scroll is told in few frames: ${frames.length}, not ${most}`);
    const last = (await shownAt()).at(-1)[0];
    await world.server.kill();
    await until("what is not known is not shown", async () => (await shownAt()).at(-1)[1] === undefined);
    await world.server.start();
    await live(a);
    await until("asked again", async () => (await shownAt()).at(-1)[1] === "offline");
    assert.ok(frames.at(-1).watch.includes(last));
  },

  async "However many people are on view, the page stays within what the server lets it ask"(world) {
    const ada = await world.person("Ada");
    let room;
    for (let at = 0; at < 215; at += 1) room = await direct(world, ada, await world.person(`Person ${at}`));
    const a = await world.signIn(ada, { viewport: { width: 1280, height: 12_000 } });
    const frames = told(a);
    await a.goto(`/r/${room}`);
    await live(a);
    const states = () => a.$$eval(".rooms .presence", (all) => all.map((it) => it.dataset.state ?? ""));
    await until("as many as may be are known", async () => (await states()).filter((it) => it === "offline").length >= 198);
    assert.equal(Math.max(...frames.map((it) => it.watch?.length ?? 0)), 200);
  },
};
