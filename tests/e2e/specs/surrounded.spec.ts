/**
 * The web tier's own page around views at session servers of another site: the ordinary way through it, what a page that stops the view
 * comes to, and what others could abuse it for. `firefox-surrounded.spec.ts` has the second in Firefox, for which it is there.
 */

import type { FrameLocator, Page, Request } from "@playwright/test";

import { operate } from "../../support/stack.mjs";
import { framedAt, logInAt } from "../support/application.js";
import { element, endless, page as heavy } from "../support/heavy.js";
import { agentView, expect, Shopper, test, Viewer } from "../support/people.js";
import { fetchRaw } from "../support/raw.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";
import { startElsewhere, viewIn } from "../support/surrounded.js";

test.describe.configure({ mode: "serial" });

let stop: (() => Promise<void>) | undefined;

test.beforeAll(async () => {
  stop = await startElsewhere(2, "always");
});

test.afterAll(async () => {
  await stop?.();
});

const body = (page: Page) => viewIn(page).locator("body");
const isLive = (page: Page) =>
  expect(body(page)).toHaveAttribute("data-state", "live", { timeout: 40_000 });
const mirror = (page: Page): FrameLocator => viewIn(page).frameLocator("#stage iframe");
const serverOf = (page: Page): string =>
  new URL(
    page
      .frames()
      .find((frame) => frame.url().includes("/view/"))
      ?.url() ?? "",
  ).origin;

/** An agent in a window of her own, with the view live in it. */
async function joined(
  viewer: Viewer,
  key: string,
  name = "ada",
): Promise<{ ticket: string; urls: string[] }> {
  const [urls, handed]: [string[], string[]] = [[], []];
  viewer.page.on("request", (request) => {
    urls.push(request.url());
    if (request.method() === "POST" && request.url().endsWith("/join"))
      handed.push(request.postData() ?? "");
  });
  await viewer.open(key);
  await viewer.logIn(name);
  await isLive(viewer.page);
  expect(handed).toHaveLength(1);
  return { ticket: handed[0]?.replace(/^ticket=/, "") ?? "", urls };
}

test("an agent joins, sees, acts, reloads, goes back and forth and follows a move inside the page around the view", async ({
  browser,
}) => {
  test.setTimeout(180_000);
  const shopper = await Shopper.withSession(browser);
  const key = await shopper.key();
  const viewer = await Viewer.fresh(browser);
  const { page } = viewer;
  const { ticket, urls } = await joined(viewer, key);
  expect(ticket).toMatch(/^[A-Za-z0-9_-]{448}$/);
  expect(urls.filter((url) => url.includes(ticket))).toEqual([]);
  expect(await page.content()).not.toContain(ticket);
  await expect(page).toHaveURL(agentView(key));
  await expect(page).toHaveTitle(`${key} – Cobrowse`);
  await expect(mirror(page).locator("h1").first()).toHaveText("Quiet things for a small home");
  const cookies = await viewer.context.cookies(serverOf(page));
  expect(cookies.map(({ name, sameSite }) => [name.slice(0, 9), sameSite])).toEqual([
    ["__Host-j-", "None"],
  ]);

  // Keys reach the viewer without a click into it, and what she does the visitor's page.
  await page.keyboard.press("Alt+2");
  await expect(body(page)).toHaveAttribute("data-tool", "mark");
  await viewIn(page).locator("[data-tool=control]").click();
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  for (const press of ["Tab", "Enter"]) await shopper.page.keyboard.press(press);
  await expect(body(page)).toHaveAttribute("data-control", "active");
  await mirror(page).locator("[data-id=lamp] .add").click({ force: true });
  await expect(shopper.page.locator("#cart-count")).toHaveText("1");

  await page.reload();
  await isLive(page);
  await page.goto(stack().web_url);
  await page.goBack();
  await isLive(page);
  await page.goForward();
  await expect(page.locator("h1")).toHaveText("Cobrowse");
  await page.goBack();
  await isLive(page);

  const home = serverOf(page);
  const server = stack().servers.find((one) => one.url === home);
  if (!server) throw new Error(`no server at ${home}`);
  process.kill(server.pid, "SIGKILL");
  await expect(shopper.widget).toHaveAttribute("data-state", "live", { timeout: 40_000 });
  await expect
    .poll(() => page.frames().filter((frame) => frame.url().startsWith(home)).length, {
      timeout: 60_000,
    })
    .toBe(0);
  await isLive(page);
  expect(serverOf(page)).not.toBe(home);
  expect(new URL(page.url()).origin).toBe(stack().web_url);

  await viewIn(page).locator("#end").click();
  await expect(body(page)).toHaveAttribute("data-reason", "session_ended_agent");
  await expect(shopper.widget).toHaveAttribute("data-reason", "session_ended_agent");
  expect(viewer.faults).toEqual([]);
});

test("a view that a page stops is taken out of the page around it, which has it back with that page held", async ({
  browser,
}) => {
  test.setTimeout(120_000);
  const visitor = await RawVisitor.start();
  visitor.show(heavy(element("p", { id: "first" })));
  // Without the view's own worker, as in Firefox.
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(agentView(visitor.key));
  await page.locator("input[name=name]").fill("ada");
  const { password } = stack().accounts.find(({ name }) => name === "ada") ?? { password: "" };
  await page.locator("input[type=password]").fill(password);
  await page.locator("main button").click();
  await expect(mirror(page).locator("#first")).toHaveCount(1);
  visitor.show(heavy(endless()));
  await expect(page.locator("#stopped")).toBeVisible({ timeout: 60_000 });
  await expect(viewIn(page).locator("#message")).toContainText("stopped the view", {
    timeout: 40_000,
  });
  await expect(body(page)).toHaveAttribute("data-state", "waiting");
  visitor.show(heavy(element("p", { id: "second" })));
  await viewIn(page).locator("#show").click();
  await expect(mirror(page).locator("#second")).toHaveCount(1);
  visitor.end();
});

