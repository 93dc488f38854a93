/**
 * The viewer in a frame of an application: where the group lists it, and nowhere else.
 *
 * The group `support` lists `https://crm.localhost`. To a browser that is another site than ours, so every cookie on the way
 * is a third party's there: login, ticket and join.
 */

import type { Browser, FrameLocator, Page } from "@playwright/test";

import { agentView, expect, Shopper, test } from "../support/people.js";
import { account } from "../support/stack.js";

/** The frame of an application's page that shows an agent view. */
async function framedAt(
  browser: Browser,
  origin: string,
  view: string,
): Promise<{ page: Page; frame: FrameLocator }> {
  const context = await browser.newContext();
  // The application's page is made up here; a browser asks before such a one reaches servers of this machine.
  await context.grantPermissions(["local-network-access"]);
  const page = await context.newPage();
  const body = `<!doctype html><title>A case</title><iframe src="${view}" width="1100" height="700"></iframe>`;
  await page.route(`${origin}/`, (route) => route.fulfill({ contentType: "text/html", body }));
  const answered = page.waitForResponse((response) => response.url().includes("/login"));
  await page.goto(`${origin}/`);
  await answered;
  return { page, frame: page.frameLocator("iframe") };
}

test("a listed application shows the viewer in a frame, from the login to the page", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/support");
  await shopper.start({});
  await shopper.expectState("live");
  const view = agentView(await shopper.key());
  const { frame } = await framedAt(browser, "https://crm.localhost", view);
  await frame.locator("input[name=name]").fill("mia");
  await frame.locator("input[type=password]").fill(account("mia").password);
  await frame.locator("button").first().click();
  await expect(frame.locator("body")).toHaveAttribute("data-state", "live", { timeout: 20_000 });
  await expect(frame.frameLocator("#stage iframe").locator("h1").first()).toBeVisible();
});

test("another site shows nothing of ours in a frame", async ({ browser }) => {
  const { page, frame } = await framedAt(browser, "https://other.localhost", agentView("1"));
  // The browser asked, and what it got may not be framed there.
  await expect.poll(() => page.frames().at(-1)?.url()).toMatch(/^chrome-error:/);
  await expect(frame.locator("input[type=password]")).toHaveCount(0);
});
