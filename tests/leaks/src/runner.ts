/**
 * Runs cases: one session a group, one page a case, an agent without a browser that receives everything.
 *
 * A case's page is served under the shop's origin; visitor's script, web tier, CServer and frames are the real ones.
 * A case is judged on the frames between the first epoch of its page and the first of the next.
 */

import { readFileSync } from "node:fs";
import type { Browser, Page, Route } from "playwright-core";

import type { Agent, Login } from "./agent.js";
import { Fill, type Case, type GroupName } from "./kit.js";
import { groupId, type Stack } from "./stack.js";

/** What came of one case in one run. */
export interface Outcome {
  readonly name: string;
  readonly isMasked: boolean;
  /** Whether a canary arrived. */
  readonly found: boolean;
  /** The run itself failed: neither a leak nor a proof. */
  readonly fault?: string;
  /** Some of the text around the canary. */
  readonly excerpt?: string;
}

/** Runs of one group, one after the other in one session. */
export class Lane {
  private page: Page | null = null;
  private agent: Agent | null = null;
  private key = "";
  private files = new Map<string, string>();

  constructor(
    private readonly stack: Stack,
    private readonly browser: Browser,
    private readonly login: Login,
    private readonly group: GroupName,
  ) {}

  async run(one: Case, number: number, isMasked: boolean): Promise<Outcome> {
    const fill = new Fill(number, isMasked);
    const { name } = one;
    try {
      const text = await this.textOf(one, fill);
      const found = one.found
        ? one.found(text, fill)
        : isMasked
          ? fill.isIn(text)
          : this.isShown(one, text, fill);
      const at = text.search(new RegExp(`${fill.main.slice(0, 5)}|${fill.digits}`));
      const which = fill.canaries.flatMap((_, at) => (fill.has(text, at) ? [String(at)] : []));
      const excerpt =
        at < 0 ? "" : `(${which.join()}) ${text.slice(Math.max(0, at - 120), at + 60)}`;
      return { name, isMasked, found, ...(isMasked && found ? { excerpt } : {}) };
    } catch (error) {
      return {
        name,
        isMasked,
        found: false,
        fault: error instanceof Error ? error.message : String(error),
      };
    }
  }

  /** Everything that any agent of this lane has ever received. */
  allText(): string {
    return this.agent?.textSince(0) ?? "";
  }

  async close(): Promise<void> {
    this.agent?.leave();
    await this.page?.context().close();
  }

  /** Whether a control shows every canary of its page, but those that no mirror shows. */
  private isShown(one: Case, text: string, fill: Fill): boolean {
    const { control = one.html, act, head, address, files, unseen = "" } = one;
    const source = JSON.stringify([control, act?.toString(), head, address, files]);
    const there = [...source.matchAll(/\{c(\d?)\}|fill\.(main)/g)].map(([, at]) => at || "0");
    const blunt = [...new Set(there)].filter(
      (at) => !unseen.includes(at) && !fill.has(text, Number(at)),
    );
    if (source.includes("{d}") && !text.includes(fill.digits)) blunt.push("d");
    if (blunt.length > 0) console.log(`        ${one.name}: no canary of ${blunt.join()}`);
    return blunt.length === 0;
  }

  private async textOf(one: Case, fill: Fill): Promise<string> {
    const path = `/leak/${String(fill.number)}/${fill.isMasked ? "masked" : "control"}`;
    const markup = fill.isMasked ? one.html : (one.control ?? one.html);
    this.files = new Map([
      [path, this.document(one, fill.text(one.head ?? ""), fill.text(markup), fill)],
      ...Object.entries(one.files ?? {}).map(([name, text]): [string, string] => [
        `/leak/${String(fill.number)}/${name}`,
        this.whole(fill.text(text), fill),
      ]),
    ]);
    const page = this.page ?? (await this.open());
    const start = this.agent?.messages.length ?? 0;
    await page.goto(this.stack.shop_url + path + fill.text(one.address ?? ""));
    const agent = this.agent ?? (await this.begin(page));
    const isBlind = this.group === "broken" || (one.isBlind === true && fill.isMasked);
    await this.shown(page, agent, start, `ready${this.mark(fill)}`, isBlind);
    if (typeof one.act === "string") {
      await page.evaluate(`(async () => { ${fill.text(one.act)} })()`);
    } else if (one.act) {
      await one.act(page, fill, () => agent.textSince(start));
    }
    await page.evaluate(SETTLE);
    await this.arrived(one, fill, agent, start);
    const done = `done${this.mark(fill)}`;
    await page.evaluate((mark) => {
      const at = document.querySelector("#the-end");
      if (at) at.textContent = mark;
    }, done);
    await this.shown(page, agent, start, done, isBlind);
    if (!one.isLate && !one.foundLate) return agent.textSince(start);
    const late = await this.login.join(this.key);
    await this.shown(page, late, 0, done);
    await this.arrived(one, fill, late, 0);
    late.leave();
    one.foundLate?.(late.textSince(0));
    return (one.isLate ? late : agent).textSince(one.isLate ? 0 : start);
  }

