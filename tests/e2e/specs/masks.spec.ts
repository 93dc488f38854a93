/**
 * Masks hold on the wire: a canary typed into a masked field is in no frame, an unmasked one is.
 *
 * Frames are captured where the visitor's browser sends them, where an agent's browser gets them, and by an agent
 * without a browser. All are inflated before they are searched.
 */

import { admin, ownGroup } from "../support/admin.js";
import type { Capture } from "../support/frames.js";
import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { RawAgent } from "../support/raw-agent.js";

const SEEN = "CANARY-SEEN";

/** Flag of facts, from PROTOCOL.md. */
const PURGE = 0x04;

const HIDDEN = [
  "CANARY-CARD",
  "CANARY-UNTIL",
  "CANARY-CVV",
  "CANARY-WORD",
  "TW-2048-77",
  "the number that you gave",
];

test("what is typed into masked fields is in no frame, and what is not masked is", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/checkout");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  const raw = await RawAgent.join("bob", key);

  await shopper.page.fill("#name", SEEN);
  await shopper.page.locator("#card").pressSequentially("CANARY-CARD");
  await shopper.page.locator("#until").pressSequentially("CANARY-UNTIL");
  await shopper.page.locator("#cvv").pressSequentially("CANARY-CVV");
  await shopper.page.locator("#password").pressSequentially("CANARY-WORD");
  // The shop can show the password in clear; an agent still does not see it.
  await shopper.page.check("#show");
  await shopper.page.locator("#password").pressSequentially("-CANARY-WORD");
  await expect.poll(() => viewer.value("#name")).toBe(SEEN);
  await shoot(shopper.page, "9-checkout-of-the-visitor");
  await shoot(viewer.page, "10-checkout-in-the-view");
  for (const field of ["#card", "#until", "#cvv", "#password"]) {
    const value = (await viewer.value(field)) ?? "";
    expect(value, `${field} in the view`).not.toContain("CANARY");
  }

  // Masked text of another page, a reload, and an agent who comes late.
  await shopper.go("/order");
  await viewer.expectText("h1", "Thank you");
  await shopper.page.reload();
  await shopper.expectState("live");
  const late = await RawAgent.join("eve", key);
  await expect.poll(() => late.received.text()).toContain("Thank you");
  await shopper.go("/checkout");
  await shopper.page.fill("#remark", `${SEEN} again`);
  await expect.poll(() => viewer.value("#remark")).toBe(`${SEEN} again`);
  await expect.poll(() => raw.received.text()).toContain(`${SEEN} again`);

  const captures: [string, Capture][] = [
    ["sent by the visitor", shopper.sent],
    ["received by the viewer", viewer.received],
    ["received without a browser", raw.received],
  ];
  for (const [where, capture] of captures) {
    const text = capture.text();
    expect(text, where).toContain(SEEN);
    expect(text, where).toContain("Thank you");
    for (const canary of HIDDEN) expect(text, where).not.toContain(canary);
  }
  for (const canary of HIDDEN) expect(late.received.text()).not.toContain(canary);
  expect((await viewer.markup()) ?? "").not.toContain("CANARY-C");
  raw.close();
  late.close();
});

test("what becomes masked later is forgotten: a later agent never receives it", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/checkout");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await shopper.page.fill("#street", "CANARY-STREET");
  await shopper.page.fill("#town", SEEN);
  await expect.poll(() => viewer.value("#street")).toBe("CANARY-STREET");
  await shopper.page.locator("#street").evaluate((field) => field.classList.add("glance_masked"));
  await expect.poll(() => viewer.value("#street")).not.toBe("CANARY-STREET");
  await shopper.page.locator("#street").pressSequentially("-MORE");
  const late = await RawAgent.join("bob", key);
  await expect.poll(() => late.received.text()).toContain(SEEN);
  expect(late.received.text()).not.toContain("CANARY-STREET");
  expect(late.received.text()).not.toContain("-MORE");
  expect((await viewer.markup()) ?? "").not.toContain("CANARY-STREET");
  late.close();
});

