// Runs every story of browser/stories against a given binary: node browser/run.mjs [BINARY] [part of a story's name]
// With CHAPIANA_TEST_CLUSTER=1 each story has three nodes on Redis and CQL in place of one by itself.

import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Cluster } from "./lib/cluster.mjs";
import { Server } from "./lib/server.mjs";
import { World } from "./lib/world.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const out = join(here, "out");
const binary = process.env.CHAPIANA_BIN ?? process.argv[2];
const only = (process.env.CHAPIANA_BIN ? process.argv[2] : process.argv[3]) ?? "";
const STORY_MS = 300_000;
if (!binary) {
  console.error("usage: node browser/run.mjs BINARY [part of a story's name]");
  process.exit(2);
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
mkdirSync(out, { recursive: true });
let passed = 0;
let failed = 0;
for (const file of readdirSync(join(here, "stories")).sort()) {
  const { stories } = await import(`./stories/${file}`);
  for (const [name, tell] of Object.entries(stories)) {
    if (!name.includes(only) && !file.includes(only)) continue;
    const server = process.env.CHAPIANA_TEST_CLUSTER ? new Cluster(binary) : new Server(binary);
    const world = new World(server, browser);
    const began = Date.now();
    let timer;
    try {
      await server.start();
      const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("the story took too long")), STORY_MS)));
      await Promise.race([tell(world, out), late]);
      await world.close();
      passed += 1;
      console.log(`ok    ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n${error.stack ?? error}`);
      if (server.said) console.log(server.said());
      for (const problem of world.contexts.flatMap((context) => context.problems)) console.log(`      console: ${problem}`);
      for (const context of world.contexts)
        for (const [at, page] of context.pages().entries())
          await page.screenshot({ path: join(out, `failed-${failed}-${world.contexts.indexOf(context)}-${at}.png`) }).catch(() => undefined);
      await Promise.all(world.contexts.map((context) => context.close().catch(() => undefined)));
    } finally {
      clearTimeout(timer);
      await server.end();
    }
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
