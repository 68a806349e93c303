import assert from "node:assert/strict";
import { sees, until, write } from "../lib/world.mjs";

/** What has crashed or hung chat clients elsewhere (T35): each is one message. */
const POSTS = [
  "> ".repeat(2_000) + "deep",
  Array.from({ length: 400 }, (_, at) => `${"  ".repeat(at % 60)}- item`).join("\n"),
  "*".repeat(8_000),
  "[".repeat(4_000) + "x" + "](".repeat(1_000),
  "`".repeat(7_999),
  "```\n".repeat(1_500),
  `|${"a|".repeat(300)}\n|${"-|".repeat(300)}\n${`|${"b|".repeat(100)}\n`.repeat(20)}`,
  "e" + "\u0301".repeat(4_000),
  "\u202e\u2066\u202d".repeat(500) + "reversed",
  "لُلُصّبُلُلصّبُررً ॣ ॣh ॣ ॣ 冗",
  "👩‍👩‍👧‍👦".repeat(300),
  "\u200b".repeat(2_000) + "thin",
  `https://example.org/${"a/".repeat(4_000)}`,
  "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg/onload=document.title='owned'>",
  "[press](javascript:document.title='owned') [and](data:text/html,<script>alert(1)</script>)",
  "W".repeat(15_000),
  "a\n".repeat(7_900),
  "&#0;&#xD800;&#x110000;&NotAnEntity;",
  "@".repeat(5_000),
  ":".repeat(5_000) + "smile" + ":".repeat(5_000),
];

export const stories = {
  async "Whatever Mallory writes, Ada's page stays alive, live and after a reload, and keeps its width"(world) {
    const [ada, mallory] = [await world.person("Ada Lindqvist"), await world.person("Mallory Grey")];
    const room = await world.room("night-line", ada, mallory);
    const page = await world.enter(ada, room);
    const title = await page.title();
    let taken = 0;
    for (const body of POSTS) {
      // Refused by its size or shape is as good as shown.
      const done = await world.post(mallory, room, body).catch((error) => assert.match(String(error), /: 4\d\d /));
      if (done) taken += 1;
    }
    assert.ok(taken >= 15, `only ${taken} of them were taken: the others prove nothing`);
    for (const when of ["live", "after a reload"]) {
      if (when !== "live") await page.reload();
      await write(page, `I am here, ${when}`);
      await sees(page, `I am here, ${when}`);
      await until("it is stored", async () => !(await page.$("[data-client-pending]")));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${when}: ${wide} px too wide`);
      assert.equal((await page.title()).replace(/^\(\d+\) /, ""), title.replace(/^\(\d+\) /, ""), when);
      assert.equal(await page.$$eval(".message-body :is(script, svg[onload], [onerror]), a[href^='javascript:'], a[href^='data:']", (all) => all.length), 0);
      // A frame still comes at once: nothing hangs the page.
      const frames = await page.evaluate(() => {
        const view = document.querySelector(".room > .timeline");
        const began = performance.now();
        view.scrollTop = 0;
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))));
      });
      assert.ok(frames < 5_000, `${when}: a frame took ${frames} ms`);
      if (process.env.CHAPIANA_FIGURES) console.log(`      ${when}: ${taken} posts taken, frame ${Math.round(frames)} ms`);
    }
  },
};
