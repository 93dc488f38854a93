/**
 * A CServer that dies under a session: both browsers find their way by themselves.
 */

import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

test("when its CServer is killed the session goes on at another, and the view comes back", async ({
  browser,
}) => {
  test.setTimeout(90_000);
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  const home = new URL(viewer.page.url()).origin;
  const server = stack().servers.find((one) => one.url === home);
  if (!server) throw new Error(`no server at ${home}`);
  process.kill(server.pid, "SIGKILL");
  await expect(viewer.page.locator("body")).not.toHaveAttribute("data-state", "live");
  await shoot(viewer.page, "12-server-gone");
  await expect(shopper.widget).toHaveAttribute("data-state", "live", { timeout: 40_000 });
  await expect(shopper.widget).toHaveAttribute("data-key", key);
  await shopper.page.click("[data-id=lamp] .add");
  await expect.poll(() => viewer.text("#cart-count"), { timeout: 40_000 }).toBe("1");
  expect(new URL(viewer.page.url()).origin).not.toBe(home);
});
