import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { clean, fits, live, until } from "../lib/world.mjs";

const WIDTHS = [390, 820, 1440];
const LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle";

/** A room with everything that has to find its place. */
async function busy(world) {
  const [ada, bo] = [await world.person("Ada Lindqvist"), await world.person(`Bo ${LONG.slice(0, 50)}`)];
  const noor = await world.person("نور الهدى");
  const room = await world.room(`night-line-${LONG}`.slice(0, 60), ada, bo, noor);
  const own = { client_id: randomUUID(), after: (await world.call(ada, "GET", `/rooms/${room}`)).head };
  await world.call(ada, "PATCH", `/rooms/${room}`, { topic: `Everything about the ramp, the tide and ${LONG}`, ...own });
  await world.post(bo, room, `${LONG}${LONG}${LONG} and https://example.org/${"path/".repeat(30)}`);
  await world.post(noor, room, "سأكون عند الرصيف في الساعة السابعة، ومعي المفاتيح.");
  await world.post(ada, room, "```rust\nfn ramp(load: f64, tide: f64) -> Result<Angle, RampError> { Angle::between(load, tide, Weather::of(Harbour::Halden)) }\n```");
  await world.post(bo, room, "| when | what | who |\n|-|-|-|\n| 07:00 | ramp | Ada |\n| 08:15 | fuel | Bo |");
  for (let at = 0; at < 4; at += 1) await world.room(`room-${at}-${LONG}`.slice(0, 40 + at), bo, ada);
  await world.call(ada, "POST", "/rooms", { kind: "direct", members: [noor.id] });
  return { ada, bo, room };
}

/** Every page at one width, each looked at and measured. */
async function tour(page, guest, room, width, look, out) {
  const see = async (tab, path, name) => {
    await tab.setViewportSize({ width, height: width < 500 ? 844 : 900 });
    await tab.goto(path);
    if (tab === page && path.startsWith("/r/") && !path.endsWith("nowhere")) await live(tab);
    await tab.screenshot({ path: join(out, `${look}-${width}-${name}.png`) });
    await fits(tab, `${name} at ${width}`);
    await clean(tab, `${name} at ${width}`);
  };
  for (const [path, name] of [["/login", "sign-in"], ["/signup", "sign-up"]]) await see(guest, path, name);
  const pages = { room: `/r/${room}`, details: `/r/${room}/details`, home: "/", browse: "/rooms/browse", "new-room": "/rooms/new", people: "/people" };
  for (const what of ["profile", "appearance", "devices", "password"]) pages[what] = `/settings/${what}`;
  pages.invites = "/admin/invites";
  pages.lost = "/r/nowhere";
  for (const [name, path] of Object.entries(pages)) await see(page, path, name);
}

const tours = Object.fromEntries(
  WIDTHS.map((width) => [
    `In a language 40 % longer and written from right to left everything fits and is found, ${width} px wide`,
    async (world, out) => {
      const { ada, room } = await busy(world);
      await world.server.kill();
      await world.server.start({ CHAPIANA_LANGUAGE: "pseudo" });
      const page = await world.signIn(ada, { viewport: { width, height: 900 } });
      await until("the page is mirrored", () => page.evaluate(() => document.dir === "rtl"));
      const guest = await (await world.context()).newPage();
      await tour(page, guest, room, width, "pseudo", out);
    },
  ]),
);

export const stories = {
  ...tours,

  async "Code and names that break over two lines are framed whole on each"(world) {
    const [ada, bo] = [await world.person("Ada"), await world.person("Bo with a name that is long enough to break")];
    const room = await world.room("night-line", ada, bo);
    const words = "`so that it breaks over two lines or three on any screen there is`";
    await world.post(ada, room, `${words} @${bo.handle} ${words} @${bo.handle} ${words} @${bo.handle}`);
    const page = await world.enter(ada, room, { viewport: { width: 390, height: 844 } });
    const frames = await page.$$eval(".message-body :is(code, .mention)", (all) =>
      all.flatMap((it) => {
        const lines = [...it.getClientRects()];
        const range = document.createRange();
        range.selectNodeContents(it.firstChild);
        const texts = [...range.getClientRects()];
        return lines.length < 2 ? [] : lines.map((line, at) => [it.tagName, texts[at].left - line.left >= 2, line.right - texts[at].right >= 2]);
      }),
    );
    assert.ok(["CODE", "SPAN"].every((name) => frames.some((it) => it[0] === name)), "both break somewhere");
    assert.deepEqual(frames.filter((it) => !it[1] || !it[2]), []);
  },
};
