/**
 * Session servers of another site, and nothing set: the web tier's page stands around views in browsers that say they are Firefox, and in
 * no other. `firefox-surrounded.spec.ts` has the first in Firefox itself. And what becomes of a view in an application's frame when the session
 * moves: its server dies, so that comes last.
 */

import type { BrowserContextOptions } from "@playwright/test";

import { CRM, framedAt, logInAt } from "../support/application.js";
import { element, page as heavy } from "../support/heavy.js";
import { agentView, expect, Shopper, test, Viewer } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";
import { startElsewhere, viewIn } from "../support/surrounded.js";

test.describe.configure({ mode: "serial" });

let stop: (() => Promise<void>) | undefined;

test.beforeAll(async () => {
  stop = await startElsewhere(2);
});

test.afterAll(async () => {
  await stop?.();
});

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

test("where nothing is set a view stands alone in Chromium, and inside the page where a browser calls itself Firefox", async ({
  browser,
}) => {
  const visitor = await RawVisitor.start();
  visitor.show(heavy(element("p", { id: "first" })));
  const opened = async (options: BrowserContextOptions): Promise<Viewer> => {
    const viewer = await Viewer.fresh(browser, options);
    await viewer.open(visitor.key);
    await viewer.logIn("ada");
    return viewer;
  };
  const alone = await opened({});
  await alone.expectState("live");
  const servers = stack().servers.map(({ url }) => url);
  expect(servers).toContain(new URL(alone.page.url()).origin);

  // A wrong guess takes nothing from the agent.
  const { page, faults } = await opened({ userAgent: FIREFOX });
  await expect(viewIn(page).locator("body")).toHaveAttribute("data-state", "live");
  expect(new URL(page.url()).origin).toBe(stack().web_url);
  expect([...alone.faults, ...faults]).toEqual([]);
  visitor.end();
});

test("in an application's frame that may keep nothing a view follows a session's move", async ({
  browser,
}) => {
  test.setTimeout(150_000);
  const shopper = await Shopper.open(browser, "/support");
  await shopper.start({ groupId: "support" });
  await shopper.expectState("live");
  const { page, frame } = await framedAt(browser, CRM, agentView(await shopper.key()));
  // What browsers do that forbid storage to frames of other sites.
  await page.context().addInitScript(() => {
    if (window === window.top) return;
    Object.assign(window, { cameWith: window.name });
    Object.defineProperty(window, "sessionStorage", {
      get: () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      },
    });
  });
  const names = (): Promise<string[]> =>
    frame
      .locator("html")
      .evaluate(() => [(window as unknown as { cameWith: string }).cameWith, window.name]);
  await logInAt(frame, "mia");
  await expect(frame.locator("body")).toHaveAttribute("data-state", "live");
  expect(await names()).toEqual(["", ""]);
  const serverOf = (): string =>
    new URL(
      page
        .frames()
        .find((one) => one.url().includes("/view/"))
        ?.url() ?? "https://nowhere.localhost",
    ).origin;
  const home = serverOf();
  const server = stack().servers.find(({ url }) => url === home);
  if (!server) throw new Error(`no server at ${home}`);
  process.kill(server.pid, "SIGKILL");
  await expect(shopper.widget).toHaveAttribute("data-state", "live", { timeout: 40_000 });
  await expect.poll(serverOf, { timeout: 60_000 }).not.toBe(home);
  await expect(frame.locator("body")).toHaveAttribute("data-state", "live", { timeout: 40_000 });
  // What guards against a circle has come along, and the frame has its own name again.
  expect(await names()).toEqual([expect.stringMatching(/^cobrowse-kept\|/), ""]);
});
