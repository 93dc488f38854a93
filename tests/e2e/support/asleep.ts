/**
 * A Chromium that can be put to sleep, as a laptop is whose lid is closed: all its processes stop where they are, and go on later.
 */

import { chromium, type Browser } from "@playwright/test";

import { chromiumOptions } from "../../support/chromium.mjs";
import { stack } from "./stack.js";

/** The browser. Nothing may be asked of it while it sleeps. */
export class Sleeper {
  private constructor(
    readonly browser: Browser,
    private readonly signal: (name: NodeJS.Signals) => void,
    private readonly end: () => Promise<void>,
  ) {}

  static async launch(): Promise<Sleeper> {
    const server = await chromium.launchServer(chromiumOptions(stack().spki_hash));
    const { pid } = server.process();
    if (pid === undefined) throw new Error("the browser has no process");
    // It is the first of a group of its own.
    const signal = (name: NodeJS.Signals): void => void process.kill(-pid, name);
    return new Sleeper(await chromium.connect(server.wsEndpoint()), signal, () => server.close());
  }

  sleep(): void {
    this.signal("SIGSTOP");
  }

  wake(): void {
    this.signal("SIGCONT");
  }

  async close(): Promise<void> {
    this.wake();
    await this.browser.close();
    await this.end();
  }
}
