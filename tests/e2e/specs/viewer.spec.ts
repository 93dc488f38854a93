/**
 * What an agent's page says of the session: proof, size, delay, where the visitor is; and its keys.
 */

import { expect, Shopper, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

test("the viewer says that the picture is verified, how far the server is, where the visitor is and looks, and fits the page", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  const { page } = viewer;
  await expect(page.locator("#verified")).toContainText(/^Verified/);
  await expect(page.locator("body")).toHaveAttribute("data-verified", "true");
  await expect(page.locator("#latency")).toContainText(/\d+ ms/);
  await expect(page.locator("#url")).toHaveText(`${stack().shop_url}/`);
  await expect(page.locator("#title")).toHaveText(await shopper.page.title());

  // Fit shows all of the visitor's width; a size of one's own is kept.
  const scale = (): Promise<number> =>
    page.locator("#stage").evaluate((stage) => {
      const { width } = stage.getBoundingClientRect();
      return Math.round((width / (stage as HTMLElement).offsetWidth) * 100) / 100;
    });
  const isWithin = (): Promise<boolean> =>
    page.locator("#stage").evaluate((stage) => {
      const { left, right } = stage.getBoundingClientRect();
      return left >= 0 && right <= window.innerWidth;
    });
  await page.setViewportSize({ width: 700, height: 600 });
  await expect.poll(scale).toBeLessThan(0.7);
  expect(await isWithin()).toBe(true);
  await page.selectOption("#zoom", "0.5");
  await expect.poll(scale).toBe(0.5);
  await page.setViewportSize({ width: 1200, height: 760 });
  expect(await scale()).toBe(0.5);
  await page.selectOption("#zoom", "fit");
  await expect.poll(scale).toBeGreaterThan(0.7);

  // Tools by the keyboard.
  for (const [key, tool] of [
    ["Alt+2", "mark"],
    ["Alt+4", "show"],
    ["Alt+1", "point"],
  ] as const) {
    await page.keyboard.press(key);
    await expect(page.locator("body")).toHaveAttribute("data-tool", tool);
  }

  // The visitor looks elsewhere, and comes back. A headless browser keeps every page visible.
  const see = (visible: boolean): Promise<void> =>
    shopper.page.evaluate(
      (state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      },
      visible ? "visible" : "hidden",
    );
  await see(false);
  await expect(page.locator("#hidden-note")).toBeVisible();
  await expect(page.locator("body")).toHaveAttribute("data-visible", "false");
  await see(true);
  await expect(page.locator("#hidden-note")).toBeHidden();

  // The visitor goes to a page whose scripts take their time.
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await shopper.page.route("**/cobrowse/loader.js", async (route) => {
    await held;
    await route.continue();
  });
  await shopper.page.goto(`${stack().shop_url}/cart`, { waitUntil: "commit" });
  await viewer.expectState("leaving");
  await expect(page.locator("#state")).toContainText(/page/i);
  release();
  await viewer.expectState("live");
  await viewer.expectText("h1", /cart/i);
});
