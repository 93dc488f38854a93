/**
 * An application's page with the viewer in a frame, made up in the browser.
 *
 * The group `support` lists `https://crm.localhost`. To a browser that is another site than ours, so every cookie on the way
 * is a third party's there: login, ticket and join.
 */

import type { Browser, BrowserContextOptions, FrameLocator, Page } from "@playwright/test";

import { account } from "./stack.js";

/** The application that is listed. */
export const CRM = "https://crm.localhost";

/** The frame of an application's page that shows an agent view; `head` is what else the application has. */
export async function framedAt(
  browser: Browser,
  origin: string,
  view: string,
  head = "",
  options: BrowserContextOptions = {},
): Promise<{ page: Page; frame: FrameLocator }> {
  const context = await browser.newContext(options);
  // The application's page is made up here; a browser asks before such a one reaches servers of this machine.
  await context.grantPermissions(["local-network-access"]);
  const page = await context.newPage();
  const body = `<!doctype html><title>A case</title>${head}<iframe src="${view}" width="1100" height="700"></iframe>`;
  await page.route(`${origin}/`, (route) => route.fulfill({ contentType: "text/html", body }));
  const answered = page.waitForResponse((response) => response.url().includes("/login"));
  await page.goto(`${origin}/`);
  await answered;
  return { page, frame: page.frameLocator("iframe") };
}

/** Fills the login form that the frame shows. */
export async function logInAt(frame: FrameLocator, name: string): Promise<void> {
  await frame.locator("input[name=name]").fill(name);
  await frame.locator("input[type=password]").fill(account(name).password);
  await frame.locator("button").first().click();
}

/** An application's script that counts the views that stopped, as `window.stopped`. */
export const COUNTING = `
  window.stopped = 0;
  GLANCE.Cobrowse.Agent.init(document.querySelector("iframe"));
  GLANCE.Cobrowse.Agent.addEventListener("viewstopped", () => (window.stopped += 1));`;
