/**
 * Presence: a page that says it is there, agents who see it in their groups, and offers that the visitor answers.
 *
 * The club's pages say who is there, in the group `demo`; they allow sessions of `support` too. Eve has a role in both
 * groups, Ada in `demo` only, Mia in `support` only.
 */

import type { Browser } from "@playwright/test";

import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

/** A member of the club, whose page has said that it is there. */
async function member(browser: Browser): Promise<{ shopper: Shopper; id: string }> {
  const id = `member-${String(Date.now())}-${String(Math.random()).slice(2, 8)}`;
  const shopper = await Shopper.open(browser, `/club?member=${id}`);
  await expect(shopper.page.locator("html")).toHaveAttribute("data-cobrowse-presence", "on");
  return { shopper, id };
}

/** An agent on the home page. */
async function atHome(browser: Browser, name: string): Promise<Viewer> {
  const viewer = await Viewer.fresh(browser);
  await viewer.page.goto(`${stack().web_url}/`);
  await viewer.logIn(name);
  return viewer;
}

interface Seen {
  readonly visitor: string;
  readonly group: string;
  readonly url: string;
  readonly visible: boolean;
}

/** What the agent is told of a visitor id. */
const lookUp = (viewer: Viewer, id: string): Promise<Seen[]> =>
  viewer.page.evaluate(async (wanted) => {
    const response = await fetch(`/api/v1/agent/presence?VisitorId=${wanted}`);
    return ((await response.json()) as { visitors: Seen[] }).visitors;
  }, id);

test("an agent of the page's group sees who is there, on which page, and when it has gone", async ({
  browser,
}) => {
  const { shopper, id } = await member(browser);
  const ada = await atHome(browser, "ada");
  await expect.poll(async () => (await lookUp(ada, id)).length).toBe(1);
  const [seen] = await lookUp(ada, id);
  expect(seen).toMatchObject({ visitor: id, group: "demo", visible: true });
  // The address has no query: it may hold anything.
  expect(seen?.url).toBe(`${stack().shop_url}/club`);
  await expect(ada.page.locator("[data-fresh=visitors]")).toContainText(id);
  await shoot(ada.page, "17-agent-home");
  const mia = await atHome(browser, "mia");
  expect(await lookUp(mia, id)).toEqual([]);
  expect(await lookUp(ada, "nobody")).toEqual([]);
  await shopper.page.goto("about:blank");
  await expect.poll(async () => (await lookUp(ada, id)).length).toBe(0);
});

test("a page says by its own script when its visitor is there: GLANCE.Presence.Visitor", async ({
  browser,
}) => {
  const id = `api-${String(Date.now())}`;
  const shopper = await Shopper.open(browser, "/support");
  await shopper.goTagged("/order", shopper.tag('data-groupid="demo" data-presence="api"'));
  await shopper.page.waitForFunction("window.GLANCE?.Presence");
  const ada = await atHome(browser, "ada");
  await shopper.page.evaluate(
    `void (window.here = new GLANCE.Presence.Visitor({ visitorid: "${id}" }))`,
  );
  await expect(shopper.page.locator("html")).not.toHaveAttribute("data-cobrowse-presence", "on");
  expect(await lookUp(ada, id)).toEqual([]);
  await shopper.page.evaluate("void here.connect()");
  await expect.poll(async () => (await lookUp(ada, id)).length).toBe(1);
  expect((await lookUp(ada, id))[0]).toMatchObject({ group: "demo", visible: true });
  await shopper.page.evaluate("here.disconnect()");
  await expect.poll(async () => (await lookUp(ada, id)).length).toBe(0);
  // An id that is none is refused once, and said.
  const said: string[] = [];
  shopper.page.on("console", (message) => said.push(message.text()));
  await shopper.page.evaluate('void new GLANCE.Presence.Visitor({ visitorid: "a b" }).connect()');
  await expect.poll(() => said.join()).toContain("presence was refused");
});

test("a visitor accepts an offer and the agent, who waits, comes in", async ({ browser }) => {
  const { shopper, id } = await member(browser);
  const eve = await atHome(browser, "eve");
  const row = eve.page.locator("[data-fresh=visitors] tr", { hasText: id });
  await expect(row).toBeVisible({ timeout: 20_000 });
  // The session runs in another group than the presence: the agent has a role in both.
  await row.locator("select").selectOption("support");
  await row.locator("button").click();
  await expect(shopper.widget).toHaveAttribute("data-dialog", "offer");
  await shoot(shopper.page, "18-visitor-is-offered-help");
  await expect(eve.page.locator("body")).toContainText("Waiting");
  await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(id);
  await eve.expectState("live");
  await eve.expectText("h1", "Club");
});

test("a visitor who declines is left alone, and the agent is told", async ({ browser }) => {
  const { shopper, id } = await member(browser);
  const eve = await atHome(browser, "eve");
  const row = eve.page.locator("[data-fresh=visitors] tr", { hasText: id });
  await expect(row).toBeVisible({ timeout: 20_000 });
  await row.locator("button").click();
  await expect(shopper.widget).toHaveAttribute("data-dialog", "offer");
  await shopper.page.keyboard.press("Escape");
  await expect(shopper.widget).toHaveCount(0);
  await expect(eve.page.locator("body")).toContainText("declined", { timeout: 20_000 });
});

test("an offer needs a role in both groups, and a page declines a group that its tag does not list", async ({
  browser,
}) => {
  const { shopper, id } = await member(browser);
  const offer = (viewer: Viewer, group: string, session: string): Promise<number> =>
    viewer.page.evaluate(
      async (fields) => {
        const csrf = document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";
        const body = new URLSearchParams({ ...fields, csrf });
        return (await fetch("/offers", { method: "POST", body, redirect: "manual" })).status;
      },
      { visitor: id, group, session },
    );
  const ada = await atHome(browser, "ada");
  await expect.poll(async () => (await lookUp(ada, id)).length).toBe(1);
  expect(await offer(ada, "demo", "support")).toBe(403);
  const mia = await atHome(browser, "mia");
  expect(await offer(mia, "demo", "support")).toBe(403);
  expect(await offer(mia, "support", "support")).toBe(404);
  await expect(shopper.widget).toHaveCount(0);
  // Ada has a role in the group that asks for terms, which the club's tag does not list. A redirect reads as 0.
  expect(await offer(ada, "demo", "careful")).toBe(0);
  await ada.page.goto(
    `${stack().web_url}/cobrowse/AgentView?SessionKey=${id}&Wait=1&Since=${String(Date.now() - 60_000)}`,
  );
  await expect(ada.page.locator("body")).toContainText("declined", { timeout: 20_000 });
  await expect(shopper.widget).toHaveCount(0);
});
