/**
 * Every way a session ends, and what each side is told.
 */

import { Gate } from "../support/gate.js";
import { expect, launch, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

test("the visitor ends the session and the agent is told so", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.stop();
  await viewer.expectState("ended");
  await viewer.expectReason("session_ended_visitor");
  await expect(viewer.page.locator("#message")).toContainText(/visitor/i);
  await shoot(viewer.page, "5-agent-after-the-end");
  await expect(shopper.widget).toHaveAttribute("data-state", "ended");
  const cookies = await shopper.context.cookies();
  expect(cookies.filter((cookie) => cookie.name === "glance_cobrowse")).toEqual([]);
  // The next page is not shared.
  await shopper.go("/checkout");
  await expect(shopper.page.locator("h1")).toHaveText("Checkout");
  await expect(shopper.widget).toHaveCount(0);
});

test("the visitor ends the session by the button of the widget", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/order");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.page.locator("main a").last().focus();
  await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await viewer.expectState("ended");
  await viewer.expectReason("session_ended_visitor");
});

test("closing the last tab ends the session after the grace period", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.page.close({ runBeforeUnload: false });
  await expect(viewer.page.locator("body")).toHaveAttribute("data-state", /leaving|offline/);
  await viewer.expectState("ended");
  await viewer.expectReason("session_ended_timeout");
  await expect(viewer.page.locator("#message")).not.toBeEmpty();
});

test("an agent with the right to it ends the session, and one without has no button", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const bob = await Viewer.join(browser, "bob", key);
  const ada = await Viewer.join(browser, "ada", key);
  await expect(bob.page.locator("#end")).toBeHidden();
  ada.page.on("dialog", (dialog) => void dialog.accept());
  await ada.page.click("#end");
  await shopper.expectState("ended");
  await expect(shopper.widget).toHaveAttribute("data-reason", "session_ended_agent");
  for (const viewer of [ada, bob]) {
    await viewer.expectState("ended");
    await viewer.expectReason("session_ended_agent");
  }
});

test("an agent whose connection breaks comes back by itself", async ({ browser: visitors }) => {
  const gate = await Gate.to(...stack().servers.map(({ url }) => url), stack().web_url);
  const browser = await launch(gate.args);
  try {
    const shopper = await Shopper.withSession(visitors);
    const viewer = await Viewer.join(browser, "ada", await shopper.key());
    gate.cut();
    await viewer.expectState("reconnecting");
    await expect(shopper.widget).toHaveAttribute("data-agents", "0");
    await shopper.page.click("[data-id=chair] .add");
    gate.mend();
    await viewer.expectText("#cart-count", "1");
    await viewer.expectState("live");
  } finally {
    await browser.close();
    gate.close();
  }
});
