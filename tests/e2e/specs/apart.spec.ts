/**
 * A stack of another kind: the web tier shares no domain with the session server, and the group follows its visitors' protocol.
 *
 * Tickets travel in a form's body there, and pages that came over plain HTTP are shown over plain HTTP.
 */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { operate } from "../../support/stack.mjs";
import { startStack } from "../support/global-setup.js";
import { expect, Shopper, test, Viewer } from "../support/people.js";
import { stack, STACK_VARIABLE } from "../support/stack.js";

test.describe.configure({ mode: "serial" });

let stop: (() => Promise<void>) | undefined;
let plainShop: Server;

test.beforeAll(async () => {
  // Before the browser starts, which takes the certificates from it.
  const started = await startStack(["--apart", "--servers", "1"]);
  process.env[STACK_VARIABLE] = started.line;
  stop = started.stop;
  plainShop = createServer((request, response) => {
    const isPicture = request.url === "/picture.svg";
    response.setHeader("Content-Type", isPicture ? "image/svg+xml" : "text/html");
    response.end(isPicture ? PICTURE : page());
  });
  await new Promise<void>((resolve) => plainShop.listen(0, "127.0.0.1", resolve));
});

test.afterAll(async () => {
  plainShop.close();
  await stop?.();
});

test("where no cookie reaches the session server, the ticket travels in a form's body and in no address", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.fresh(browser);
  const asked: { method: string; url: string; body: string }[] = [];
  viewer.page.on("request", (request) =>
    asked.push({ method: request.method(), url: request.url(), body: request.postData() ?? "" }),
  );
  await viewer.open(await shopper.key());
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await viewer.expectText("h1", "Quiet things for a small home");
  const server = stack().servers[0]?.url ?? "";
  await expect(viewer.page).toHaveURL(new RegExp(`^${server}/view/[0-9a-f]{16}$`));
  const handed = asked.filter(({ method, url }) => method === "POST" && url === `${server}/join`);
  expect(handed.map(({ body }) => /^ticket=[A-Za-z0-9_-]{448}$/.test(body))).toEqual([true]);
  const ticket = handed[0]?.body.slice("ticket=".length) ?? "";
  expect(asked.filter(({ url }) => url.includes(ticket))).toEqual([]);
  const cookies = await viewer.context.cookies([server, `${server}/join`, stack().web_url]);
  expect(
    cookies.filter(({ name, value }) => name.includes("ticket") || value.includes(ticket)),
  ).toEqual([]);
  expect(viewer.faults).toEqual([]);
});

test("an agent's view follows the visitor to a page over plain HTTP, and back", async ({
  browser,
}) => {
  const { folder, shop_url, servers } = stack();
  const plain = `http://shop.localhost:${String((plainShop.address() as AddressInfo).port)}`;
  const origins = ["--origin", shop_url, "--origin", plain];
  operate(folder, ["group", "set", "demo", "--follows-protocol", "true", ...origins]);
  const context = await browser.newContext();
  const visitor = await context.newPage();
  await visitor.goto(plain);
  await visitor.click("#help");
  const widget = visitor.locator("glance-cobrowse-widget");
  await expect(widget).toHaveAttribute("data-state", "live");
  expect((await context.cookies()).map(({ name }) => name)).not.toContain("glance_cobrowse");

  const viewer = await Viewer.join(browser, "bob", (await widget.getAttribute("data-key")) ?? "");
  const server = new URL(servers[0]?.url ?? "");
  await expect(viewer.page).toHaveURL(new RegExp(`^http://plain\\.${server.host}/view/`));
  await viewer.expectState("live");
  await viewer.expectText("h1", "A shop over plain HTTP");
  await expect(viewer.page.locator("#security")).toHaveText("Not secure");
  // The picture exists over HTTP only: no policy and no browser lets a view over HTTPS load it.
  const width = (): Promise<number> =>
    viewer.page.evaluate(() => {
      const mirror = document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentDocument;
      return mirror?.querySelector("img")?.naturalWidth ?? 0;
    });
  await expect.poll(width).toBe(20);
  // There it may only look.
  await expect(viewer.page.locator('button[data-tool="point"]')).toBeHidden();

  await visitor.click("#on");
  await expect(visitor).toHaveURL(new RegExp(`^${shop_url}`));
  await expect(viewer.page).toHaveURL(new RegExp(`^${server.origin}/view/`));
  await viewer.expectState("live");
  await viewer.expectText("h1", "Quiet things for a small home");
  await expect(viewer.page.locator("#security")).toHaveText("Secure");
  await expect(viewer.page.locator('button[data-tool="point"]')).toBeVisible();
});

const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20"/></svg>';

function page(): string {
  const { web_url, shop_url } = stack();
  return `<!doctype html><title>Plain</title>
    <script id="glance-cobrowse" src="${web_url}/cobrowse/loader.js" data-groupid="demo" defer></script>
    <h1>A shop over plain HTTP</h1><img src="/picture.svg" alt="">
    <button id="help" data-glance-cobrowse-start>Get help</button> <a id="on" href="${shop_url}/">On</a>`;
}
