/**
 * The two people of a session, each with a browser context of their own.
 *
 * A Shopper stands on a page of the shop, a Viewer looks at it. Both know only hooks that `browser/HOOKS.md` names.
 */

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  chromium,
  expect,
  test as base,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Locator,
  type Page,
} from "@playwright/test";

import { chromiumOptions } from "../../support/chromium.mjs";
import { Capture } from "./frames.js";
import { fetchRaw } from "./raw.js";
import { account, stack } from "./stack.js";

/** `test` with a Chromium that knows the stack's certificates, and whose pages are closed after each test. */
export const test = base.extend<{ closed: undefined }, { browser: Browser }>({
  closed: [
    async ({ browser }, use) => {
      await use(undefined);
      for (const context of browser.contexts()) await context.close();
    },
    { auto: true },
  ],
  browser: [
    async ({}, use) => {
      const browser = await launch();
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
});

export { expect };

/**
 * A Chromium that knows the stack's certificates, with further arguments. One that keeps pages has them ready for going back,
 * as browsers have and test browsers have not.
 */
export function launch(
  more: readonly string[] = [],
  { keepsPages = false }: { keepsPages?: boolean } = {},
): Promise<Browser> {
  return chromium.launch({
    ignoreDefaultArgs: keepsPages ? ["--disable-back-forward-cache"] : [],
    ...chromiumOptions(stack().spki_hash, more),
  });
}

const VIEWPORT = { width: 1200, height: 760 };

/** A place in what the visitor has sent. */
export interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

/** A visitor of the shop. */
export class Shopper {
  readonly sent: Capture;
  readonly heard: Capture;

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly faults: string[],
  ) {
    this.sent = Capture.ofSent(page);
    this.heard = Capture.ofReceived(page);
  }

  /** Opens a page of the shop in a fresh context. */
  static async open(browser: Browser, path = "/"): Promise<Shopper> {
    const context = await browser.newContext({ viewport: VIEWPORT });
    const page = await context.newPage();
    const shopper = new Shopper(context, page, watchFaults(page));
    await page.goto(stack().shop_url + path);
    return shopper;
  }

  /** Opens a page and asks for help by the button. */
  static async withSession(browser: Browser, path = "/"): Promise<Shopper> {
    const shopper = await Shopper.open(browser, path);
    await shopper.page.click("#help");
    await shopper.expectState("live");
    return shopper;
  }

  /** Starts by the script's own interface. */
  async start(options: { sessionKey?: string; groupId?: string }): Promise<void> {
    await this.page.waitForFunction(() => "GLANCE" in window);
    await this.page.evaluate((given) => {
      type Api = { Cobrowse: { Visitor: { startSession(options: object): void } } };
      (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse.Visitor.startSession(given);
    }, options);
  }

  /** Ends by the script's own interface. */
  async stop(): Promise<void> {
    await this.page.evaluate(() => {
      type Api = { Cobrowse: { Visitor: { stopSession(): void } } };
      (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse.Visitor.stopSession();
    });
  }

  get widget(): Locator {
    return this.page.locator("glance-cobrowse-widget");
  }

  async expectState(state: string): Promise<void> {
    await expect(this.widget).toHaveAttribute("data-state", state);
  }

  /** The code that the visitor reads out. */
  async key(): Promise<string> {
    await expect(this.widget).toHaveAttribute("data-key", /.+/);
    return (await this.widget.getAttribute("data-key")) ?? "";
  }

  /** What was sent last. */
  async position(): Promise<Position> {
    const get = async (name: string): Promise<number> =>
      Number(await this.widget.getAttribute(`data-${name}`));
    return { epoch: await get("epoch"), sequence: await get("sequence") };
  }

  /** Takes control back by the keyboard: its button is the page's last tab stop, behind End and Pause. */
  async takeBack(): Promise<void> {
    const isThere = (): Promise<boolean> =>
      this.page.evaluate(() => document.activeElement?.localName === "glance-cobrowse-widget");
    for (let stops = 0; stops < 100 && !(await isThere()); stops += 1)
      await this.page.keyboard.press("Tab");
    for (const key of ["Tab", "Tab", "Enter"]) await this.page.keyboard.press(key);
  }

  async go(path: string): Promise<void> {
    await this.page.goto(stack().shop_url + path);
  }

  /** Goes to a page of the shop that has another tag, a longer policy, and further headers: what a customer writes is the test's choice. */
  async goTagged(path: string, tag: string, more = "", headers = {}): Promise<void> {
    const page = await fetchRaw(stack().shop_url + path);
    const body = page.body.replace(/<script id="glance-cobrowse"[^>]*>/, tag);
    expect(body).not.toBe(page.body);
    const policy = String(page.headers["content-security-policy"]);
    // A page that the test serves itself counts as one from elsewhere, which asks before it reaches this machine.
    await this.context.grantPermissions(["local-network-access"]);
    const { pathname } = new URL(path, stack().shop_url);
    const isIt = (url: URL): boolean => url.origin + url.pathname === stack().shop_url + pathname;
    await this.page.route(isIt, (route) =>
      route.fulfill({
        body,
        contentType: "text/html",
        headers: { "content-security-policy": policy + more, ...headers },
      }),
    );
    await this.go(path);
  }

  /** The usual tag with these attributes. */
  tag(attributes: string): string {
    const loader = `${stack().web_url}/cobrowse/loader.js`;
    return `<script id="glance-cobrowse" src="${loader}" ${attributes} defer>`;
  }

  /**
   * What assistive software is told of the page, the closed shadow root of the widget included: each live region and dialog
   * with its role, its name and its text.
   */
  async announced(): Promise<string[]> {
    const devtools = await this.context.newCDPSession(this.page);
    type Node = {
      nodeId: string;
      role?: { value: string };
      name?: { value: string };
      childIds?: string[];
      properties?: { name: string; value: { value: unknown } }[];
    };
    const { nodes } = (await devtools.send("Accessibility.getFullAXTree")) as { nodes: Node[] };
    await devtools.detach();
    const known = new Map(nodes.map((node) => [node.nodeId, node]));
    const textOf = (node: Node): string => {
      if (node.role?.value === "StaticText") return node.name?.value ?? "";
      const inside = (node.childIds ?? []).map((id) => known.get(id));
      return inside
        .map((child) => (child ? textOf(child) : ""))
        .join(" ")
        .trim();
    };
    const isLive = ({ role, properties = [] }: Node): boolean =>
      role?.value === "alertdialog" ||
      properties.some(({ name, value }) => name === "live" && value.value === "polite");
    return nodes
      .filter(isLive)
      .map((node) => `${node.role?.value ?? ""} ${node.name?.value ?? ""}: ${textOf(node)}`);
  }
}

/** Logins that were made already: who joins again need not type. Logging in itself is tested by the doors. */
const logins = new Map<string, Parameters<BrowserContext["addCookies"]>[0]>();

/** An agent with a viewer. */
export class Viewer {
  readonly received: Capture;

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly faults: string[],
  ) {
    this.received = Capture.ofReceived(page);
  }

  /** A fresh browser in which nobody is logged in. */
  static async fresh(browser: Browser, options: BrowserContextOptions = {}): Promise<Viewer> {
    const context = await browser.newContext({ viewport: VIEWPORT, ...options });
    const page = await context.newPage();
    return new Viewer(context, page, watchFaults(page));
  }

  /** Another window of the same browser. */
  async besides(): Promise<Viewer> {
    const page = await this.context.newPage();
    return new Viewer(this.context, page, watchFaults(page));
  }

  /** Opens the agent view of a key, logs in, and waits for the mirrored page. */
  static async join(browser: Browser, name: string, key: string): Promise<Viewer> {
    const viewer = await Viewer.fresh(browser);
    const known = logins.get(name);
    if (known) await viewer.context.addCookies(known);
    await viewer.open(key);
    if (!known) {
      await viewer.logIn(name);
      const cookies = await viewer.context.cookies(stack().web_url);
      logins.set(
        name,
        cookies.map(({ name, value }) => ({
          ...{ name, value, url: stack().web_url },
          ...{ httpOnly: true, secure: true, sameSite: "Lax" as const },
        })),
      );
    }
    await viewer.expectState("live");
    return viewer;
  }

  /** Goes to the agent view of a key. */
  async open(key: string): Promise<void> {
    await this.page.goto(agentView(key));
  }

  /** Fills the login form that is shown. */
  async logIn(name: string, password = account(name).password): Promise<void> {
    await expect(this.page).toHaveURL(/\/login/);
    const form = this.page
      .locator("form")
      .filter({ has: this.page.locator("input[type=password]") });
    await form.locator("input:not([type=hidden]):not([type=password])").first().fill(name);
    await form.locator("input[type=password]").fill(password);
    await form.locator("button, input[type=submit]").first().click();
  }

  async expectState(state: string): Promise<void> {
    await expect(this.page.locator("body")).toHaveAttribute("data-state", state);
  }

  async expectReason(reason: string): Promise<void> {
    await expect(this.page.locator("body")).toHaveAttribute("data-reason", reason);
  }

  /** Text of the first element that fits, in the mirrored page; null when there is none. */
  text(selector: string): Promise<string | null> {
    return this.inMirror(
      (mirror, wanted) => mirror.querySelector(wanted)?.textContent ?? null,
      selector,
    );
  }

  /** Value of a field in the mirrored page. */
  value(selector: string): Promise<string | null> {
    return this.inMirror((mirror, wanted) => {
      const field = mirror.querySelector(wanted) as HTMLInputElement | null;
      return field ? field.value : null;
    }, selector);
  }

  /** How many elements fit in the mirrored page. */
  count(selector: string): Promise<number | null> {
    return this.inMirror((mirror, wanted) => mirror.querySelectorAll(wanted).length, selector);
  }

  /** How far the mirrored page is scrolled. */
  scrolled(): Promise<number | null> {
    return this.inMirror((mirror) => mirror.defaultView?.scrollY ?? 0, "");
  }

  /** A computed style in the mirrored page. */
  async styleOf(selector: string, property: string): Promise<string | null> {
    return this.inMirror((mirror, both) => {
      const [wanted = "", name = ""] = both.split("|");
      const found = mirror.querySelector(wanted);
      return found
        ? (mirror.defaultView?.getComputedStyle(found).getPropertyValue(name) ?? null)
        : null;
    }, `${selector}|${property}`);
  }

  /** Everything that the mirrored document holds, as markup. */
  markup(): Promise<string | null> {
    return this.inMirror((mirror) => mirror.documentElement.outerHTML, "");
  }

  async expectText(selector: string, text: string | RegExp): Promise<void> {
    await expect
      .poll(() => this.text(selector), { message: `${selector} in the view` })
      .toMatch(text);
  }

  /** Runs in the viewer's own world, with the mirrored document: its frame runs no scripts. Null when there is none. */
  private async inMirror<T>(
    read: (mirror: Document, word: string) => T,
    word: string,
  ): Promise<T | null> {
    try {
      const mirror = await this.page.evaluateHandle(
        () => document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentDocument ?? null,
      );
      const there = await mirror.evaluate((found) => found?.documentElement != null);
      return there ? await mirror.evaluate(read as never, word) : null;
    } catch (error) {
      // A viewer that fetches a new ticket leaves its page: at that moment there is nothing to look at.
      if (error instanceof Error && /context was destroyed|navigation/.test(error.message))
        return null;
      throw error;
    }
  }
}

/** Address of the agent view of a key. */
export function agentView(key: string): string {
  return `${stack().web_url}/cobrowse/AgentView?SessionKey=${encodeURIComponent(key)}`;
}

/**
 * A picture of a moment, outside git. One that the guides show has to look like the guides' still: `--update-snapshots`
 * takes the new ones over. Codes, times and whoever else is there differ, and fonts of another machine.
 */
export async function shoot(page: Page, name: string): Promise<void> {
  const aside = fileURLToPath(new URL("../../../target/e2e-screenshots", import.meta.url));
  const folder = process.env["COBROWSE_SCREENSHOTS"] ?? aside;
  mkdirSync(folder, { recursive: true });
  // Hiding the caret would put a style into the page, which its policy refuses.
  const taken = await page.screenshot({ path: join(folder, `${name}.png`), caret: "initial" });
  if (existsSync(join(GUIDE_PICTURES, `${name}.png`)))
    expect(taken).toMatchSnapshot(`${name}.png`, { maxDiffPixelRatio: GUIDE_DIFFERENCE_MAX });
}

/** Pictures of the guides. */
export const GUIDE_PICTURES = fileURLToPath(
  new URL("../../../docs/guides/pictures", import.meta.url),
);

/** Share of pixels that may differ. A page that was laid out anew differs in more. */
const GUIDE_DIFFERENCE_MAX = 0.15;

/** What the console and the page complain about: errors, and everything about policies. */
function watchFaults(page: Page): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (/content security policy|trusted ?types|refused to/i.test(text)) faults.push(text);
  });
  return faults;
}
