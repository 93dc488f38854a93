/**
 * The hostile visitor: markup that bites in a frame without defences, sent as crafted events to the real viewer.
 *
 * The control is the same markup written into a same-origin frame without sandbox, policy and validation. A payload counts only
 * when it bites there; then nothing of it may bite in the viewer: no script, no dialog, no window, no navigation, no
 * request to an origin that the group does not list.
 */

import { writeFileSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "@playwright/test";

import { expect, test, Viewer } from "../support/people.js";
import { EVIL, PAYLOADS } from "../support/payloads.js";
import { RawVisitor } from "../support/raw-visitor.js";

const CONTROL = "https://undefended.localhost/";
/** How long a payload is given in the control, by four at once; those that have not bitten by then get the longer time, all at once. */
const BITE_MS_MAX = 1_000;
/** See `BITE_MS_MAX`: one that bites is seen at once on a quiet machine. */
const BITE_LATE_MS_MAX = 8_000;
/** How long payloads work in the viewer beyond the moment when they were applied. */
const SETTLE_MS = 250;
/** Until the viewer has shown or refused a page, on a busy machine. */
const DECIDED_MS_MAX = 20_000;
/** Payloads of one page. What would change the others' addresses stands alone, and so does what the viewer refused with others. */
const TOGETHER = 24;
const PAYLOADS_MIN = 60;
/** Ids of a payload's nodes begin at its number times this; added ones once more behind all of those. */
const IDS_EACH = 1_000;
const ADDED_FROM = 1_000_000;

test("nothing that bites without defences bites in the viewer", async ({ browser }) => {
  test.setTimeout(300_000);
  const nodes = new Array<unknown>(PAYLOADS.length);
  const bites = await controls(browser, nodes);
  const biting = bites.filter(Boolean).length;

  const visitor = await RawVisitor.start();
  const viewer = await Viewer.fresh(browser);
  const left: string[] = [];
  await watch(viewer.context, (url) => left.push(url));
  const opened: string[] = [];
  visitor.show(keyframe([paragraph("mark-begin")]));
  await viewer.open(visitor.key);
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await viewer.expectText("#mark-begin", "x");
  viewer.context.on("page", (page) => opened.push(page.url()));
  viewer.page.on("dialog", (dialog) => {
    opened.push(dialog.message());
    void dialog.dismiss();
  });
  const address = viewer.page.url();
  const ran: string[] = [];
  let shown = 0;
  const batches = together();
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    const name = batch.map((at) => PAYLOADS[at]).join("\n");
    // As a part of a page, then as a change of one.
    const mark = `mark-${String(batch[0])}-${String(batch.length)}`;
    visitor.show(keyframe([...batch.map((at) => nodes[at]), paragraph(mark)]));
    visitor.change(added(batch.map((at) => nodes[at])));
    const isThere = await isShown(viewer, `#${mark}`);
    if (isThere) {
      shown += batch.length;
      await press(viewer.page);
      await viewer.page.waitForTimeout(SETTLE_MS);
    } else if (batch.length > 1) {
      batches.push(...batch.map((at) => [at]));
    }
    // Refused or shown, the view goes on.
    visitor.show(keyframe([paragraph(`clean-${mark}`)]));
    await expect
      .poll(() => viewer.text(`#clean-${mark}`), {
        message: name,
        timeout: 20_000,
        intervals: [20, 40, 80],
      })
      .toBe("x");
    if (await harmed(viewer.page)) ran.push(name);
    expect(viewer.page.url(), name).toBe(address);
  }
  await expect(viewer.page.locator("#stage iframe")).toHaveAttribute(
    "sandbox",
    "allow-same-origin",
  );
  visitor.end();

  const report = process.env["COBROWSE_PAYLOADS_JSON"];
  if (report !== undefined) {
    const found = {
      visitor_payloads: PAYLOADS.length,
      payloads_biting_undefended: biting,
      script_ran: ran.length + opened.length,
      requests_left: left.length,
      payloads_shown: shown,
      not_biting: PAYLOADS.filter((_, at) => !(bites[at] ?? false)),
    };
    writeFileSync(report, JSON.stringify(found));
  }
  // Most are not refused but shown without their sting: an empty view would prove nothing.
  expect(shown).toBeGreaterThanOrEqual(PAYLOADS_MIN);
  expect(ran).toEqual([]);
  expect(opened).toEqual([]);
  expect(left).toEqual([]);
  expect(biting).toBeGreaterThanOrEqual(PAYLOADS_MIN);
});

/** Waits until a page with a payload stands in the viewer, or the viewer says that it cannot show it; whether it stands. */
async function isShown(viewer: Viewer, mark: string): Promise<boolean> {
  const isThere = async (): Promise<boolean> => (await viewer.count(mark)) === 1;
  const isRefused = async (): Promise<boolean> =>
    (await viewer.page.locator("#message").textContent()) !== "";
  await expect
    .poll(async () => (await isThere()) || (await isRefused()), {
      message: mark,
      timeout: DECIDED_MS_MAX,
      intervals: [20, 40, 80],
    })
    .toBe(true);
  return isThere();
}

/** Numbers of the payloads that stand on one page each. */
function together(): number[][] {
  const isAlone = (at: number): boolean => /<base|<meta/.test(PAYLOADS[at] ?? "");
  const all = [...PAYLOADS.keys()];
  const rest = all.filter((at) => !isAlone(at));
  const batches = all.filter(isAlone).map((at) => [at]);
  for (let at = 0; at < rest.length; at += TOGETHER) batches.push(rest.slice(at, at + TOGETHER));
  return batches;
}

