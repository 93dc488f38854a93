/**
 * Pages that have broken the browser's built-ins: nothing of ours may be felt there, and nothing masked may leave.
 *
 * Owns the trials and their judgement. Each takes one built-in away, before our scripts come or during a session, on the real
 * stack. Judged are errors that the page hears of and that have our scripts in them, what the page's own calls give with us
 * and without, and what leaves over the visitor's connection.
 */

import { join } from "node:path";
import type { Browser, CDPSession, Page } from "playwright-core";

import { textOf } from "../../../e2e/support/frames.js";
import { groupId, type Stack } from "../stack.js";
import { FIND_BUILT_INS } from "./built-ins.js";
import { documentOf, type How, type Trial } from "./page.js";

/** What came of all trials. */
export interface BrokenFigures {
  readonly broken_built_ins: number;
  readonly broken_trials: number;
  /** Trials in which a session ran. */
  readonly broken_live: number;
  readonly broken_felt: number;
}

/** Which trials are run: every so many of all, or all of those whose path has one of some words; `null`: {@link SAMPLE}. */
export interface BrokenOptions {
  readonly every: number | null;
  readonly only: string | null;
}

/** Runs them. */
export async function runBroken(
  stack: Stack,
  browser: Browser,
  { every, only }: BrokenOptions,
): Promise<BrokenFigures> {
  const trials =
    every === null
      ? SAMPLE
      : (await allTrials(stack, browser)).filter(({ path }, at) =>
          only ? only.split("|").some((word) => path.includes(word)) : at % every === 0,
        );
  const queue = [...trials.entries()];
  let [live, felt] = [0, 0];
  const work = async (): Promise<void> => {
    const lane = new Lane(stack, browser);
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [number, trial] = next;
      const { faults, wasLive } = await lane.run(number, trial);
      if (wasLive) live += 1;
      if (faults.length > 0) felt += 1;
      const when = trial.isEarly ? "early" : "late";
      for (const fault of faults)
        console.log(`BROKEN  ${trial.path} ${trial.how} (${when}): ${fault}`);
    }
    await lane.close();
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return {
    broken_built_ins: new Set(trials.map(({ path }) => path)).size,
    broken_trials: trials.length,
    broken_live: live,
    broken_felt: felt,
  };
}

/** Each built-in, in both ways, before our scripts come and during a session. */
async function allTrials(stack: Stack, browser: Browser): Promise<Trial[]> {
  const ways: How[] = ["throws", "returns undefined"];
  return (await builtIns(stack, browser)).flatMap((path) =>
    [true, false].flatMap((isEarly) => ways.map((how) => ({ path, how, isEarly }))),
  );
}

async function builtIns(stack: Stack, browser: Browser): Promise<string[]> {
  const page = await browser.newPage();
  await page.route(`${stack.shop_url}/**`, (route) =>
    route.fulfill({ contentType: "text/html", body: "" }),
  );
  await page.goto(`${stack.shop_url}/`);
  const paths = (await page.evaluate(FIND_BUILT_INS)) as string;
  await page.close();
  return paths.split(" ");
}

/** Trials one after the other, in one tab. */
class Lane {
  private page: Page | null = null;
  private cdp: CDPSession | null = null;
  private body = "";
  private errors: string[] = [];
  private sent: Buffer[] = [];

  constructor(
    private readonly stack: Stack,
    private readonly browser: Browser,
  ) {}

  async run(number: number, trial: Trial): Promise<{ faults: string[]; wasLive: boolean }> {
    const canary = `qz${String(number).padStart(5, "0")}x`;
    try {
      const alone = await this.once("", canary, trial);
      const ours = await this.once(this.tag(), canary, trial);
      const text = textOf(this.sent);
      const faults = [...ours.errors];
      if (alone.calls !== ours.calls) faults.push(`calls: ${difference(alone.calls, ours.calls)}`);
      if (text.includes(canary)) faults.push(`LEAK ${around(text, canary)}`);
      return { faults, wasLive: text.includes("Open words") };
    } catch (error) {
      await this.close();
      return {
        faults: [error instanceof Error ? error.message.slice(0, 200) : String(error)],
        wasLive: false,
      };
    }
  }

  async close(): Promise<void> {
    await this.page?.context().close();
    this.page = this.cdp = null;
  }

  private tag(): string {
    return `<script id="glance-cobrowse" data-groupid="${groupId("plain")}" src="${this.stack.web_url}/cobrowse/loader.js"></script>`;
  }

