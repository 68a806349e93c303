// What stories need: people with browsers, rooms, and waiting with a deadline.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { AxeBuilder } from "@axe-core/playwright";

/** Asks again until the answer is truthy; says what was awaited if it never is. */
export async function until(what, ask, within = 45_000) {
  const deadline = Date.now() + within;
  for (;;) {
    let last;
    try {
      const answer = await ask();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what} (${last?.message ?? JSON.stringify(last)})`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

export class World {
  constructor(server, browser) {
    this.server = server;
    this.browser = browser;
    this.contexts = [];
  }

  /** A new account, by the API. */
  async person(name) {
    const email = `${randomUUID()}@example.org`;
    const password = `quiet harbour ${randomUUID()}`;
    const handle = `${name.toLowerCase().replace(/[^a-z]/g, "").slice(0, 20)}${randomUUID().slice(0, 6)}`;
    const { user, token } = await this.call(null, "POST", "/users", { name, handle, email, password });
    return { id: user.id, name, handle, email, password, token };
  }

  async call(who, method, path, body) {
    const headers = { "content-type": "application/json", ...(who ? { authorization: `Bearer ${who.token}` } : {}) };
    const response = await fetch(`${this.server.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** A channel with everybody in it, the first as owner. */
  async room(name, owner, ...others) {
    const room = await this.call(owner, "POST", "/rooms", { kind: "channel", name, members: others.map((it) => it.id), client_id: randomUUID() });
    return room.id;
  }

  async post(who, room, body) {
    const { head } = await this.call(who, "GET", `/rooms/${room}`);
    return this.call(who, "POST", `/rooms/${room}/entries`, { client_id: randomUUID(), after: head ?? 0, kind: "post", body });
  }

  /** The bodies of a room as the server has them. */
  async bodies(who, room) {
    const { messages } = await this.call(who, "GET", `/rooms/${room}/messages?limit=200`);
    return messages.map((it) => it.body);
  }

  /** A browser with nobody in it; console errors fail the story. */
  async context(options = {}) {
    const context = await this.browser.newContext({ baseURL: this.server.url, viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(60_000);
    context.problems = [];
    context.on("weberror", (error) => context.problems.push(String(error.error())));
    context.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource|WebSocket connection|ERR_/.test(message.text())) context.problems.push(message.text());
    });
    this.contexts.push(context);
    return context;
  }

  /** The person's browser, signed in by the form. */
  async signIn(who, options = {}) {
    const context = await this.context(options);
    const page = await context.newPage();
    await page.goto("/login");
    await page.fill("#email", who.email);
    await page.fill("#password", who.password);
    await page.click("main button[data-kind=primary]");
    await until(`${who.name} is signed in`, () => new URL(page.url()).pathname !== "/login");
    return page;
  }

  /** Signed in and in the room, live unless scripts are off. */
  async enter(who, room, options = {}) {
    const page = await this.signIn(who, options);
    await page.goto(`/r/${room}`);
    if (options.javaScriptEnabled !== false) await live(page);
    return page;
  }

  async close() {
    const problems = this.contexts.flatMap((context) => context.problems);
    for (const context of this.contexts) await context.close();
    assert.deepEqual(problems, [], "the console stays silent");
  }
}

export const live = (page) => until("the page is live", () => page.evaluate(() => document.documentElement.dataset.line === "live"));

export async function write(page, words) {
  await page.fill("#composer", words);
  await page.press("#composer", "Enter");
}

/** The texts of the timeline, in order, with their states. */
export const shown = (page) =>
  page.$$eval(".timeline-column > .message", (all) => all.map((it) => it.querySelector(".message-body")?.textContent?.trim() ?? ""));

export const sees = (page, words) => until(`“${words}” is shown`, async () => (await shown(page)).includes(words));

/** axe finds no fault. */
export async function clean(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target).join(" | ")}`), [], what);
}

/** Nothing is wider than the window, and no text is cut off at its side without a sign of it. */
export async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what}: ${wide} px too wide`);
  const out = await page.evaluate(() => {
    const shown = [...document.querySelectorAll("button, a, h1, h2, label, input, textarea, p")].filter((it) => it.checkVisibility({ opacityProperty: true }));
    const boxed = (it) => it.closest(".sr-only, .skip, pre, table, .page-nav, .timeline, .message-tools") !== null;
    return shown
      .filter((it) => !boxed(it))
      .map((it) => ({ it, box: it.getBoundingClientRect() }))
      .filter(({ box }) => box.width && (box.left < -1 || box.right > innerWidth + 1))
      .map(({ it, box }) => `${it.tagName} ${it.className} ${it.textContent?.trim().slice(0, 30)} ${Math.round(box.left)}..${Math.round(box.right)}`);
  });
  assert.deepEqual(out, [], what);
}
