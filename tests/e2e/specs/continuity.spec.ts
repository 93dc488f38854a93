/**
 * A session that goes on whatever becomes of the page and the network: back and forward, tabs, a tab that sleeps, a lost
 * network, a web tier that is away. Page changes and reloads stand in `path.spec.ts`, servers that die in `faults.spec.ts`.
 */

import { ownGroup } from "../support/admin.js";
import { Gate } from "../support/gate.js";
import { expect, launch, Shopper, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

const shop = (path: string): string => stack().shop_url + path;

test("back and forward: a page that the browser has kept goes on where it was", async ({
  browser: agents,
}) => {
  const browser = await launch([], { keepsPages: true });
  try {
    const shopper = await Shopper.withSession(browser, "/product");
    const viewer = await Viewer.join(agents, "ada", await shopper.key());
    // Playwright loses sight of a page that comes back from the browser's memory: what follows asks the browser itself.
    const devtools = await shopper.context.newCDPSession(shopper.page);
    const run = async (expression: string): Promise<unknown> =>
      (await devtools.send("Runtime.evaluate", { expression, returnByValue: true })).result.value;
    const state = () => run("document.querySelector('glance-cobrowse-widget')?.dataset.state");
    await run(`addEventListener("pageshow", ({ persisted }) => {
      if (persisted) document.querySelector("h1").append(" once more");
    })`);
    const type = (text: string): Promise<unknown> =>
      run(`(() => { const note = document.querySelector("#note"); note.value = "${text}";
        note.dispatchEvent(new Event("input", { bubbles: true })); })()`);
    await type("kept by the browser");
    await expect.poll(() => viewer.value("#note")).toBe("kept by the browser");
    await run("document.querySelector('#to-cart').click()");
    await viewer.expectText("h1", /cart/i);
    await expect.poll(state).toBe("live");
    await run("history.back()");
    // Its scripts were not run anew: what was typed is there, and it has told that it was kept.
    await viewer.expectText("h1", "Harbour lamp once more");
    await expect.poll(() => viewer.value("#note")).toBe("kept by the browser");
    await expect.poll(state).toBe("live");
    await type("and typed again");
    await expect.poll(() => viewer.value("#note")).toBe("and typed again");
    await run("history.forward()");
    await viewer.expectText("h1", /cart/i);
    await viewer.expectState("live");
    await expect.poll(state).toBe("live");
  } finally {
    await browser.close();
  }
});

test("back and forward: a page that the browser loads anew goes on as well", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/product");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  const kind = (): Promise<string | undefined> =>
    shopper.page.evaluate(() => performance.getEntriesByType("navigation")[0]?.toJSON().type);
  await shopper.page.click("#to-cart");
  await viewer.expectText("h1", /cart/i);
  for (const [go, heading] of [
    ["goBack", "Harbour lamp"],
    ["goForward", /cart/i],
  ] as const) {
    await shopper.page[go]();
    expect(await kind()).toBe("back_forward");
    await viewer.expectText("h1", heading);
    await shopper.expectState("live");
    await viewer.expectState("live");
    expect(await shopper.key()).toBe(key);
  }
  await shopper.page.evaluate(() => document.querySelector("h1")?.append(" once more"));
  await viewer.expectText("h1", /once more/);
});

test("several tabs: the one that is looked at is shown, and a closed one gives way", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  const second = await shopper.context.newPage();
  await second.goto(shop("/product"));
  await viewer.expectText("h1", "Harbour lamp");
  await shopper.expectState("passive");
  const third = await shopper.context.newPage();
  await third.goto(shop("/cart"));
  await viewer.expectText("h1", /cart/i);
  // A headless browser keeps every page visible, so coming to the front is told by the focus.
  const lookAt = (page: typeof third): Promise<void> =>
    page.evaluate(() => void window.dispatchEvent(new Event("focus")));
  await lookAt(second);
  await viewer.expectText("h1", "Harbour lamp");
  await second.fill("#note", "from the second tab");
  await expect.poll(() => viewer.value("#note")).toBe("from the second tab");
  await second.close();
  await lookAt(third);
  await viewer.expectText("h1", /cart/i);
  await lookAt(shopper.page);
  await viewer.expectText("h1", "Quiet things");
  await shopper.expectState("live");
  await viewer.expectState("live");
});

test("a tab that was put to sleep, and lost its connection meanwhile, goes on when it wakes", async () => {
  const gate = await Gate.to(...stack().servers.map(({ url }) => url));
  const browser = await launch(gate.args);
  try {
    const shopper = await Shopper.withSession(browser, "/product");
    const key = await shopper.key();
    const viewer = await Viewer.join(browser, "ada", key);
    const devtools = await shopper.context.newCDPSession(shopper.page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    gate.cut();
    gate.mend();
    await viewer.expectState("live");
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await shopper.expectState("live");
    expect(await shopper.key()).toBe(key);
    await shopper.page.fill("#note", "awake");
    await expect.poll(() => viewer.value("#note")).toBe("awake");
  } finally {
    await browser.close();
    gate.close();
  }
});

test("offline for a while: the visitor works on, both sides are told, and the view comes back with all that was done", async ({
  browser: agents,
}) => {
  // A session waits for its visitor for half a minute and longer; a minute and ten are tried in virtual time.
  const group = ownGroup("e2e-offline", "--grace-ms", "60000");
  const gate = await Gate.to(...stack().servers.map(({ url }) => url), stack().web_url);
  const browser = await launch(gate.args);
  try {
    const shopper = await Shopper.open(browser, "/support");
    await shopper.goTagged("/product", shopper.tag(`data-groupid="${group}"`));
    await shopper.start({});
    await shopper.expectState("live");
    const key = await shopper.key();
    const viewer = await Viewer.join(agents, "ada", key);
    gate.cut();
    await shopper.expectState("reconnecting");
    await viewer.expectState("offline");
    await expect(viewer.page.locator("#state")).toContainText(/offline/i);
    await shopper.page.fill("#note", "written without a network");
    gate.mend();
    await shopper.expectState("live");
    expect(await shopper.key()).toBe(key);
    await viewer.expectState("live");
    await expect.poll(() => viewer.value("#note")).toBe("written without a network");
  } finally {
    await browser.close();
    gate.close();
  }
});

test("the web tier is away for five page changes, and the agent sees each page", async ({
  browser: agents,
}) => {
  const gate = await Gate.to(stack().web_url);
  const browser = await launch(gate.args);
  try {
    const shopper = await Shopper.withSession(browser);
    const key = await shopper.key();
    const viewer = await Viewer.join(agents, "ada", key);
    const asked: string[] = [];
    shopper.page.on("requestfailed", (request) => asked.push(request.url()));
    gate.cut();
    for (const [path, heading] of [
      ["/product", "Harbour lamp"],
      ["/cart", /cart/i],
      ["/checkout", "Checkout"],
      ["/custom", "Made for you"],
      ["/", "Quiet things"],
    ] as const) {
      await shopper.go(path);
      await viewer.expectText("h1", heading);
      await shopper.expectState("live");
      await viewer.expectState("live");
    }
    expect(await shopper.key()).toBe(key);
    // It was really away: what the pages asked it for meanwhile had no answer.
    expect(asked.filter((url) => url.startsWith(stack().web_url)).length).toBeGreaterThan(0);
  } finally {
    await browser.close();
    gate.close();
  }
});
