/**
 * The path of a session in real browsers: help button, key, login, view, and everything that keeps it in step.
 */

import { expect, Shopper, shoot, test, Viewer, agentView } from "../support/people.js";

test("a visitor asks for help and an agent who logs in with the code sees the page live", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  await expect(shopper.widget).toHaveCount(0);
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const key = await shopper.key();
  expect(key).toMatch(/^[0-9]{4,9}$/);
  await shoot(shopper.page, "1-visitor-with-code");

  const viewer = await Viewer.fresh(browser);
  await viewer.open(key);
  await expect(viewer.page).toHaveURL(/\/login\?next=/);
  await shoot(viewer.page, "2-agent-login");
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await expect(viewer.page).toHaveURL(/\/view\/[0-9a-f]{16}$/);
  await viewer.expectText("h1", "Quiet things for a small home");
  await expect(viewer.page.locator("#key")).toHaveText(key);
  await expect(viewer.page.locator("#url")).toContainText("shop.localhost");
  await expect(viewer.page.locator("#security")).toHaveAttribute("data-secure", "true");
  await expect(shopper.widget).toHaveAttribute("data-agents", "1");
  // Pictures and styles come from the shop itself.
  const styled = () => viewer.styleOf(".help", "background-color");
  await expect.poll(styled).toBe("rgb(180, 83, 42)");

  // What the visitor types, what a script adds, how far the page is scrolled.
  await shopper.page.fill("#search", "lamp");
  await viewer.expectText("#found", "1 found for “lamp”");
  await expect.poll(() => viewer.value("#search")).toBe("lamp");
  await shopper.page.fill("#search", "");
  await shopper.page.click("[data-id=teapot] .add");
  await viewer.expectText("#cart-count", "1");
  await shopper.page.evaluate(() => window.scrollTo(0, 600));
  await expect.poll(() => viewer.scrolled()).toBeGreaterThan(500);
  await shoot(viewer.page, "3-agent-view-live");
  expect(viewer.faults).toEqual([]);
  expect(shopper.faults).toEqual([]);
});

test("several agents see the same page and each other", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/product");
  const key = await shopper.key();
  const ada = await Viewer.join(browser, "ada", key);
  const bob = await Viewer.join(browser, "bob", key);
  await expect(shopper.widget).toHaveAttribute("data-agents", "2");
  await shopper.page.selectOption("#colour", "Kelp");
  await shopper.page.fill("#note", "a longer cable, please");
  for (const viewer of [ada, bob]) {
    await expect.poll(() => viewer.value("#note")).toBe("a longer cable, please");
    await expect.poll(() => viewer.value("#colour")).toBe("Kelp");
    await expect(viewer.page.locator("#participants li")).toHaveCount(2);
  }
  await bob.page.click("#leave");
  await expect(shopper.widget).toHaveAttribute("data-agents", "1");
  await expect(ada.page.locator("#participants li")).toHaveCount(1);
});

test("an agent who joins late sees what was changed before", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/product");
  for (const text of ["one", "two", "three"]) await shopper.page.fill("#note", text);
  await shopper.page.click(".add");
  await shopper.page.click(".add");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.expectText("#cart-count", "2");
  await expect.poll(() => viewer.value("#note")).toBe("three");
});

test("an agent who reloads, or leaves and returns, is back in the session", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await viewer.page.reload();
  await viewer.expectState("live");
  await viewer.expectText("h1", "Quiet things");
  await viewer.page.goto("about:blank");
  await expect(shopper.widget).toHaveAttribute("data-agents", "0");
  await viewer.page.goBack();
  await viewer.expectState("live");
  await viewer.page.goto(agentView(key));
  await viewer.expectState("live");
  await shopper.page.click("[data-id=lamp] .add");
  await viewer.expectText("#cart-count", "1");
});

test("the visitor changes page and reloads, and the view follows by itself", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await shopper.page.click("[data-id=lamp] h2 a");
  await viewer.expectText("h1", "Harbour lamp");
  await shopper.page.click(".add");
  await shopper.page.click("#to-cart");
  await viewer.expectText("h1", "Your cart");
  await viewer.expectText("#cart-lines li span", "1 × Harbour lamp");
  await shopper.page.reload();
  await shopper.expectState("live");
  await expect(shopper.widget).toHaveAttribute("data-key", key);
  await shopper.page.click("#cart-lines button");
  await expect.poll(() => viewer.count("#cart-lines li")).toBe(0);
  await viewer.expectState("live");
  expect(viewer.faults).toEqual([]);
});

test("both sides see where the other points", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "bob", await shopper.key());
  await shopper.page.mouse.move(300, 200);
  await shopper.page.mouse.move(320, 240, { steps: 4 });
  await expect(viewer.page.locator("#pointer")).toHaveAttribute("data-x", "320");
  await expect(viewer.page.locator("#pointer")).toHaveAttribute("data-y", "240");
  const stage = await viewer.page.locator("#stage").boundingBox();
  if (!stage) throw new Error("the stage has no box");
  await viewer.page.mouse.move(stage.x + stage.width / 2, stage.y + stage.height / 2, { steps: 4 });
  await expect(shopper.widget).toHaveAttribute("data-pointer", /^\d+,\d+$/);
  await shoot(shopper.page, "4-visitor-sees-pointer");
});

test("pages of many changes arrive in the same state", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.page.evaluate(async () => {
    const list = document.createElement("ol");
    list.id = "many";
    document.querySelector("main")?.append(list);
    for (let round = 0; round < 40; round += 1) {
      for (let at = 0; at < 10; at += 1) {
        const item = document.createElement("li");
        item.textContent = `${String(round)}/${String(at)} ${"x".repeat(round)}`;
        list.append(item);
      }
      if (round % 3 === 0) list.firstElementChild?.remove();
      await new Promise(requestAnimationFrame);
    }
    list.dataset["done"] = "yes";
  });
  await expect.poll(() => viewer.count("#many[data-done=yes]")).toBe(1);
  const theirs = await shopper.page.locator("#many").evaluate((list) => list.textContent);
  expect(await viewer.text("#many")).toBe(theirs);
});