  private mark(fill: Fill): string {
    return `-${String(fill.number)}-${fill.isMasked ? "m" : "c"}`;
  }

  private async open(): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 700 } });
    const page = await context.newPage();
    this.page = page;
    page.setDefaultTimeout(WAIT_MS_MAX);
    for (const origin of [this.stack.shop_url, ...FRAME_ORIGINS])
      await page.route(`${origin}/**`, (route) => this.serve(route));
    const script = process.env["COBROWSE_VISITOR_JS"];
    if (script) {
      const body = readFileSync(script, "utf8");
      await page.route("**/cobrowse/visitor.js", (route) =>
        route.fulfill({ contentType: "text/javascript", body }),
      );
    }
    return page;
  }

  private async serve(route: Route): Promise<void> {
    const { pathname } = new URL(route.request().url());
    const body = this.files.get(pathname);
    const ending = body?.startsWith("<?xml") ? "xhtml" : (pathname.split(".")[1] ?? "");
    const kind = KINDS[ending] ?? "text/html";
    if (body === undefined) await route.fulfill({ status: 404, body: "no such file" });
    else await route.fulfill({ contentType: `${kind}; charset=utf-8`, body });
  }

  private async begin(page: Page): Promise<Agent> {
    await page.waitForFunction("'GLANCE' in window");
    await page.evaluate("GLANCE.Cobrowse.Visitor.startSession({})");
    await page.waitForSelector("glance-cobrowse-widget[data-state=live]", { state: "attached" });
    this.key = (await page.getAttribute("glance-cobrowse-widget", "data-key")) ?? "";
    this.agent = await this.login.join(this.key);
    return this.agent;
  }

  /** Waits until a mark has arrived. Where everything is masked none can; then until nothing more comes. */
  private async shown(
    page: Page,
    agent: Agent,
    start: number,
    mark: string,
    isBlind = false,
  ): Promise<void> {
    const until = Date.now() + WAIT_MS_MAX;
    if (isBlind) {
      await page.waitForSelector("glance-cobrowse-widget[data-sequence]", { state: "attached" });
      await after(QUIET_MS);
      if (agent.textSince(start) === "") throw new Error("no epoch arrived");
      return;
    }
    let seen = -1;
    while (Date.now() < until) {
      if (agent.messages.length !== seen) {
        seen = agent.messages.length;
        if (agent.textSince(start).includes(mark)) return;
      }
      await after(10);
    }
    throw new Error(`"${mark}" did not arrive within ${String(WAIT_MS_MAX)} ms`);
  }

  /** Waits for what comes in its own time. */
  private async arrived(one: Case, fill: Fill, agent: Agent, start: number): Promise<void> {
    const until = Date.now() + WAIT_MS_MAX;
    while (one.until && !one.until(agent.textSince(start), fill)) {
      if (Date.now() > until)
        throw new Error(`what the case waits for did not arrive within ${String(WAIT_MS_MAX)} ms`);
      await after(20);
    }
  }

  private document(
    { kind, tag: more = 'defer="defer"' }: Case,
    head: string,
    body: string,
    fill: Fill,
  ): string {
    const tag = `<script id="glance-cobrowse" src="${this.stack.web_url}/cobrowse/loader.js" data-groupid="${groupId(this.group)}" data-site="production" ${more}></script>`;
    // The marks stand in a place that even the default "text" leaves open.
    const marks = `<footer class="glance_unmasked"><p>ready${this.mark(fill)}</p><p id="the-end"></p></footer>`;
    const text = `${START[kind ?? "html"]}<head>${tag}${head}</head><body>${body}${marks}</body></html>`;
    return this.whole(text, fill);
  }

  /** A page with the addresses that only a run knows. */
  private whole(text: string, fill: Fill): string {
    return text
      .replaceAll("{web}", this.stack.web_url)
      .replaceAll("{folder}", `/leak/${String(fill.number)}`);
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How a document begins, by its kind. */
const START = {
  html: "<!doctype html><html>",
  quirks: "<html>",
  xhtml: '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">',
} as const;

/** Types by the endings of files. */
const KINDS: Readonly<Record<string, string>> = {
  css: "text/css",
  svg: "image/svg+xml",
  xhtml: "application/xhtml+xml",
};

/** Where frames of other origins come from. The group `frames` lists the first. */
const FRAME_ORIGINS = ["https://pay.localhost:1", "https://far.localhost:1"];

/** rrweb gathers scrolls and inputs for a frame or two. */
const SETTLE = "new Promise((done) => setTimeout(done, 60))";

const WAIT_MS_MAX = 30_000;

/** A page of the suite is sent within a tenth of this. */
const QUIET_MS = 700;
