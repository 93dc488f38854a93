/**
 * A page made to be too much for a browser: it stops the view that shows it, and no other; the next view of the session holds it
 * back, and goes on when it is asked to.
 */

import { expect, test, Viewer } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";

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

test("a page that stops its view is held back in the next one, which answers", async ({
  browser,
}) => {
  test.setTimeout(90_000);
  const visitor = await RawVisitor.start();
  const viewer = await Viewer.fresh(browser);
  visitor.show(page(element("p", { id: "first" })));
  await viewer.open(visitor.key);
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await expect.poll(() => viewer.count("#first")).toBe(1);
  visitor.show(page(endless()));

  // From beside it, at the same server: its mark grows old, since it answers nobody any more.
  const server = stack().servers.find(({ url }) => viewer.page.url().startsWith(url));
  const beside = await viewer.context.newPage();
  await beside.goto(`${server?.url ?? ""}/healthz`);
  const markedForMs = (): Promise<number> =>
    beside.evaluate(() => {
      const at = Number(localStorage.getItem("cobrowse.burden")?.split(" ")[1] ?? Infinity);
      return Date.now() - at;
    });
  await expect.poll(markedForMs, { timeout: 40_000 }).toBeGreaterThan(3_500);

  const next = await viewer.besides();
  await next.open(visitor.key);
  await expect(next.page.locator("#message")).toContainText("stopped the view");
  await expect(next.page.locator("#show")).toBeVisible();
  await next.expectState("waiting");
  // The visitor goes on to a page like any other: nothing is shown before the agent asks.
  visitor.show(page(element("p", { id: "unasked" })));
  await expect(next.page.locator("#show")).toBeVisible();
  const asked = visitor.asked();
  await next.page.click("#show");
  // As the visitor's script does: what it sent before it was asked may have been left out.
  await asked;
  visitor.show(page(element("p", { id: "second" })));
  await expect.poll(() => next.count("#second")).toBe(1);
  await next.expectState("live");
  await expect(next.page.locator("#show")).toBeHidden();
  visitor.end();
});