  /** Loads the page, with us or without, lets it act, and gives what it has seen. */
  private async once(
    tag: string,
    canary: string,
    trial: Trial,
  ): Promise<{ calls: string; errors: string[] }> {
    const page = this.page ?? (await this.open());
    this.body = documentOf(tag, canary, trial);
    this.sent = [];
    await page.goto(`${this.stack.shop_url}/broken`);
    this.errors = this.errors.splice(0).filter(() => tag !== "");
    if (tag) await this.begin(page);
    await this.ask("cobrowseAct()");
    const until = Date.now() + WAIT_MS_MAX;
    while ((await this.ask("cobrowseTrial.done")) !== "done") {
      if (Date.now() > until) throw new Error("the page came to no end");
      await after(20);
    }
    if (tag) await after(SETTLE_MS);
    const calls = String(await this.ask("cobrowseTrial.calls"));
    return { calls, errors: this.errors.splice(0) };
  }

  /** A session begins, or goes on; where it cannot, the page is alone. */
  private async begin(page: Page): Promise<void> {
    const widget = (state: string, timeout: number): Promise<boolean> =>
      page.waitForSelector(`glance-cobrowse-widget${state}`, { state: "attached", timeout }).then(
        () => true,
        () => false,
      );
    const cookies = await page.context().cookies();
    const isKept = cookies.some(({ name }) => name === "glance_cobrowse");
    if (!isKept || !(await widget("", START_MS_MAX)))
      await this.ask("void GLANCE.Cobrowse.Visitor.startSession({})").catch(() => undefined);
    await widget("[data-state=live][data-sequence],[data-state=ended]", START_MS_MAX);
  }

  private async open(): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 700 } });
    const page = await context.newPage();
    this.page = page;
    await page.route(`${this.stack.shop_url}/**`, (route) =>
      route.fulfill({ contentType: "text/html; charset=utf-8", body: this.body }),
    );
    const scripts = process.env["COBROWSE_SCRIPTS"];
    if (scripts)
      await page.route("**/cobrowse/**/*.js", (route) =>
        route.fulfill({
          contentType: "text/javascript",
          headers: { "access-control-allow-origin": "*" },
          path: join(scripts, new URL(route.request().url()).pathname.replace("/cobrowse/", "")),
        }),
      );
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => this.sent.push(Buffer.from(payload)));
    });
    const cdp = await context.newCDPSession(page);
    this.cdp = cdp;
    cdp.on("Runtime.exceptionThrown", ({ exceptionDetails }) =>
      this.hear("error", exceptionDetails),
    );
    cdp.on("Runtime.consoleAPICalled", (said) => {
      if (said.type === "error") this.hear("console.error", said);
    });
    await cdp.send("Runtime.enable");
    return page;
  }

  /** Keeps an error with one of our scripts in it. */
  private hear(what: string, details: unknown): void {
    const text = JSON.stringify(details);
    const [, where] = /\/cobrowse\/([\w/]+\.js[:\d]*)/.exec(text) ?? [];
    if (where === undefined) return;
    const { exception, args } = details as {
      exception?: { description?: string };
      args?: { value?: unknown }[];
    };
    const words = exception?.description ?? args?.map(({ value }) => value).join(" ") ?? "";
    this.errors.push(`${what} ${words.slice(0, 400)} (${where})`);
  }

  private async ask(expression: string): Promise<unknown> {
    const late = after(WAIT_MS_MAX).then(() => Promise.reject(new Error("the page hangs")));
    const answer = this.cdp?.send("Runtime.evaluate", { expression, returnByValue: true });
    const { result, exceptionDetails } = (await Promise.race([answer, late])) as {
      result: { value?: unknown };
      exceptionDetails?: object;
    };
    if (exceptionDetails)
      throw new Error(`${expression}: ${JSON.stringify(exceptionDetails).slice(0, 300)}`);
    return result.value;
  }
}

function difference(one: string, other: string): string {
  const lines = other.split("\n");
  const at = one.split("\n").findIndex((line, index) => line !== lines[index]);
  return `${one.split("\n")[at] ?? ""} is ${lines[at] ?? ""} with us`;
}

function around(text: string, canary: string): string {
  const at = text.indexOf(canary);
  return text.slice(Math.max(0, at - 80), at + 20);
}

function after(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

const trial = (path: string, how: How, isEarly = false): Trial => ({ path, how, isEarly });

/** Some of each kind: what we hand to the browser, what the page's own calls pass, what is read before a session. */
const SAMPLE: readonly Trial[] = [
  trial("Array.prototype.push", "throws"),
  trial("Array.prototype.map", "throws"),
  trial("Map.prototype.@@iterator", "returns undefined"),
  trial("Set.prototype.clear", "throws"),
  trial("NodeList.prototype.@@iterator", "throws"),
  trial("WeakMap.prototype.get", "throws"),
  trial("setTimeout", "throws"),
  trial("Node.prototype.contains", "returns undefined"),
  trial("Promise.prototype.then", "throws", true),
  trial("Array.prototype.splice", "returns undefined", true),
  trial("RegExp.prototype.exec", "throws", true),
  trial("String", "returns undefined", true),
];

const LANES = 4;

const START_MS_MAX = 1_500;

/** The last changes leave within a tenth of this. */
const SETTLE_MS = 120;

const WAIT_MS_MAX = 8_000;
