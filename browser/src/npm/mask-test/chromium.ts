/**
 * A Chromium of this machine, driven over a pipe: no library and no port.
 *
 * Owns the process, its temporary profile and the protocol's messages. What is asked of the page is `main.ts`'s.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

type Listener = (params: Record<string, unknown>) => void;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page in a browser of its own. */
export class Chromium {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly listeners = new Map<string, Listener>();
  private session: string | undefined;
  private asked = 0;
  private rest = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly profile: string,
  ) {
    (child.stdio[4] as Readable).on("data", (bytes: Buffer) => {
      this.read(bytes.toString("utf8"));
    });
    child.once("exit", () => {
      for (const answer of this.waiting.values()) answer({ error: { message: "the browser ended" } });
      this.waiting.clear();
    });
  }

  /** Starts it with an empty page. */
  static async start(program: string, words: readonly string[]): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), "cobrowse-mask-test-"));
    const isRoot = process.getuid?.() === 0;
    const options = [
      "--headless=new",
      "--remote-debugging-pipe",
      `--user-data-dir=${profile}`,
      "--no-first-run",
      "--disable-background-networking",
      "--disable-gpu",
      ...(isRoot ? ["--no-sandbox"] : []),
      ...words,
      "about:blank",
    ];
    const child = spawn(program, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    const browser = new Chromium(child, profile);
    const { targetId } = await browser.ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.ask("Target.attachToTarget", { targetId, flatten: true });
    browser.session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await browser.ask(`${domain}.enable`, {});
    // Without a screen no page has the focus, and none would take a key.
    await browser.ask("Emulation.setFocusEmulationEnabled", { enabled: true });
    return browser;
  }

  on(event: string, listener: Listener): void {
    this.listeners.set(event, listener);
  }

  async ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = (this.asked += 1);
    const message = { id, method, params, ...(this.session ? { sessionId: this.session } : {}) };
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      (this.child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.ask("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result?: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? "the page's script failed");
    return result?.value;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.session = undefined;
    const kill = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS_MAX);
    if (this.child.exitCode === null) {
      await this.ask("Browser.close", {}).catch(() => undefined);
      await ended;
    }
    clearTimeout(kill);
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private read(text: string): void {
    const messages = (this.rest + text).split("\0");
    this.rest = messages.pop() ?? "";
    for (const message of messages) {
      const answer = JSON.parse(message) as Answer;
      if (answer.id !== undefined) {
        this.waiting.get(answer.id)?.(answer);
        this.waiting.delete(answer.id);
      } else if (answer.method) this.listeners.get(answer.method)?.(answer.params ?? {});
    }
  }
}

/** Where a Chromium usually stands; `null` where none was found. */
export function findChromium(): string | null {
  return PLACES.find((place) => existsSync(place)) ?? null;
}

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/microsoft-edge",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

const STOP_MS_MAX = 5_000;
