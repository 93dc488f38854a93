/**
 * How the scripts reach a page: by a pinned release with hashes, from a copy of the site's own, on a staging site, and under
 * the policies that customers are told to set.
 */

import type { Page } from "@playwright/test";

import { clickOn } from "../support/hands.js";
import { expect, Shopper, test, Viewer } from "../support/people.js";
import { fetchRaw } from "../support/raw.js";
import { RawAgent } from "../support/raw-agent.js";
import { stack } from "../support/stack.js";

/** Scripts of the service that the page has fetched, by their addresses. */
function scriptsOf(page: Page): string[] {
  const fetched: string[] = [];
  page.on("response", (response) => {
    const { pathname, origin } = new URL(response.url());
    if (/\/(loader|visitor|ways|assist|presence|words\/\w+)\.js$/.test(pathname) && response.ok())
      fetched.push(origin + pathname);
  });
  return fetched;
}

const read = async (path: string): Promise<string> =>
  (await fetchRaw(`${stack().web_url}/cobrowse/${path}`)).body;

/** What a page adds to its policy that demands Trusted Types. */
const TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types glance-cobrowse";

test("a pinned release with its hash, a copy of the site's own, and a staging site", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/order");
  const fetched = scriptsOf(shopper.page);
  const { version, hashes } = JSON.parse(await read("integrity.json")) as {
    version: string;
    hashes: Record<string, string>;
  };
  const pinned = `${stack().web_url}/cobrowse/v/${version}/`;
  const groups = 'data-groupid="demo" data-language="de"';
  const integrity = `integrity="${hashes["loader.js"] ?? ""}" crossorigin="anonymous"`;
  await shopper.goTagged(
    "/cart",
    `<script id="glance-cobrowse" src="${pinned}loader.js" ${integrity} ${groups} defer>`,
    TRUSTED_TYPES,
  );
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const key = await shopper.key();
  const viewer = await Viewer.join(browser, "ada", key);
  await expect.poll(() => fetched).toContain(`${pinned}assist.js`);
  const taken = ["loader", "visitor", "ways", "words/de", "assist"].map(
    (name) => `${pinned}${name}.js`,
  );
  expect(new Set(fetched)).toEqual(new Set(taken));
  expect(shopper.faults).toEqual([]);

  // A page that has the scripts on its own origin goes on with the session.
  fetched.length = 0;
  const copy = `${stack().shop_url}/static/cobrowse/`;
  await shopper.page.route(`${copy}**`, async (route) => {
    const body = await read(route.request().url().slice(copy.length));
    await route.fulfill({ body, contentType: "text/javascript" });
  });
  const server = `data-server="${stack().web_url}"`;
  await shopper.goTagged(
    "/product",
    `<script id="glance-cobrowse" src="/static/cobrowse/loader.js" ${server} ${groups} defer>`,
  );
  await shopper.expectState("live");
  expect(await shopper.key()).toBe(key);
  await viewer.expectText("h1", "Harbour lamp");
  await expect.poll(() => fetched).toContain(`${copy}visitor.js`);
  expect(fetched.filter((url) => !url.startsWith(copy))).toEqual([]);

  // What is staged runs in a group of its own: the session does not go on there, and only who has a role in it gets in.
  const loader = `src="${stack().web_url}/cobrowse/loader.js"`;
  await shopper.goTagged(
    "/checkout",
    `<script id="glance-cobrowse" ${loader} data-site="staging" ${groups} defer>`,
  );
  await shopper.page.waitForFunction(() => "GLANCE" in window);
  await expect(shopper.widget).toHaveCount(0);
  const sessionKey = `staged-${String(Date.now())}`;
  await shopper.start({ sessionKey });
  await shopper.expectState("live");
  type Api = { Cobrowse: { Visitor: { getStatus(): { group: string } } } };
  const named = (): string =>
    (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse.Visitor.getStatus().group;
  expect(await shopper.page.evaluate(named)).toBe("demo");
  await expect(RawAgent.join("bob", sessionKey)).rejects.toThrow(/404/);
  const staged = await RawAgent.join("ada", sessionKey);
  await expect.poll(() => staged.received.text()).toContain('"group":"demo~staging"');
  staged.close();
});

test("a session goes on and is controlled without the parts that deflate and complete the mirror, unproven, and the page's console says which", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  const said: string[] = [];
  shopper.page.on("console", (message) => said.push(message.text()));
  for (const part of ["deflate", "mirror"])
    await shopper.page.route(`**/cobrowse/${part}.js`, (route) => route.abort());
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.page.click("[data-id=lamp] .add");
  await viewer.expectText("#cart-count", "1");
  await expect(viewer.page.locator("body")).not.toHaveAttribute("data-verified", "true");
  // Whoever has seen all that was sent means what is there.
  await viewer.page.click("[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  for (const key of ["Tab", "Enter"]) await shopper.page.keyboard.press(key);
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await clickOn(viewer, "[data-id=lamp] .add");
  await viewer.expectText("#cart-count", "2");
  for (const part of ["deflate", "mirror"])
    await expect.poll(() => said.join()).toContain(`${part}.js did not load`);
});

