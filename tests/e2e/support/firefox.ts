/**
 * A headless Firefox, spoken to by its own remote protocol (Marionette): one JSON array at a time, each behind its length.
 *
 * Owns the process and its profile. Debian's Firefox is none of those that Playwright drives.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Asks nobody but the stack for anything. */
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "marionette.port": 0,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};
const START_MS_MAX = 60_000;
const LOOK_MS = 100;

/** What Marionette calls an element. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
type Element = Record<string, string>;

/** One window of it. */
export class Firefox {
  private next = 1;
  private buffer = Buffer.alloc(0);
  private readonly waiting = new Map<number, (answer: unknown[]) => void>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly profile: string,
    private readonly socket: Socket,
  ) {
    socket.on("data", (bytes: Buffer) => {
      this.buffer = Buffer.concat([this.buffer, bytes]);
      for (let at; (at = this.buffer.indexOf(":")) > 0;) {
        const end = at + 1 + Number(this.buffer.subarray(0, at));
        if (this.buffer.length < end) return;
        const told: unknown = JSON.parse(this.buffer.subarray(at + 1, end).toString());
        this.buffer = this.buffer.subarray(end);
        // Its greeting is no answer.
        if (Array.isArray(told)) this.waiting.get(told[1] as number)?.(told);
      }
    });
  }

  /** Starts the program that `FIREFOX` names. */
  static async start(): Promise<Firefox> {
    const program = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
    if (!existsSync(program))
      throw new Error(`no ${program}: \`apt-get install firefox-esr\`, or name one as FIREFOX`);
    const profile = mkdtempSync(join(tmpdir(), "firefox-"));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref("${name}", ${String(value)});`,
    );
    writeFileSync(join(profile, "user.js"), lines.join("\n"));
    const words = ["--headless", "--no-remote", "--marionette", "--profile", profile];
    const child = spawn(program, words, { stdio: "ignore" });
    const file = join(profile, "MarionetteActivePort");
    const late = Date.now() + START_MS_MAX;
    while (!existsSync(file)) {
      if (Date.now() > late) throw new Error("Firefox opened no port");
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    const socket = connect(Number(readFileSync(file, "utf8")), "127.0.0.1");
    const firefox = new Firefox(child, profile, socket);
    await firefox.ask("WebDriver:NewSession", {
      // The stack's certificates come of an authority of its own.
      acceptInsecureCerts: true,
    });
    return firefox;
  }

  async goto(url: string): Promise<void> {
    await this.ask("WebDriver:Navigate", { url });
  }

  /** The page's first frame from here on, or the page itself. */
  async enter(where: "frame" | "page"): Promise<void> {
    const element = where === "page" ? {} : { element: (await this.find("iframe"))[ELEMENT] };
    await this.ask("WebDriver:SwitchToFrame", element);
  }

  /** Runs the body of a function in the document. */
  async run(script: string): Promise<unknown> {
    const { value } = await this.ask("WebDriver:ExecuteScript", { script, args: [] });
    return value;
  }

  async fill(selector: string, text: string): Promise<void> {
    const id = (await this.find(selector))[ELEMENT];
    await this.ask("WebDriver:ElementSendKeys", { id, text });
  }

  async click(selector: string): Promise<void> {
    await this.ask("WebDriver:ElementClick", { id: (await this.find(selector))[ELEMENT] });
  }

  /** Ends it, whatever hangs in it. */
  async close(): Promise<void> {
    this.socket.destroy();
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGKILL");
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: LOOK_MS });
  }

  private async find(selector: string): Promise<Element> {
    const asked = { using: "css selector", value: selector };
    return (await this.ask("WebDriver:FindElement", asked))["value"] as Element;
  }

  private ask(command: string, parameters: object): Promise<Record<string, unknown>> {
    const id = this.next++;
    const text = JSON.stringify([0, id, command, parameters]);
    this.socket.write(`${String(Buffer.byteLength(text))}:${text}`);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ([, , fault, result]) => {
        this.waiting.delete(id);
        if (fault) reject(new Error(`${command}: ${JSON.stringify(fault)}`));
        else resolve(result as Record<string, unknown>);
      });
    });
  }
}
