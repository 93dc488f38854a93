/**
 * The visitor and the agents of a run, each in a browser context of its own.
 *
 * They know only the hooks that `browser/HOOKS.md` names. What is compared is `normalise.mjs`'s and `pixels.mjs`'s.
 */

import { chromium } from "playwright-core";

import { chromiumOptions } from "../../support/chromium.mjs";
import { serve } from "./site.mjs";

/** What both sides show at scale 1. */
export const VIEWPORT = { width: 1000, height: 700 };
const VIEWER_VIEWPORT = { width: 1200, height: 960 };
const WAIT_MS_MAX = 30_000;

/** A browser that knows the stack's certificates. */
export function launch(stack) {
  return chromium.launch(
    chromiumOptions(stack.spki_hash, [
      "--force-color-profile=srgb",
      "--hide-scrollbars",
      // Pages of the suite have no address of their own, and would count as public ones that call loopback.
      "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
    ]),
  );
}

/** A visitor on a page of the suite. */
export class Visitor {
  static async open(browser, stack, scripts, name, options) {
    const wishes = name === "wishes" ? { colorScheme: "dark", hasTouch: true } : { colorScheme: "light" };
    const context = await browser.newContext({ viewport: VIEWPORT, ...wishes });
    // Only the comparison needs to see closed roots; the product has its own way to know them.
    await context.addInitScript(() => {
      const roots = new WeakMap();
      const attach = Element.prototype.attachShadow;
      Element.prototype.attachShadow = function attachShadow(init) {
        const root = attach.call(this, init);
        roots.set(this, root);
        return root;
      };
      Object.defineProperty(window, "mirrorRootOf", { value: (host) => roots.get(host) ?? host.shadowRoot });
    });
    // What a page calls the time; `performance` goes on by the machine's clock.
    await context.addInitScript((ms) => {
      const { now } = Date;
      if (ms) Date.now = () => now() + ms;
    }, options.clockAheadMs ?? 0);
    await serve(context, stack, scripts, { ...options, isVisitor: true });
    const visitor = new Visitor();
    visitor.context = context;
    visitor.page = await context.newPage();
    visitor.faults = watch(visitor.page);
    await visitor.page.goto(`${stack.shop_url}/mirror/${name}.html`);
    await visitor.page.waitForFunction(() => window.mirrorPage !== undefined);
    await visitor.page.evaluate(() => window.mirrorPage.ready);
    return visitor;
  }

  /** Starts a session and gives its key. */
  async start() {
    await this.page.evaluate(() => window.GLANCE.Cobrowse.Visitor.startSession());
    await this.page.waitForSelector("glance-cobrowse-widget[data-state=live][data-epoch]", {
      state: "attached",
      timeout: WAIT_MS_MAX,
    });
    return this.page.locator("glance-cobrowse-widget").getAttribute("data-key");
  }

  steps() {
    return this.page.evaluate(() => window.mirrorPage.steps.length);
  }

  step(at) {
    return this.page.evaluate(async (index) => void (await window.mirrorPage.steps[index]()), at);
  }

  /** Epoch and sequence of the last frame that was sent. */
  position() {
    return this.page.evaluate(() => {
      const { epoch, sequence } = document.querySelector("glance-cobrowse-widget").dataset;
      return `${epoch}/${sequence}`;
    });
  }

  /** The page without the widget, which is no part of it. */
  async picture() {
    await this.hideWidget(true);
    const picture = await this.page.screenshot({ caret: "initial", animations: "allow" });
    await this.hideWidget(false);
    return picture;
  }

  hideWidget(isHidden) {
    return this.page.evaluate((is) => {
      const root = window.mirrorRootOf(document.querySelector("glance-cobrowse-widget"));
      for (const part of root.children) part.style.setProperty("visibility", is ? "hidden" : "", "important");
      for (const part of is ? root.querySelectorAll("*") : [])
        if (getComputedStyle(part).visibility === "visible") throw new Error("a part of the widget shows");
    }, isHidden);
  }

  /** Where elements are. */
  boxes(selector) {
    return this.page.evaluate(
      (given) => [...document.querySelectorAll(given)].map((one) => one.getBoundingClientRect().toJSON()),
      selector,
    );
  }
}

/** An agent, logged in once, who looks at one session after the other. */
export class Agent {
  static async logIn(browser, stack, scripts, name, options) {
    const context = await browser.newContext({ viewport: VIEWER_VIEWPORT });
    await serve(context, stack, scripts, options);
    const agent = new Agent();
    await context.addInitScript(() => {
      window.mirrorUnshown = [];
      document.addEventListener("cobrowse-unshown", ({ detail }) => (window.mirrorUnshown = detail));
    });
    Object.assign(agent, { context, stack, name, page: await context.newPage() });
    agent.faults = watch(agent.page);
    return agent;
  }

  /** Opens the view of a key; the first time this asks for the password. */
  async open(key) {
    await this.page.goto(`${this.stack.web_url}/cobrowse/AgentView?SessionKey=${key}`);
    if (this.page.url().includes("/login")) {
      const account = this.stack.accounts.find((one) => one.name === this.name);
      const form = this.page.locator("form").filter({ has: this.page.locator("input[type=password]") });
      await form.locator("input:not([type=hidden]):not([type=password])").first().fill(this.name);
      await form.locator("input[type=password]").fill(account.password);
      await form.locator("button, input[type=submit]").first().click();
    }
    await this.page.waitForSelector("body[data-state=live]", { timeout: WAIT_MS_MAX });
  }

  position() {
    return this.page.evaluate(() => {
      const { epoch, sequence } = document.body.dataset;
      return `${epoch}/${sequence}`;
    });
  }

  /** Waits until everything that the visitor sent is applied. */
  async catchUp(visitor) {
    const until = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const [sent, applied] = await Promise.all([visitor.position(), this.position()]);
      if (sent === applied) return;
      if (Date.now() > until) throw new Error(`the view is at ${applied}, the visitor at ${sent}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What the view says that it cannot show, once it is `expected`, or what it says in the end. */
  async unshown(expected) {
    const until = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const said = await this.page.evaluate(() =>
        window.mirrorUnshown.map(
          ({ kind, url }) => `${kind} ${url.startsWith("blob:") ? "blob" : url.split("/").at(-1)}`,
        ),
      );
      if (said.join() === expected.join() || Date.now() > until) return said;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Whether the view comes to say that it is proven to show the visitor's page, and was after a moment. */
  async becomesVerified(since = 0) {
    const until = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const ago = await this.page.evaluate(() => {
        const words = document.getElementById("verified").textContent;
        return document.body.dataset.verified === "true"
          ? Number(/(\d+) s ago/.exec(words)?.[1] ?? 0)
          : Infinity;
      });
      // Told in whole seconds, of which the last is not over.
      if (Date.now() - (ago + 1) * 1_000 > since) return true;
      if (Date.now() > until) return false;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Where the mirrored page stands. A new picture takes the place of the one before: for a moment there is none. */
  async stage() {
    const until = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const box = await this.page.locator("#stage iframe").boundingBox({ timeout: WAIT_MS_MAX });
      if (box) return box;
      if (Date.now() > until) throw new Error("the view shows no page");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async picture() {
    const stage = await this.stage();
    const clip = { x: Math.round(stage.x), y: Math.round(stage.y), ...VIEWPORT };
    return this.page.screenshot({ caret: "initial", animations: "allow", clip });
  }
}

function watch(page) {
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || /cobrowse|content security policy|trusted ?types/i.test(message.text()))
      faults.push(message.text());
  });
  return faults;
}
