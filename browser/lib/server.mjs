// A real server of its own, on a free port, in a folder of its own; killed and started again at will.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Server {
  #binary;
  #child;
  #dir = mkdtempSync(join(tmpdir(), "chapiana-browser-"));
  url = "";

  constructor(binary) {
    this.#binary = binary;
  }

  /** Starts, the second time at the same address. @param {Record<string, string>} [settings] as environment */
  async start(settings = {}) {
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const options = ["--data-dir", this.#dir, "--sign-up", "open", "--limits", "relaxed", "--metrics-listen", "none"];
    const child = spawn(this.#binary, ["serve", "--listen", listen, ...options], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, CHAPIANA_PASSWORD_COST: "test", ...settings } });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (data) => (said = (said + data).slice(-4_000)));
    this.url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not start:\n${said}`)), 60_000);
      child.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
      let out = "";
      child.stdout.on("data", (data) => {
        out += data;
        const found = /listening on (http:\/\/\S+)/.exec(out);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1]);
      });
    });
  }

  /** kill -9: no goodbye, no flush. */
  async kill() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async end() {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
