/**
 * Who gets in and who does not: login, keys, groups, cookies.
 */

import { agentView, expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { fetchRaw } from "../support/raw.js";
import { RawAgent } from "../support/raw-agent.js";
import { account, stack } from "../support/stack.js";

test("a wrong key leads to a page that says so", async ({ browser }) => {
  const viewer = await Viewer.fresh(browser);
  await viewer.open("no-such-key");
  await viewer.logIn("ada");
  const answer = await viewer.page.goto(agentView("no-such-key"));
  expect(answer?.status()).toBe(404);
  await expect(viewer.page.locator("body")).toContainText(/no session/i);
  await shoot(viewer.page, "6-wrong-key");
});

test("a wrong password is refused and the right one leads back to the session", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.fresh(browser);
  await viewer.open(await shopper.key());
  await viewer.logIn("eve", "not her password");
  await expect(viewer.page).toHaveURL(/\/login/);
  await expect(viewer.page.locator("input[type=password]")).toBeVisible();
  await viewer.logIn("eve");
  await viewer.expectState("live");
});

test("an agent of two groups is asked which one when both have the key", async ({ browser }) => {
  const sessionKey = `both-${String(Date.now())}`;
  const demo = await Shopper.open(browser);
  await demo.start({ sessionKey });
  await demo.expectState("live");
  const support = await Shopper.open(browser, "/product");
  await support.start({ sessionKey, groupId: "support" });
  await support.expectState("live");
  const viewer = await Viewer.fresh(browser);
  await viewer.open(sessionKey);
  await viewer.logIn("eve");
  await expect(viewer.page.locator("body")).toContainText("support");
  await shoot(viewer.page, "7-which-group");
  await viewer.page.locator('a[href*="Group=support"]').click();
  await viewer.expectState("live");
  await viewer.expectText("h1", "Harbour lamp");
});

test("the list shows the sessions of one's groups, leads to them, and logs out", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const viewer = await Viewer.fresh(browser);
  await viewer.page.goto(`${stack().web_url}/`);
  await viewer.logIn("ada");
  await expect(viewer.page.locator("body")).toContainText(key);
  await shoot(viewer.page, "8-sessions");
  await viewer.page.locator(`a[href*="SessionKey=${key}"]`).first().click();
  await viewer.expectState("live");
  await viewer.page.goto(`${stack().web_url}/`);
  await viewer.page.locator('form[action*="logout"] button').click();
  await viewer.open(key);
  await expect(viewer.page).toHaveURL(/\/login/);
  expect(viewer.faults).toEqual([]);
});

test("an agent who waits for a key comes in by itself when the session begins", async ({
  browser,
}) => {
  const sessionKey = `crm-${String(Date.now())}`;
  const viewer = await Viewer.fresh(browser);
  await viewer.page.goto(`${agentView(sessionKey)}&Wait=1`);
  await viewer.logIn("ada");
  await expect(viewer.page).toHaveURL(/Wait=1/);
  const shopper = await Shopper.open(browser, "/product");
  await shopper.start({ sessionKey });
  await shopper.expectState("live");
  await viewer.expectState("live");
  await viewer.expectText("h1", "Harbour lamp");
});

test("the group check refuses a group that the page's tag does not list", async ({ browser }) => {
  const shopper = await Shopper.open(browser);
  await shopper.start({ groupId: "not-listed" });
  await expect(shopper.widget).toHaveAttribute("data-error", "group_not_allowed");
  await expect(shopper.widget).toHaveAttribute("data-state", "ended");
});

test("cookies are Secure, hidden from scripts, and bound to their host", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  const cookies = await viewer.context.cookies();
  const join = cookies.find((cookie) => cookie.name.startsWith("__Host-j-"));
  const login = cookies.find(
    (cookie) => cookie.name.startsWith("__Host-") && !cookie.name.startsWith("__Host-j-"),
  );
  for (const cookie of [join, login]) {
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: "Lax", path: "/" });
    expect(cookie?.domain.startsWith(".")).toBe(false);
  }
  expect(join?.expires).toBe(-1);
  expect(await viewer.page.evaluate(() => document.cookie)).toBe("");
  // On the visitor's side only ids and what leads back, and only over TLS.
  const theirs = (await shopper.context.cookies()).find((one) => one.name === "glance_cobrowse");
  expect(theirs).toMatchObject({ secure: true, sameSite: "Lax", expires: -1 });
});

test("a join's cookie opens nothing on another server", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  const here = new URL(viewer.page.url());
  const cookie = (await viewer.context.cookies())
    .filter((one) => one.name.startsWith("__Host-j-"))
    .map((one) => `${one.name}=${one.value}`)
    .join("; ");
  const other = stack().servers.find((server) => server.url !== here.origin);
  expect((await fetchRaw(here.href, { headers: { cookie } })).status).toBe(200);
  expect(
    (await fetchRaw(`${String(other?.url)}${here.pathname}`, { headers: { cookie } })).status,
  ).toBe(401);
  expect((await fetchRaw(here.href)).status).toBe(401);
});

test("an agent outside the group finds nothing", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  await expect(RawAgent.join("mia", await shopper.key())).rejects.toThrow(/404/);
  expect(account("mia").display).toBe("Mia");
});
