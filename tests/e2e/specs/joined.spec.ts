/**
 * Frames of another of the group's domains: what they may not do by themselves, and that they join the session around them.
 * How faithfully they are shown is `tests/mirror`'s to compare, what they keep to themselves `tests/leaks`'s to try.
 */

import type { Frame } from "@playwright/test";

import { clickOn } from "../support/hands.js";
import { expect, Shopper, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

/** The shop under its second name: another domain of its group. */
const payUrl = (path: string): string => stack().shop_url.replace("//shop.", "//pay.") + path;

/** Puts a frame into the shop's page, and gives its inside. */
async function framed(shopper: Shopper, path: string): Promise<Frame> {
  await shopper.page.evaluate((url) => {
    const frame = document.createElement("iframe");
    Object.assign(frame, { id: "far", src: url, width: "400", height: "300" });
    document.querySelector("main")?.prepend(frame);
  }, payUrl(path));
  const frame = await (await shopper.page.waitForSelector("#far")).contentFrame();
  if (!frame) throw new Error("the frame has no page");
  await frame.waitForURL(payUrl(path));
  return frame;
}

/** What the agent sees in that frame. */
function seen(viewer: Viewer, selector: string): Promise<string | null> {
  return viewer.page.evaluate((wanted) => {
    const inside = (parent: Document | null | undefined, at: string): Document | null =>
      parent?.querySelector<HTMLIFrameElement>(at)?.contentDocument ?? null;
    const far = inside(inside(document, "#stage iframe"), "#far");
    return far?.querySelector(wanted)?.textContent ?? null;
  }, selector);
}

const PLACEHOLDER = /which only the visitor sees/;

test("in a page of another origin it starts no session and shows nothing", async ({ browser }) => {
  const shopper = await Shopper.open(browser);
  const frame = await framed(shopper, "/support");
  const refused = await frame.evaluate(
    `GLANCE.Cobrowse.Visitor.showButton();
     GLANCE.Cobrowse.Visitor.startSession().catch(({ code }) => code)`,
  );
  expect(refused).toBe("in_frame");
  await frame.locator("[data-glancebutton=showTerms]").click();
  await expect(frame.locator("glance-cobrowse-widget")).toHaveCount(0);

  // Unless its tag names the pages that may: exactly, and all that stand around it.
  await frame.goto(payUrl("/product"));
  const named = (origins: string): Promise<unknown> =>
    frame.evaluate(
      `document.getElementById("glance-cobrowse").dataset.framed = ${JSON.stringify(origins)};
       GLANCE.Cobrowse.Visitor.startSession({ groupid: "demo" }).catch(({ code }) => code)`,
    );
  const around = stack().shop_url;
  for (const other of [
    `${around}/`,
    `${around}.example`,
    around.replace("shop.", "*."),
    "null",
    "*",
  ])
    expect(await named(other)).toBe("in_frame");
  expect(await named(`https://elsewhere.example, ${around}`)).toMatchObject({ group: "demo" });
  await expect(frame.locator("glance-cobrowse-widget")).toHaveAttribute("data-state", "live");
});

test("a frame joins, goes on over its pages, is a placeholder without the tag, and comes back", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const frame = await framed(shopper, "/product");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await expect.poll(() => seen(viewer, "h1")).toBe("Harbour lamp");
  // Where it can be pointed at, however little of the page the frame shows.
  await frame.evaluate(`const title = document.querySelector("h1");
    title.style.cssText = "position:fixed; top:20px; left:20px; margin:0; z-index:9";
    title.append(" inside")`);
  await expect.poll(() => seen(viewer, "h1")).toBe("Harbour lamp inside");
  // What the page masks stands in the frame as well: it is masked there too, and the badge leaves that frame out.
  const badge = viewer.page.locator("#verified");
  await expect(badge).toHaveText(/^Verified (now|\d+ s ago)$/);
  await shopper.page.evaluate(() => {
    const field = Object.assign(document.createElement("input"), { className: "glance_masked" });
    field.value = "a masked word or two";
    document.querySelector("main")?.append(field);
  });
  await frame.evaluate(`document.querySelector("h1").append(": a masked word or two")`);
  await expect.poll(() => seen(viewer, "h1")).toMatch(/^Harbour lamp inside: •+$/);
  await expect(badge).toHaveText(/^Verified (now|\d+ s ago), without a frame$/);
  // An agent points out what stands in it, and does no more there.
  await viewer.page.click("[data-tool=mark]");
  await clickOn(viewer, "#far", "h1");
  await expect(shopper.widget).toHaveAttribute("data-marks", "1");
  await viewer.page.click("[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await clickOn(viewer, "#far", "h1");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-refused", "in_frame");
  await frame.goto(payUrl("/cart"));
  await expect.poll(() => seen(viewer, "h1")).toMatch(/cart/i);
  await frame.goto(payUrl("/teapot.svg"));
  await expect.poll(() => seen(viewer, "body")).toMatch(PLACEHOLDER);
  await frame.goto(payUrl("/product"));
  await expect.poll(() => seen(viewer, "h1")).toBe("Harbour lamp");
  // The page around it goes on elsewhere and comes back: the frame of the new page joins anew.
  await shopper.go("/cart");
  await viewer.expectText("h1", /cart/i);
  await framed(shopper, "/product");
  await expect.poll(() => seen(viewer, "h1")).toBe("Harbour lamp");
  expect(await viewer.page.getAttribute("body", "data-resyncs")).toBeNull();
  await shopper.stop();
});
