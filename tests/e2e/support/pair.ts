/**
 * A visitor and an agent of one session, who are parted for a while: what has to hold when they have found each other again.
 */

import { randomUUID } from "node:crypto";
import type { Browser } from "@playwright/test";

import { expect, Shopper, Viewer } from "./people.js";

/** How long both may take to find each other. */
const REUNION_MS_MAX = 60_000;

/** What agents may see, and what is masked. */
const OPEN = "#name";
const MASKED = "#card";

/** The two, each with a browser of their own. */
export class Pair {
  /** Typed into a masked field in the course of the test. */
  private readonly canary = `canary-${randomUUID()}`;
  private works = 0;

  private constructor(
    readonly shopper: Shopper,
    readonly viewer: Viewer,
    private key: string,
    private session: string,
  ) {}

  /** A session of that group on a page with open and masked fields. */
  static async meet(group: string, visitors: Browser, agents: Browser): Promise<Pair> {
    const shopper = await Shopper.open(visitors, "/support");
    await shopper.context.addInitScript(countWaiting);
    await shopper.goTagged("/checkout", shopper.tag(`data-groupid="${group}"`));
    await shopper.start({});
    await shopper.expectState("live");
    const key = await shopper.key();
    const viewer = await Viewer.join(agents, "ada", key);
    return new Pair(shopper, viewer, key, await sessionOf(shopper));
  }

  /** The visitor works on the page: it answers, whatever becomes of the network. */
  async work(text: string): Promise<void> {
    const { page } = this.shopper;
    await page.fill(OPEN, text);
    this.works += 1;
    await page.fill(MASKED, `${this.canary}-${String(this.works)}`);
    await page.evaluate((words) => {
      const line = document.querySelector("#worked") ?? document.createElement("p");
      line.id = "worked";
      line.textContent = `worked: ${words}`;
      document.querySelector("main")?.append(line);
    }, text);
    await expect(page.locator("#worked")).toHaveText(`worked: ${text}`);
  }

  /** Both are there, the session is the same, and the agent is shown what the visitor did last: proven, and nothing masked. */
  async expectReunion(text: string): Promise<void> {
    const { shopper, viewer } = this;
    const slowly = { timeout: REUNION_MS_MAX };
    await expect(shopper.widget).toHaveAttribute("data-state", "live", slowly);
    await expect(viewer.page.locator("body")).toHaveAttribute("data-state", "live", slowly);
    expect(await shopper.key()).toBe(this.key);
    expect(await sessionOf(shopper)).toBe(this.session);
    await expect.poll(() => viewer.value(OPEN), slowly).toBe(text);
    await viewer.expectText("#worked", `worked: ${text}`);
    await expect(viewer.page.locator("body")).toHaveAttribute("data-verified", "true", slowly);
    const crossed = shopper.sent.text() + viewer.received.text() + ((await viewer.markup()) ?? "");
    expect(crossed).toContain(text);
    expect(crossed).not.toContain(this.canary);
    expect([...shopper.faults, ...viewer.faults]).toEqual([]);
  }

  /** The visitor is told that the session is over. */
  async expectEnd(reason: string): Promise<void> {
    const { widget } = this.shopper;
    const slowly = { timeout: REUNION_MS_MAX };
    await expect(widget).toHaveAttribute("data-state", "ended", slowly);
    await expect(widget).toHaveAttribute("data-reason", reason);
  }

  /** Another session of the same two. */
  async meetAgain(): Promise<void> {
    await this.shopper.start({});
    await this.shopper.expectState("live");
    this.key = await this.shopper.key();
    this.session = await sessionOf(this.shopper);
    await this.viewer.open(this.key);
    await this.viewer.expectState("live");
  }

  /** Most bytes that have waited in the visitor's browser since the page began to be flooded. */
  waitedBytesMax(): Promise<number> {
    return this.shopper.page.evaluate(() => (window as unknown as Waiting).waitedBytesMax);
  }

  /** The visitor's page changes ten times a second, by so many letters that no deflating makes short. */
  async flood(letters: number): Promise<void> {
    await this.shopper.page.evaluate((length) => {
      const place = document.querySelector("main")?.appendChild(document.createElement("pre"));
      const { waiting } = window as unknown as Waiting;
      const bytes = new Uint8Array(length);
      const change = (): void => {
        for (let at = 0; at < length; at += 65_536)
          crypto.getRandomValues(bytes.subarray(at, at + 65_536));
        if (place) place.textContent = Array.from(bytes, (one) => LETTERS[one % 64]).join("");
        const most = window as unknown as { waitedBytesMax: number; floods: number };
        most.waitedBytesMax = Math.max(most.waitedBytesMax, waiting());
        most.floods += 1;
      };
      const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      (window as unknown as Waiting).ebb = () => clearInterval(timer);
      const timer = setInterval(change, 100);
    }, letters);
  }

  /** How often it has changed. */
  floods(): Promise<number> {
    return this.shopper.page.evaluate(() => (window as unknown as Waiting).floods);
  }

  /** It rests again. */
  async ebb(): Promise<void> {
    await this.shopper.page.evaluate(() => (window as unknown as Waiting).ebb());
  }

  /** What the visitor's page holds after a collection. */
  async heapBytes(): Promise<number> {
    const devtools = await this.shopper.context.newCDPSession(this.shopper.page);
    await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    await devtools.detach();
    return usedSize;
  }
}

/** What the page's window knows of its connections. */
interface Waiting {
  waiting(): number;
  ebb(): void;
  readonly waitedBytesMax: number;
  readonly floods: number;
}

/** Runs in the visitor's page, before anything else: how much waits in its WebSockets. */
function countWaiting(): void {
  const sockets: WebSocket[] = [];
  class Counted extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const waiting = (): number => Math.max(0, ...sockets.map((one) => one.bufferedAmount));
  Object.assign(window, { WebSocket: Counted, waiting, waitedBytesMax: 0, floods: 0 });
}

/** The session's id, as the page keeps it. */
async function sessionOf(shopper: Shopper): Promise<string> {
  const cookies = await shopper.context.cookies();
  const kept = cookies.find(({ name }) => name === "glance_cobrowse");
  return (JSON.parse(decodeURIComponent(kept?.value ?? "null")) as { s: string }).s;
}
