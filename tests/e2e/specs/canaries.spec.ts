/**
 * A whole session of real browsers leaves nothing of itself in any file: content, what is masked, passwords, cookies, tickets, secrets
 * of either side. The session's key and number stand in the web tier's store, which finds sessions by them, and in no log.
 *
 * Reads every file of the stack: configurations, logs, stores. Its control are the store and the logs themselves.
 */

import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import type { Page } from "@playwright/test";

import { expect, Shopper, test, Viewer } from "../support/people.js";
import { account, stack } from "../support/stack.js";

const KEY = `key-${randomUUID()}`;
const SEEN = `seen-${randomUUID()}`;
const MASKED = `masked-${randomUUID()}`;
const TITLE = `title-${randomUUID()}`;

/** Whoever is shorter is found by chance. */
const SECRET_CHARS_MIN = 16;

/** Notes the values of all cookies that a page is given, those that only one request carries among them. */
function noteCookies(page: Page, into: Set<string>): void {
  page.on("response", (response) => {
    void response
      .headersArray()
      .then((headers) => {
        for (const { name, value } of headers) {
          if (name.toLowerCase() !== "set-cookie") continue;
          into.add(value.split(";")[0]?.replace(/^[^=]*=/, "") ?? "");
        }
      })
      // A page that is closed meanwhile.
      .catch(() => undefined);
  });
}

/** Every file under a folder. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("no file of the servers holds anything of a session of real browsers", async ({ browser }) => {
  const secrets = new Set<string>([account("ada").password]);
  const shopper = await Shopper.open(browser, "/checkout");
  const started = shopper.page.waitForResponse(
    (response) =>
      response.url().endsWith("/api/v1/sessions") && response.request().method() === "POST",
  );
  await shopper.start({ sessionKey: KEY });
  const start = (await (await started).json()) as Record<"session" | "ticket" | "resume", string>;
  secrets.add(start.ticket).add(start.resume);
  await shopper.expectState("live");

  const viewer = await Viewer.fresh(browser);
  noteCookies(viewer.page, secrets);
  await viewer.open(KEY);
  await viewer.logIn("ada");
  await viewer.expectState("live");
  const csrf = await viewer.page.locator('meta[name="cobrowse-csrf"]').getAttribute("content");
  secrets.add(csrf ?? "");
  for (const { value } of await viewer.context.cookies()) secrets.add(value);

  await shopper.page.fill("#name", SEEN);
  await shopper.page.locator("#card").pressSequentially(MASKED);
  await shopper.page.evaluate((title) => (document.title = title), TITLE);
  await expect.poll(() => viewer.value("#name")).toBe(SEEN);
  await viewer.page.mouse.move(600, 400);
  // A page later everything is told again, and the session's secret used.
  await shopper.go("/cart");
  await viewer.expectText("h1", /.+/);
  await viewer.page.reload();
  await viewer.expectState("live");
  await shopper.stop();
  await viewer.expectState("ended");
  await viewer.context.close();

  const given = [...secrets].filter((text) => text.length >= SECRET_CHARS_MIN);
  // Ticket, resume secret, password, CSRF value, and at least the cookies of login, form, browser, ticket and join.
  expect(given.length).toBeGreaterThanOrEqual(9);
  const number = start.session.split(":").at(-1) ?? "";
  const named = [KEY, start.session, number];
  const read = (): { file: string; text: string }[] =>
    filesOf(stack().folder).map((file) => ({ file, text: readFileSync(file, "latin1") }));
  const isStore = (file: string): boolean => file.split(sep).some((part) => part === "store");
  // The control: where the session may stand it does, and the logs tell of it by its short form.
  const short = `demo/${number.slice(0, 6)}`;
  await expect
    .poll(() => read().some(({ file, text }) => isStore(file) && text.includes(KEY)))
    .toBe(true);
  await expect
    .poll(() => read().filter(({ file, text }) => !isStore(file) && text.includes(short)).length)
    .toBeGreaterThanOrEqual(2);
  const found: string[] = [];
  for (const { file, text } of read()) {
    const canaries = [SEEN, MASKED, TITLE, ...given, ...(isStore(file) ? [] : named)];
    found.push(...canaries.filter((one) => text.includes(one)).map((one) => `${one} in ${file}`));
  }
  expect(found).toEqual([]);
});