test("a page is shown while the part that completes the mirror hangs, and is whole and proven once that comes", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser);
  let arrive: () => void = () => undefined;
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  await shopper.page.route("**/cobrowse/mirror.js", async (route) => {
    await arrival;
    await route.continue();
  });
  await shopper.page.evaluate(() => {
    const tip = document.body.appendChild(document.createElement("p"));
    Object.assign(tip, { id: "tip", popover: "manual", textContent: "a tip" });
    tip.showPopover();
  });
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.expectText("#tip", "a tip");
  expect(await viewer.count("#tip:popover-open")).toBe(0);
  const { epoch } = await shopper.position();
  arrive();
  await expect.poll(() => viewer.count("#tip:popover-open")).toBe(1);
  await expect(viewer.page.locator("body")).toHaveAttribute("data-verified", "true");
  expect((await shopper.position()).epoch).toBeGreaterThan(epoch);
});

test("a page that tells everybody its address tells it neither to the web tier nor to a session server", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/support");
  const ours = [stack().web_url, ...stack().servers.map(({ url }) => url)];
  const told: Promise<[string, string]>[] = [];
  shopper.page.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    if (!ours.includes(origin)) return;
    const name = pathname.replace(/.*\//, "");
    told.push(request.allHeaders().then((headers) => [name, headers["referer"] ?? ""]));
  });
  const { version, hashes } = JSON.parse(await read("integrity.json")) as {
    version: string;
    hashes: Record<string, string>;
  };
  const groups = 'data-groupid="demo" data-language="de" data-presence="on" data-visitorid="v"';
  const pinned =
    `src="${stack().web_url}/cobrowse/v/${version}/loader.js" ` +
    `integrity="${hashes["loader.js"] ?? ""}" crossorigin="anonymous"`;
  const plain = `src="${stack().web_url}/cobrowse/loader.js"`;
  for (const [source, path] of [
    [plain, "/cart?private=1"],
    [pinned, "/cart?private=2"],
  ] as const) {
    told.length = 0;
    const tag = `<script id="glance-cobrowse" ${source} ${groups} defer>`;
    await shopper.goTagged(path, tag, "", { "referrer-policy": "unsafe-url" });
    await shopper.start({});
    await shopper.expectState("live");
    const viewer = await Viewer.join(browser, "ada", await shopper.key());
    const names = async (): Promise<string[]> => (await Promise.all(told)).map(([name]) => name);
    for (const name of ["visitor", "mirror", "deflate", "ways", "assist", "presence", "de"])
      await expect.poll(names).toContain(`${name}.js`);
    await expect.poll(names).toContain("sessions");
    // The tag is the page's own: what it says shows that the policy is in force.
    const all = await Promise.all(told);
    expect(all.find(([name]) => name === "loader.js")?.[1]).toContain(path);
    expect(all.filter(([name, from]) => name !== "loader.js" && from.includes("cart"))).toEqual([]);
    await shopper.stop();
    await viewer.expectState("ended");
  }
});

test("a tag with another release's hash takes nothing", async ({ browser }) => {
  const shopper = await Shopper.open(browser, "/order");
  const load = (src: string, integrity: string): Promise<string> =>
    shopper.page.evaluate(
      ([from, wanted]) =>
        new Promise<string>((resolve) => {
          const tag = Object.assign(document.createElement("script"), {
            src: from,
            integrity: wanted,
            crossOrigin: "anonymous",
            onload: () => resolve("loaded"),
            onerror: () => resolve("refused"),
          });
          document.head.append(tag);
        }),
      [src, integrity] as const,
    );
  const { hashes } = JSON.parse(await read("integrity.json")) as { hashes: Record<string, string> };
  const loader = `${stack().web_url}/cobrowse/loader.js`;
  expect(await load(loader, hashes["loader.js"] ?? "")).toBe("loaded");
  expect(await load(loader, `sha384-${"A".repeat(64)}`)).toBe("refused");
  expect(await load(`${stack().web_url}/cobrowse/v/0.0.0/loader.js`, "")).toBe("refused");
});

test("under the policies that customers are told to set, in both forms, a session starts, is watched and controlled", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/policy");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.page.click("[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  for (const key of ["Tab", "Enter"]) await shopper.page.keyboard.press(key);
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await shopper.page.check("#box");
  await shopper.page.click("#short");
  await viewer.expectText("h1", "Under a policy");
  await expect(viewer.page.locator("#url")).toContainText("/policy-short");
  await shopper.expectState("live");
  // On a page that demands Trusted Types, too.
  await shopper.goTagged("/product", shopper.tag('data-groupid="demo"'), TRUSTED_TYPES);
  await shopper.expectState("live");
  await viewer.expectText("h1", "Harbour lamp");
  expect(shopper.faults).toEqual([]);
});
