/**
 * Every way a session starts and goes on: button, key, interface, chat window, another domain; and the group rule at each.
 */

import type { Page } from "@playwright/test";

import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

/** The shop under its second name: another domain. */
const payUrl = (): string => stack().shop_url.replace("//shop.", "//pay.");

/** Runs with the interface of the page. */
function api<T>(page: Page, run: string): Promise<T> {
  return page.evaluate(
    `(async () => { const { Visitor, VisitorUI } = GLANCE.Cobrowse; ${run} })()`,
  ) as Promise<T>;
}

/** Answers an open dialog by the keyboard. */
async function answer(shopper: Shopper, name: string, isYes: boolean): Promise<void> {
  await expect(shopper.widget).toHaveAttribute("data-dialog", name);
  await shopper.page.keyboard.press("Tab");
  if (!isYes) await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
}

/** A window of another site's chat, beside the shop. */
async function chatOf(shopper: Shopper, url: string): Promise<Page> {
  const opened = shopper.context.waitForEvent("page");
  // Without a name: one that is just being closed would be opened again, and no page would come.
  await shopper.page.evaluate((address) => void window.open(address), url);
  const chat = await opened;
  await chat.waitForLoadState();
  return chat;
}

const say = (chat: Page, message: object | null): Promise<void> =>
  chat.evaluate((data) => {
    (window.opener as Window).postMessage({ glance_cobrowse: data }, "*");
  }, message);

test("start by key: the tag's keys show a button, and the button starts", async ({ browser }) => {
  const shopper = await Shopper.open(browser, "/support");
  await shopper.page.keyboard.press("Control+Enter");
  await expect(shopper.widget).toHaveAttribute("data-state", "button");
  await shopper.page.click("[data-glancebutton=toggleButton]");
  await expect(shopper.widget).toHaveCount(0);
  await shopper.page.click("[data-glancebutton=toggleButton]");
  await expect(shopper.widget).toHaveAttribute("data-state", "button");
  // The help button is the page's last tab stop.
  await shopper.page.locator("[data-glancebutton=stopSession]").focus();
  await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await shopper.expectState("live");
  await shopper.page.click("[data-glancebutton=stopSession]");
  await expect(shopper.widget).toHaveAttribute("data-reason", "stopped");
});

test("start by terms: nothing is shared before they are accepted, and nothing at all after a no", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  await shopper.start({ groupId: "careful" });
  await expect(shopper.widget).toHaveAttribute("data-dialog", "terms");
  await shoot(shopper.page, "16-terms");
  expect(shopper.sent.messages).toHaveLength(0);
  await answer(shopper, "terms", false);
  await expect(shopper.widget).toHaveAttribute("data-error", "declined");
  expect(shopper.sent.messages).toHaveLength(0);
  await shopper.start({ groupId: "careful" });
  await answer(shopper, "terms", true);
  await shopper.expectState("live");
  const asked = await Shopper.open(browser, "/support");
  await asked.page.click("[data-glancebutton=showTerms]");
  await answer(asked, "terms", true);
  await asked.expectState("live");
});

test("start by interface: promises, typed errors, events and the public names", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  await shopper.page.waitForFunction(() => "GLANCE" in window);
  // The longest that there may be, of all letters that it may have.
  const sessionKey = `Api-.~_${String(Date.now())}`.padEnd(63, "x");
  const started = await api<object>(
    shopper.page,
    `window.seen = [];
     for (const name of ["sessionstarting", "sessionstart", "agents", "connection", "sessionend", "pause"])
       Visitor.addEventListener(name, (event) => window.seen.push([event.type, event]));
     return Visitor.startSession({ groupid: "demo", sessionKey: "${sessionKey}" });`,
  );
  expect(started).toEqual({ sessionKey, group: "demo" });
  await shopper.expectState("live");
  const missing = await api<string[]>(
    shopper.page,
    `return ["startSession","stopSession","inSession","getKey","pauseSession","showTerms","continueSessionAt",
      "crossDomain","getSessionState","addEventListener","removeEventListener","loaded","getStatus"]
      .filter((name) => typeof Visitor[name] !== "function")
      .concat(["showButton","toggleButton","showTerms","setStyle","promptCrossDomain"]
      .filter((name) => typeof VisitorUI[name] !== "function"));`,
  );
  expect(missing).toEqual([]);
  const inside = await api(shopper.page, "return [Visitor.inSession(), Visitor.getKey()]");
  expect(inside).toEqual([true, sessionKey]);
  const state = await api(shopper.page, "await Visitor.loaded(); return Visitor.getSessionState()");
  expect(state).toMatchObject({ state: "live", key: sessionKey, group: "demo" });
  // A second session with the same key is refused clearly.
  const second = await Shopper.open(browser);
  await second.page.waitForFunction(() => "GLANCE" in window);
  const code = await api(
    second.page,
    `return Visitor.startSession("${sessionKey}").then(() => "started", (error) => error.code)`,
  );
  expect(code).toBe("key_in_use");
  await expect(second.widget).toHaveAttribute("data-error", "key_in_use");
  for (const bad of ["a b", "x".repeat(64)]) {
    const refused = `return Visitor.startSession("${bad}").catch((error) => error.code)`;
    expect(await api(second.page, refused)).toBe("bad_request");
  }
  const viewer = await Viewer.join(browser, "ada", sessionKey);
  await viewer.page.click("#leave");
  await api(
    shopper.page,
    "Visitor.pauseSession(true); Visitor.pauseSession(false); await Visitor.stopSession()",
  );
  await expect(shopper.widget).toHaveAttribute("data-reason", "stopped");
  const seen = await shopper.page.evaluate(
    () => (window as unknown as { seen: [string, object][] }).seen,
  );
  expect(new Set(seen.map(([name]) => name))).toEqual(
    new Set(["sessionstarting", "sessionstart", "agents", "connection", "sessionend", "pause"]),
  );
  expect(seen.find(([name]) => name === "sessionend")?.[1]).toMatchObject({ reason: "visitor" });
});