test("an agent whose right is taken away sees nothing more in the page around the view", async ({
  browser,
}) => {
  const { folder, shop_url } = stack();
  operate(folder, ["group", "add", "cut", "--origin", shop_url]);
  operate(folder, ["agent", "grant", "ada", "cut", "lead"]);
  const visitor = await RawVisitor.start("cut");
  visitor.show(heavy(element("p", { id: "first" })));
  const viewer = await Viewer.fresh(browser);
  await joined(viewer, visitor.key);
  await expect(mirror(viewer.page).locator("#first")).toHaveCount(1);
  operate(folder, ["role", "remove", "cut", "lead"]);
  await expect(body(viewer.page)).toHaveAttribute("data-reason", "revoked");
  await expect(mirror(viewer.page).locator("#first")).toHaveCount(0);
  visitor.end();
});

test("nobody else frames the page or the view, holds its window, sends it a ticket again or talks it into anything", async ({
  browser,
}) => {
  const visitor = await RawVisitor.start();
  visitor.show(heavy(element("p", { id: "first" })));
  const viewer = await Viewer.fresh(browser);
  const { ticket } = await joined(viewer, visitor.key);
  const server = serverOf(viewer.page);

  // A ticket that was handed over is worth nothing, and no other page's form hands one over.
  const send = async (origin: string): Promise<number> => {
    const form = `ticket=${ticket}`;
    const headers = { origin, "sec-fetch-dest": "iframe", "content-length": String(form.length) };
    return (await fetchRaw(`${server}/join`, { method: "POST", headers }, form)).status;
  };
  expect([await send(stack().web_url), await send("https://evil.localhost")]).toEqual([401, 403]);

  // Another site in a window of her browser: it may open the page, and then holds nothing of it.
  const evil = await viewer.context.newPage();
  const content = { contentType: "text/html", body: "<!doctype html><title>Evil</title>" };
  await evil.route("https://evil.localhost/", (route) => route.fulfill(content));
  await viewer.context.grantPermissions(["local-network-access"]);
  await evil.goto("https://evil.localhost/");
  const opening = viewer.context.waitForEvent("page");
  await evil.evaluate(
    (url) => {
      Object.assign(window, { held: window.open(url) });
    },
    `${agentView(visitor.key)}&Alone=1&Again=1&Away=https://evil.localhost`,
  );
  const opened = await opening;
  await isLive(opened);
  expect(await opened.locator("body.around").count()).toBe(1);
  const holds = "[window.held.closed, window.held.length]";
  expect(await evil.evaluate(holds)).toEqual([true, 0]);
  // Words from a window of the page's own, or from the page to itself, are nobody's.
  await opened.evaluate((origin) => {
    const word = { cobrowse: { event: "renew", away: true, url: "https://evil.localhost" } };
    window.postMessage(word, "*");
    window.dispatchEvent(new MessageEvent("message", { data: word, origin }));
  }, server);
  await expect(body(opened)).toHaveAttribute("data-state", "live");
  const view = opened.frames().find((frame) => frame.url().includes("/view/"));
  expect(view?.url()).toContain(server);

  // Neither page stands in a frame of another site, whoever is logged in.
  for (const framed of [agentView(visitor.key), view?.url() ?? ""]) {
    await evil.evaluate((url) => {
      const frame = document.createElement("iframe");
      frame.src = url;
      document.body.replaceChildren(frame);
    }, framed);
    await expect
      .poll(() => evil.frames().at(-1)?.url(), { message: framed })
      .toMatch(/^chrome-error:/);
  }
  visitor.end();
});

test("where no view opens in the frame, the page says so and opens it alone, in that window from then on", async ({
  browser,
}) => {
  const visitor = await RawVisitor.start();
  visitor.show(heavy(element("p", { id: "first" })));
  const viewer = await Viewer.fresh(browser);
  const { page } = viewer;
  const isFrames = (request: Request): boolean => request.frame().parentFrame() !== null;
  await page.route(/\/join$/, (route, request) =>
    isFrames(request) ? route.abort() : route.continue(),
  );
  await viewer.open(visitor.key);
  await viewer.logIn("ada");
  await expect(page.locator("#fails")).toBeVisible();
  expect(page.url()).toContain("&Again=1");
  await page.locator("#alone").click();
  await viewer.expectState("live");
  expect(await viewer.count("#first")).toBe(1);
  await page.goto(agentView(visitor.key));
  await viewer.expectState("live");
  visitor.end();
});

test("an application that a group lists frames the view as ever, without our page between", async ({
  browser,
}) => {
  const crm = "https://crm.localhost";
  const visitor = await RawVisitor.start("support");
  visitor.show(heavy(element("p", { id: "first" })));
  const { page, frame } = await framedAt(browser, crm, agentView(visitor.key));
  await logInAt(frame, "mia");
  await expect(frame.locator("body")).toHaveAttribute("data-state", "live");
  expect(page.frames().some((one) => one.url().includes("AgentView"))).toBe(false);
  visitor.end();
});
