/**
 * The viewer in a frame of an application: where the group lists it, and nowhere else.
 */

import { admin, ownGroup } from "../support/admin.js";
import { CRM, framedAt, logInAt } from "../support/application.js";
import { element, page } from "../support/heavy.js";
import { agentView, expect, Shopper, test } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";

test("a listed application shows the viewer in a frame, from the login to the page", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/support");
  await shopper.start({});
  await shopper.expectState("live");
  const view = agentView(await shopper.key());
  const { frame } = await framedAt(browser, CRM, view);
  await logInAt(frame, "mia");
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
  const { page, frame } = await framedAt(browser, CRM, agentView(id), script);
  const lookUp = `new GLANCE.Presence.Agent({ visitorid: "${id}" }).lookupVisitor()`;
  const codeOf = (call: string): Promise<unknown> =>
    page.evaluate(`${call}.then((found) => found.url ?? found, (error) => error.code)`);
  // Before the login nobody is anybody.
  expect(await codeOf(lookUp)).toBe("authorization");
  await logInAt(frame, "mia");
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

test("in an application's frame, too, an agent sees nothing more once the right is taken away", async ({
  browser,
}) => {
  const group = ownGroup("evicted", "--embed-ancestor", CRM);
  const visitor = await RawVisitor.start(group);
  visitor.show(page(element("p", { id: "first" })));
  const script = `<script src="${stack().web_url}/cobrowse/agent.js"></script>`;
  const desk = await framedAt(browser, CRM, agentView(visitor.key), script);
  await desk.page.evaluate(`
    GLANCE.Cobrowse.Agent.init(document.querySelector("iframe"));
    GLANCE.Cobrowse.Agent.addEventListener("accessdenied", ({ reason }) => (window.denied = reason));`);
  await logInAt(desk.frame, "ada");
  const mirror = desk.frame.frameLocator("#stage iframe");
  await expect(mirror.locator("#first")).toHaveCount(1);
  // Her login stays, since others of these tests use it.
  admin("role", "remove", group, "lead");
  await expect(desk.frame.locator("body")).toHaveAttribute("data-reason", "revoked");
  await expect(mirror.locator("#first")).toHaveCount(0);
  expect(await desk.page.evaluate("window.denied")).toBe("revoked");
  // What comes after it reaches the view no more, nor does the view come back by itself.
  visitor.show(page(element("p", { id: "second" })));
  const view = desk.page.frames().find((frame) => frame.url().includes("/view/"));
  const asked = `fetch(location.href, { credentials: "include" }).then((answer) => answer.status)`;
  expect(await view?.evaluate(asked)).toBe(403);
  await expect(mirror.locator("#second")).toHaveCount(0);
  visitor.end();
});

test("another site shows nothing of ours in a frame", async ({ browser }) => {
  const { page, frame } = await framedAt(browser, "https://other.localhost", agentView("1"));
  // The browser asked, and what it got may not be framed there. Its scripts learn nothing either.
  const asked = `fetch("${stack().web_url}/api/v1/agent/presence", { credentials: "include" })`;
  expect(await page.evaluate(`${asked}.then(() => "answered", () => "refused")`)).toBe("refused");
  await expect.poll(() => page.frames().at(-1)?.url()).toMatch(/^chrome-error:/);
  await expect(frame.locator("input[type=password]")).toHaveCount(0);
});
