/**
 * Session servers of another site, and nothing set: the web tier's page stands around views in browsers that say they are Firefox, and in
 * no other. `firefox-surrounded.spec.ts` has the first in Firefox itself.
 */

import type { BrowserContextOptions } from "@playwright/test";

import { element, page as heavy } from "../support/heavy.js";
import { expect, test, Viewer } from "../support/people.js";
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