test("the key is the visitor's id where the page asks for it, and the agent finds it by VisitorId", async ({
  browser,
}) => {
  const visitorId = `crm-${String(Date.now())}`;
  const viewer = await Viewer.fresh(browser);
  await viewer.page.goto(
    `${stack().web_url}/agentjoin/AgentView.aspx?VisitorId=${visitorId}&Wait=1`,
  );
  await viewer.logIn("ada");
  await expect(viewer.page).toHaveURL(/Wait=1/);
  const shopper = await Shopper.open(browser, "/product");
  await shopper.page.waitForFunction(() => "GLANCE" in window);
  await api(
    shopper.page,
    `window.GLANCE_COBROWSE = { visitorid: "${visitorId}" };
     return Visitor.startSession("GLANCE_KEYTYPE_VISITORID").then((s) => s.sessionKey)`,
  );
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(visitorId);
  await viewer.expectState("live");
});

test("start by window message: only from a chat window of the group's trusted origins", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  const warned: string[] = [];
  shopper.page.on("console", (message) => warned.push(message.text()));
  const stranger = await chatOf(shopper, `${stack().shop_url}/order`);
  await say(stranger, { call: "startSession" });
  await expect.poll(() => warned.join()).toContain("none of the group's chat origins");
  await expect(shopper.widget).toHaveCount(0);
  await stranger.close();
  const chat = await chatOf(shopper, `${payUrl()}/order`);
  for (const bad of [null, { call: "eval" }, { call: "getKey" }, { call: 7 }]) await say(chat, bad);
  await say(chat, { call: "startSession", groupid: "not-listed" });
  await expect.poll(() => warned.join()).toContain("a group that this page does not allow");
  await expect(shopper.widget).toHaveCount(0);
  const sessionkey = `chat-${String(Date.now())}`;
  await say(chat, { call: "startSession", groupid: "support", sessionkey });
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(sessionkey);
  await say(chat, { call: "stopSession" });
  await expect(shopper.widget).toHaveAttribute("data-reason", "stopped");
});

test("a session crosses to another domain of the group by a link and by the interface", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/product");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await shopper.page.evaluate((url) => {
    const link = document.createElement("a");
    link.id = "away";
    link.href = `${url}/checkout#pay`;
    link.textContent = "Pay";
    document.querySelector("main")?.prepend(link);
  }, payUrl());
  await shopper.page.click("#away");
  await viewer.expectText("h1", "Checkout");
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(key);
  // The code has left the address; the fragment that was there has stayed.
  expect(shopper.page.url()).toBe(`${payUrl()}/checkout#pay`);
  await shopper.page.reload();
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(key);
  await api(
    shopper.page,
    `void Visitor.continueSessionAt({ destination: "${stack().shop_url}/cart" })`,
  );
  await viewer.expectText("h1", /cart/i);
  await shopper.expectState("live");
  const strange = `return Visitor.crossDomain("https://evil.example/").catch((error) => error.code)`;
  expect(await api(shopper.page, strange)).toBe("not_allowed");
});

test("the group rule holds at navigation, at a domain crossing and at the focus", async ({
  browser,
}) => {
  // Navigation: the next page's tag does not list the session's group.
  const shopper = await Shopper.withSession(browser);
  await shopper.go("/support");
  await shopper.page.waitForFunction(() => "GLANCE" in window);
  await api(shopper.page, "await Visitor.loaded()");
  await expect(shopper.widget).toHaveCount(0);
  await shopper.go("/cart");
  await shopper.expectState("live");
  // Domain crossing: the code leads to a page whose tag does not list it either.
  const url = await api<string>(shopper.page, `return Visitor.crossDomain("${payUrl()}/support")`);
  await shopper.page.goto(url);
  await expect.poll(() => shopper.page.url()).toBe(`${payUrl()}/support`);
  await api(shopper.page, "await Visitor.loaded()");
  await expect(shopper.widget).toHaveCount(0);
  // Focus: a tab that rests looks at its tag again before it goes on.
  await shopper.go("/cart");
  await shopper.expectState("live");
  const other = await shopper.context.newPage();
  await other.goto(`${stack().shop_url}/product`);
  await shopper.expectState("passive");
  await shopper.page.evaluate(() => {
    const tag = document.getElementById("glance-cobrowse");
    tag?.setAttribute("data-groupid", "support");
    tag?.removeAttribute("data-additionalgroupids");
    window.dispatchEvent(new Event("focus"));
  });
  await expect(other.locator("glance-cobrowse-widget")).toHaveAttribute("data-state", "live");
  await shopper.expectState("passive");
});
