/**
 * The viewer in a frame of an application: where the group lists it, and nowhere else.
 *
 * The group `support` lists `https://crm.localhost`. To a browser that is another site than ours, so every cookie on the way
 * is a third party's there: login, ticket and join.
 */

import type { Browser, FrameLocator, Page } from "@playwright/test";

import { agentView, expect, Shopper, test } from "../support/people.js";
import { account, stack } from "../support/stack.js";

/** The frame of an application's page that shows an agent view; `head` is what else the application has. */
async function framedAt(
  browser: Browser,
  origin: string,
  view: string,
  head = "",
): Promise<{ page: Page; frame: FrameLocator }> {
  const context = await browser.newContext();
  // The application's page is made up here; a browser asks before such a one reaches servers of this machine.
  await context.grantPermissions(["local-network-access"]);
  const page = await context.newPage();
  const body = `<!doctype html><title>A case</title>${head}<iframe src="${view}" width="1100" height="700"></iframe>`;
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

test("a listed application hears of its viewer, finds a visitor, offers help and ends the session by script", async ({
  browser,
}) => {
  const id = `crm-${String(Date.now())}`;
  const shopper = await Shopper.open(browser, "/order");
  const here = `data-groupid="support" data-presence="on" data-visitorid="${id}"`;
  await shopper.goTagged("/support", shopper.tag(here));
  await expect(shopper.page.locator("html")).toHaveAttribute("data-cobrowse-presence", "on");

  const script = `<script src="${stack().web_url}/cobrowse/agent.js"></script>`;
  const { page, frame } = await framedAt(browser, "https://crm.localhost", agentView(id), script);
  const lookUp = `new GLANCE.Presence.Agent({ visitorid: "${id}" }).lookupVisitor()`;
  const codeOf = (call: string): Promise<unknown> =>
    page.evaluate(`${call}.then((found) => found.url ?? found, (error) => error.code)`);
  // Before the login nobody is anybody.
  expect(await codeOf(lookUp)).toBe("authorization");
  await frame.locator("input[name=name]").fill("mia");
  await frame.locator("input[type=password]").fill(account("mia").password);
  await frame.locator("button").first().click();
  await expect(frame.locator("body")).toContainText("no session");
  await expect.poll(() => codeOf(lookUp)).toBe(`${stack().shop_url}/support`);
  const nobody = 'new GLANCE.Presence.Agent({ visitorid: "nobody" })';
  expect(await codeOf(`${nobody}.lookupVisitor()`)).toBe("visitornotpresent");
  expect(await codeOf(`${nobody}.signalVisitor()`)).toBe("visitornotpresent");

  // The visitor is asked, accepts, and the frame shows the page; the application is told.
  await page.evaluate(`(async () => {
    const frame = document.querySelector("iframe");
    window.heard = {};
    GLANCE.Cobrowse.Agent.init(frame);
    for (const name of ["state", "agents", "navigate", "pagevisibility", "rc", "sessionend"])
      GLANCE.Cobrowse.Agent.addEventListener(name, (event) => (window.heard[name] = event));
    frame.src = (await new GLANCE.Presence.Agent({ visitorid: "${id}" }).signalVisitor()).view;
  })()`);
  await expect(shopper.widget).toHaveAttribute("data-dialog", "offer");
  for (const key of ["Tab", "Enter"]) await shopper.page.keyboard.press(key);
  await shopper.expectState("live");
  const heard = (name: string): Promise<Record<string, unknown> | undefined> =>
    page.evaluate((wanted) => (window as unknown as { heard: never }).heard[wanted], name);
  await expect.poll(async () => (await heard("state"))?.["state"]).toBe("live");
  expect(await heard("agents")).toMatchObject({ count: 1, agentlist: ["Mia"] });
  expect(await heard("navigate")).toMatchObject({ url: `${stack().shop_url}/support` });
  expect(await heard("pagevisibility")).toMatchObject({ visible: true });
  expect(await heard("rc")).toMatchObject({ enabled: false, suspended: false });
  await page.evaluate("GLANCE.Cobrowse.Agent.endSession()");
  await expect(shopper.widget).toHaveAttribute("data-reason", "session_ended_agent");
  await expect
    .poll(async () => (await heard("sessionend"))?.["reason"])
    .toBe("session_ended_agent");
});

test("another site shows nothing of ours in a frame", async ({ browser }) => {
  const { page, frame } = await framedAt(browser, "https://other.localhost", agentView("1"));
  // The browser asked, and what it got may not be framed there. Its scripts learn nothing either.
  const asked = `fetch("${stack().web_url}/api/v1/agent/presence", { credentials: "include" })`;
  expect(await page.evaluate(`${asked}.then(() => "answered", () => "refused")`)).toBe("refused");
  await expect.poll(() => page.frames().at(-1)?.url()).toMatch(/^chrome-error:/);
  await expect(frame.locator("input[type=password]")).toHaveCount(0);
});
