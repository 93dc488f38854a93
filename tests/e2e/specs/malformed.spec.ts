/**
 * Events that no recorder makes, sent to the real viewer: none of them runs anything, changes the viewer's own objects, takes
 * its window away or stops it from showing the next page.
 */

import { expect, test, Viewer } from "../support/people.js";
import { MALFORMED } from "../support/malformed.js";
import { RawVisitor } from "../support/raw-visitor.js";

const page = (id: string): unknown[] => {
  const node = (
    id: number,
    tagName: string,
    attributes: object,
    childNodes: unknown[],
  ): unknown => ({
    id,
    type: 2,
    tagName,
    attributes,
    childNodes,
  });
  const text = { id: 11, type: 3, textContent: "x" };
  const body = node(4, "body", {}, [node(10, "p", { id }, [text])]);
  const document = { id: 1, type: 0, childNodes: [node(2, "html", {}, [body])] };
  return [
    { type: 4, data: { href: "https://shop.example/", width: 800, height: 600 }, timestamp: 1 },
    { type: 2, data: { node: document, initialOffset: { top: 0, left: 0 } }, timestamp: 2 },
  ];
};

test("events written by hand harm nothing, and the next page is shown", async ({ browser }) => {
  test.setTimeout(120_000);
  const visitor = await RawVisitor.start();
  const viewer = await Viewer.fresh(browser);
  const left: string[] = [];
  await viewer.context.route(
    (url) => url.hostname === "evil.localhost",
    (route) => {
      left.push(route.request().url());
      return route.abort();
    },
  );
  visitor.show(page("clean"));
  await viewer.open(visitor.key);
  await viewer.logIn("ada");
  await viewer.expectState("live");
  const address = viewer.page.url();
  const size = viewer.page.viewportSize();
  for (const [at, { name, keyframe, diffs, facts }] of MALFORMED.entries()) {
    visitor.show(keyframe ?? page("changed"));
    for (const diff of diffs ?? []) visitor.change(diff);
    for (const one of facts ?? []) visitor.tell(one);
    visitor.show(page(`clean-${String(at)}`));
    await expect
      .poll(() => viewer.text(`#clean-${String(at)}`), {
        message: name,
        timeout: 30_000,
        intervals: [20, 40, 80],
      })
      .toBe("x");
    const harm = await viewer.page.evaluate(() => ({
      polluted: "polluted" in {} || "harmed" in {} || "harmed" in window,
      frames: document.querySelectorAll("iframe:not([sandbox='allow-same-origin'])").length,
      // The viewer's own elements are reached by the agent, and never more than so many of them are made.
      isCovered: document.elementFromPoint(5, 5)?.closest("header") === null,
      isMany: document.querySelectorAll("#stage > *").length > 150,
      isFocused: document.activeElement?.localName === "iframe",
      // A page of any size stays inside of its stage.
      overflows: document.documentElement.scrollWidth > window.innerWidth,
    }));
    expect(harm, name).toEqual({
      polluted: false,
      frames: 0,
      isCovered: false,
      isMany: false,
      isFocused: false,
      overflows: false,
    });
    expect(viewer.page.url(), name).toBe(address);
  }
  expect(viewer.page.viewportSize()).toEqual(size);
  expect(left).toEqual([]);
  visitor.end();
});