test("what the page's own script hides leaves no browser, and nothing does before it has answered", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/support");
  await shopper.page.addInitScript(() => {
    const hidden = { maskedelements: [".price"], maskpage: location.pathname === "/cart" };
    Object.assign(window, {
      GLANCE_COBROWSE: { getMaskingDescriptor: () => Promise.resolve(hidden) },
    });
  });
  await shopper.go("/product");
  const price = (await shopper.page.locator(".price").first().textContent())?.trim() ?? "";
  expect(price).toMatch(/\d/);
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const key = await shopper.key();
  await expect.poll(() => shopper.sent.text()).toContain('"hides":true');
  expect(shopper.sent.text()).not.toContain("Harbour lamp");
  const viewer = await Viewer.join(browser, "ada", key);
  await viewer.expectText("h1", "Harbour lamp");
  await viewer.expectText(".price", /^•+$/);
  await shopper.go("/cart");
  await expect(viewer.page.locator("#paused-note")).toContainText("The website hides this page");
  await shopper.page.evaluate(() => document.body.append("CANARY-HIDDEN"));
  await shopper.go("/product");
  await viewer.expectText("h1", "Harbour lamp");
  await expect(viewer.page.locator("#paused-note")).toBeHidden();
  for (const text of [shopper.sent.text(), viewer.received.text()]) {
    expect(text).not.toContain(price);
    expect(text).not.toContain("CANARY-HIDDEN");
    expect(text).not.toContain("Your cart");
  }
});

test("the operator masks more while a visitor runs: the page is sent anew and what was sent is forgotten", async ({
  browser,
}) => {
  const group = ownGroup("e2e-masks");
  const shopper = await Shopper.open(browser, "/support");
  await shopper.goTagged("/checkout", shopper.tag(`data-groupid="${group}"`));
  await shopper.start({});
  await shopper.expectState("live");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await shopper.page.fill("#street", "CANARY-STREET");
  await shopper.page.fill("#town", SEEN);
  await expect.poll(() => viewer.value("#street")).toBe("CANARY-STREET");
  const { epoch } = await shopper.position();
  const welcomes = (): number => shopper.heard.count(0xc1);
  expect(welcomes()).toBe(1);
  admin("group", "set", group, "--mask", "#street");
  await expect.poll(welcomes).toBe(2);
  await expect.poll(() => viewer.value("#street")).toMatch(/^•+$/);
  expect(await viewer.value("#town")).toBe(SEEN);
  // An epoch of its own, that makes everybody forget: its first facts have the flag `purge`.
  const now = await shopper.position();
  expect(now.epoch).toBeGreaterThan(epoch);
  expect(shopper.sent.has(0x04, PURGE, now.epoch)).toBe(true);
  const late = await RawAgent.join("ada", key);
  await expect.poll(() => late.received.text()).toContain(SEEN);
  expect(late.received.text()).not.toContain("CANARY-STREET");
  // Lifted again, what was masked once stays so on this page; what is new is open.
  admin("group", "set", group, "--clear", "masks");
  await expect.poll(welcomes).toBe(3);
  await shopper.page.locator("#street").pressSequentially("-MORE");
  await shopper.page.fill("#town", `${SEEN} again`);
  await expect.poll(() => viewer.value("#town")).toBe(`${SEEN} again`);
  expect(await viewer.value("#street")).toMatch(/^•+$/);
  expect(late.received.text()).not.toContain("-MORE");
  late.close();
});

test("the key in a URL's query does not reach agents", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.go("/order?token=CANARY-QUERY#CANARY-FRAGMENT");
  await viewer.expectText("h1", "Thank you");
  expect(viewer.received.text()).not.toContain("CANARY-QUERY");
  expect(viewer.received.text()).not.toContain("CANARY-FRAGMENT");
  await expect(viewer.page.locator("#url")).not.toContainText("CANARY");
});
