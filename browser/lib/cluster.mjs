// Three nodes behind a front door without stickiness, with the face of a `Server`: a Redis of its own and an
// empty keyspace on the CQL server that CHAPIANA_TEST_CQL names.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const script = fileURLToPath(new URL("../../cluster", import.meta.url));
const empty = fileURLToPath(new URL("../../tests/cql/empty.py", import.meta.url));
const run = promisify(execFile);
const READY_MS = 60_000;
/** The stories follow each other, so that one keyspace, emptied, is enough for all. */
const keyspace = `stories_${process.pid}`;

export class Cluster {
  #binary;
  #dir = mkdtempSync(join(tmpdir(), "chapiana-browser-"));
  url = "";

  constructor(binary) {
    this.#binary = binary;
  }

  /** Starts, the second time at the same address with the same data. @param {Record<string, string>} [settings] as environment */
  async start(settings = {}) {
    if (this.url) await this.#ask(settings, "start", "nodes");
    else this.url = (await this.#ask(settings, "up", "--keyspace", keyspace)).trim().split("\n").at(-1);
    await this.#ready();
  }

  /** kill -9 to every node; the front door stands, with nobody behind it. */
  async kill() {
    await this.#ask({}, "kill", "nodes");
  }

  async end() {
    try {
      if (!this.url) return;
      await this.kill().catch(() => undefined);
      await this.#ask({}, "end");
      await run(empty, [process.env.CHAPIANA_TEST_CQL ?? "", keyspace]);
    } finally {
      rmSync(this.#dir, { recursive: true, force: true });
    }
  }

  /** What the nodes said, for a story that failed. */
  said() {
    const logs = readdirSync(this.#dir).filter((name) => name.endsWith(".log"));
    return logs.map((name) => `${name}:\n${readFileSync(join(this.#dir, name), "utf8").slice(-2_000)}`).join("\n");
  }

  async #ask(settings, ...words) {
    const flags = "--sign-up open --limits relaxed";
    const env = { ...process.env, CHAPIANA_BIN: this.#binary, CHAPIANA_FLAGS: flags, CHAPIANA_PASSWORD_COST: "test", ...settings };
    return (await run(script, [...words, "--dir", this.#dir], { env })).stdout;
  }

  /** The door opens to a node once it has answered a check. */
  async #ready() {
    const until = Date.now() + READY_MS;
    for (;;) {
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      if (answer?.ok) return;
      if (Date.now() > until) throw new Error(`the cluster did not start:\n${this.said()}`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
}
