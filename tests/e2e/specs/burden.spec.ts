/**
 * A page made to be too much for a browser: it stops the view that shows it, and no other. That view is taken away by the worker that
 * watches over it; the next view of the session holds the page back, and goes on when it is asked to.
 */

import { expect, test, Viewer } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";

let id = 100;
const element = (
  tagName: string,
  attributes: object,
  childNodes: unknown[] = [],
  isSVG = false,
): unknown => ({ id: ++id, type: 2, tagName, attributes, childNodes, ...(isSVG ? { isSVG } : {}) });

const page = (...children: unknown[]): unknown[] => {
  const body = { id: 4, type: 2, tagName: "body", attributes: {}, childNodes: children };
  const html = { id: 2, type: 2, tagName: "html", attributes: {}, childNodes: [body] };
  const node = { id: 1, type: 0, childNodes: [html] };
  return [
    { type: 4, data: { href: "https://shop.example/", width: 800, height: 600 }, timestamp: 1 },
    { type: 2, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp: 2 },
  ];
};

/** Ten copies of ten copies of … a drawing: 15 KB that no browser lays out. */
const endless = (): unknown => {
  const copies = (of: number): unknown[] =>
    Array.from({ length: 10 }, () => element("use", { href: `#g${String(of)}` }, [], true));
  const groups = Array.from({ length: 14 }, (_, at) =>
    element("g", { id: `g${String(at)}` }, copies(at + 1), true),
  );
  return element("svg", {}, groups, true);
};

test("a view that a page stops is taken away by itself; the next one holds the page back, and answers", async ({
  browser,
}) => {
  test.setTimeout(120_000);
  const visitor = await RawVisitor.start();
  const viewer = await Viewer.fresh(browser);
  visitor.show(page(element("p", { id: "first" })));
  await viewer.open(visitor.key);
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await expect.poll(() => viewer.count("#first")).toBe(1);
  // The worker watches over a view once it has taken it over.
  await viewer.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  visitor.show(page(endless()));

  await expect.poll(() => viewer.page.url(), { timeout: 60_000 }).toMatch(/\/stopped$/);
  // Another window of the session knows of it, too.
  const next = await viewer.besides();
  await next.open(visitor.key);
  await expect(next.page.locator("#message")).toContainText("stopped the view");
  await expect(next.page.locator("#show")).toBeVisible();
  await next.expectState("waiting");

  await viewer.page.click("#again");
  await expect(viewer.page.locator("#message")).toContainText("stopped the view");
  await viewer.expectState("waiting");
  expect(viewer.page.url()).not.toContain("#");
  // The visitor goes on to a page like any other: nothing is shown before the agent asks.
  visitor.show(page(element("p", { id: "second" })));
  await expect(viewer.page.locator("#show")).toBeVisible();
  await viewer.page.click("#show");
  await expect.poll(() => viewer.count("#second")).toBe(1);
  await viewer.expectState("live");
  await expect(viewer.page.locator("#show")).toBeHidden();
  visitor.end();
});