/** Which payloads bite without defences; their nodes besides, as a recorder without scruples would send them. */
async function controls(browser: Browser, nodes: unknown[]): Promise<boolean[]> {
  const bites = new Array<boolean>(PAYLOADS.length).fill(false);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < PAYLOADS.length; at = next++)
      bites[at] = await control(browser, nodes, at, BITE_MS_MAX);
  };
  await Promise.all([work(), work(), work(), work()]);
  const late = async (bit: boolean, at: number): Promise<void> => {
    if (!bit) bites[at] = await control(browser, nodes, at, BITE_LATE_MS_MAX);
  };
  await Promise.all(bites.map(late));
  return bites;
}

/** Whether a payload bites without defences. */
async function control(
  browser: Browser,
  nodes: unknown[],
  at: number,
  biteMsMax: number,
): Promise<boolean> {
  const payload = PAYLOADS[at] ?? "";
  const context = await browser.newContext();
  let bitten = false;
  await watch(context, () => (bitten = true));
  const page = await context.newPage();
  page.on("dialog", (dialog) => void dialog.dismiss());
  await page.goto(CONTROL);
  context.on("page", () => (bitten = true));
  nodes[at] = await page.evaluate(serialise, { payload, first: IDS_EACH * (at + 1) });
  await page
    .evaluate((markup) => {
      const frame = document.querySelector("iframe");
      frame?.contentDocument?.open();
      frame?.contentDocument?.write(markup);
      frame?.contentDocument?.close();
      const trap = frame?.contentDocument?.querySelector("#trap");
      trap?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }, payload)
    .catch(() => undefined);
  const end = Date.now() + biteMsMax;
  while (!bitten && Date.now() < end) {
    // Not in one expression: a request may have told of itself in between.
    if (await harmed(page)) bitten = true;
    else await page.waitForTimeout(20);
  }
  await context.close();
  return bitten;
}

/** Answers for the evil origin and the control, and tells of each request to the former. */
async function watch(context: BrowserContext, onLeft: (url: string) => void): Promise<void> {
  await context.route(
    (url) => url.origin === EVIL,
    (route) => {
      onLeft(route.request().url());
      return route.fulfill({ body: "" });
    },
  );
  await context.route(`${CONTROL}**`, (route) =>
    route.request().url() === CONTROL
      ? route.fulfill({ contentType: "text/html", body: "<!doctype html><iframe></iframe>" })
      : route.fulfill({ status: 404 }),
  );
}

/** Whether a payload's mark stands on the page or in a frame of its own origin. */
async function harmed(page: Page): Promise<boolean> {
  return page
    .evaluate(() => {
      const marked = (where: unknown): boolean =>
        (where as { harmed?: unknown } | null)?.harmed !== undefined;
      const frames = [...document.querySelectorAll("iframe")];
      return marked(window) || frames.some((frame) => marked(frame.contentWindow));
    })
    .catch(() => false);
}

/** Clicks the traps in the mirrored page, by the mouse and by an event: no agent could do more. */
async function press(page: Page): Promise<void> {
  await page.evaluate(() => {
    const mirror = document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentDocument;
    for (const trap of mirror?.querySelectorAll("#trap") ?? [])
      trap.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
  });
}

function paragraph(id: string): unknown {
  const text = { id: 11, type: 3, textContent: "x" };
  return { id: 10, type: 2, tagName: "p", attributes: { id }, childNodes: [text] };
}

function keyframe(children: unknown[]): unknown[] {
  const body = { id: 4, type: 2, tagName: "body", attributes: {}, childNodes: children };
  const head = { id: 3, type: 2, tagName: "head", attributes: {}, childNodes: [] };
  const html = { id: 2, type: 2, tagName: "html", attributes: {}, childNodes: [head, body] };
  const node = { id: 1, type: 0, childNodes: [html] };
  return [
    { type: 4, data: { href: "https://shop.example/", width: 800, height: 600 }, timestamp: 1 },
    { type: 2, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp: 2 },
  ];
}

/** The same nodes again, under other ids, as an addition. */
function added(nodes: unknown[]): unknown[] {
  const renumber = (text: string): string =>
    text.replace(/"id":(\d+)/g, (_, id: string) => `"id":${String(Number(id) + ADDED_FROM)}`);
  const again = JSON.parse(renumber(JSON.stringify(nodes))) as unknown[];
  const adds = again.map((node) => ({ parentId: 4, nextId: null, node }));
  const data = { source: 0, texts: [], attributes: [], removes: [], adds };
  return [{ type: 3, data, timestamp: 3 }];
}

/** Runs in the control's page: markup to nodes, with every tag and every attribute as it stands. */
function serialise({ payload, first }: { payload: string; first: number }): unknown {
  let id = first;
  const read = (node: Node): unknown => {
    id += 1;
    if (node.nodeType === Node.TEXT_NODE) return { id, type: 3, textContent: node.textContent };
    if (node.nodeType !== Node.ELEMENT_NODE) return { id, type: 5, textContent: "" };
    const element = node as Element;
    const own = id;
    const attributes = Object.fromEntries([...element.attributes].map((a) => [a.name, a.value]));
    const inside = element instanceof HTMLTemplateElement ? element.content : element;
    const childNodes = [...inside.childNodes].map(read);
    const isSVG = element instanceof SVGElement ? { isSVG: true } : {};
    return { id: own, type: 2, tagName: element.localName, attributes, childNodes, ...isSVG };
  };
  const parsed = new DOMParser().parseFromString(payload, "text/html");
  const children = [...parsed.head.childNodes, ...parsed.body.childNodes].map(read);
  const attributes = Object.fromEntries([...parsed.body.attributes].map((a) => [a.name, a.value]));
  return { id: first, type: 2, tagName: "div", attributes, childNodes: children };
}
