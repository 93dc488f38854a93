/**
 * A page that means harm: nothing of it runs in the agent's browser, and the view goes on.
 */

import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

test("no script of the visitor's page runs in the agent's browser", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/hostile");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.expectText("h1", "A page that means harm");
  const before = viewer.page.url();
  const dialogs: string[] = [];
  viewer.page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });

  // Each way is put in by itself, so that one refused event hides no other.
  const ways = [
    `<img src="/nowhere" onerror="top.harmed=1;parent.harmed=1;alert(1)">`,
    `<svg onload="top.harmed=2"><script>top.harmed=3</script></svg>`,
    `<a id="trap" href="javascript:top.harmed=4">press me</a>`,
    `<iframe srcdoc="<script>top.harmed=5</script>"></iframe>`,
    `<iframe src="javascript:top.harmed=6"></iframe>`,
    `<object data="data:text/html,<script>top.harmed=7</script>"></object>`,
    `<embed src="data:text/html,<script>top.harmed=8</script>">`,
    `<form id="f" action="javascript:top.harmed=9"><button id="submit">send</button></form>`,
    `<meta http-equiv="refresh" content="600;url=https://evil.localhost/">`,
    `<base href="https://evil.localhost/" target="_top">`,
    `<body onload="top.harmed=10"><p>x</p></body>`,
    `<details open ontoggle="top.harmed=11"><summary>x</summary></details>`,
    `<input autofocus onfocus="top.harmed=12">`,
    `<math><mtext><table><mglyph><style><img src=x onerror="top.harmed=13"></style></table></mtext></math>`,
    `<style>@import "https://evil.localhost/x.css"; body { background: url(javascript:top.harmed=14) }</style>`,
    `<link rel="stylesheet" href="https://evil.localhost/y.css">`,
  ];
  for (const way of ways) {
    await shopper.page.evaluate((markup) => {
      const box = document.createElement("div");
      box.innerHTML = markup;
      document.querySelector("#stage-of-harm")?.append(box);
    }, way);
  }
  await shopper.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "top.harmed = 15";
    document.body.append(script);
    document.querySelector("#intro")?.setAttribute("onclick", "top.harmed = 16");
    const mark = document.createElement("p");
    mark.id = "after-harm";
    mark.textContent = "still in step";
    document.body.append(mark);
  });
  await viewer.expectText("#after-harm", "still in step");
  await shoot(viewer.page, "11-hostile-page-in-the-view");

  // What is harmless of it did arrive: this is not an empty view.
  expect(
    await viewer.count("#trap, #submit, #stage-of-harm img, summary, table"),
  ).toBeGreaterThanOrEqual(5);

  const frame = viewer.page.locator("#stage iframe");
  await expect(frame).toHaveAttribute("sandbox", "allow-same-origin");
  const harmed = await viewer.page.evaluate(() => {
    const inner = document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentWindow;
    const read = (where: unknown): unknown => (where as { harmed?: unknown } | null)?.harmed;
    return [read(window), read(inner)];
  });
  expect(harmed.every((value) => value === undefined || value === null)).toBe(true);
  expect(dialogs).toEqual([]);
  expect(viewer.page.url()).toBe(before);
  const markup = (await viewer.markup()) ?? "";
  // By attributes and not by markup: a text may say anything.
  const handlers = await viewer.page.evaluate(() => {
    const mirror = document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentDocument;
    const attributes = [...(mirror?.querySelectorAll("*") ?? [])].flatMap((element) =>
      element.getAttributeNames().map((name) => `${element.localName} ${name}`),
    );
    return { seen: attributes.length, bad: attributes.filter((name) => / on/i.test(name)) };
  });
  expect(handlers.seen).toBeGreaterThan(20);
  expect(handlers.bad).toEqual([]);
  expect(markup).not.toMatch(/=\s*["']?javascript:/i);
  expect(markup).not.toContain("<script");
  expect(markup).not.toContain('http-equiv="refresh"');
  await viewer.expectState("live");
});

test("resources come only from the group's own origins, and without the agent's cookies for them", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/hostile");
  const viewer = await Viewer.fresh(browser);
  const asked: string[] = [];
  const cookies = new Map<string, string>();
  viewer.page.on("request", (request) => {
    asked.push(request.url());
    void request.allHeaders().then((headers) => {
      cookies.set(new URL(request.url()).pathname, headers.cookie ?? "");
    });
  });
  // The agent is a customer of the shop, too, and its cookie is one that goes anywhere.
  const known = { name: "customer", value: "ada", url: stack().shop_url };
  await viewer.page.context().addCookies([{ ...known, sameSite: "None", secure: true }]);
  await viewer.open(await shopper.key());
  await viewer.logIn("ada");
  await viewer.expectState("live");
  await shopper.page.evaluate(() => {
    for (const address of [
      "https://evil.localhost/x.png",
      "http://127.0.0.1:1/x.png",
      "/chair.svg",
    ]) {
      const image = document.createElement("img");
      image.src = address;
      document.body.append(image);
    }
    const mark = document.createElement("p");
    mark.id = "after-images";
    mark.textContent = "done";
    document.body.append(mark);
  });
  await viewer.expectText("#after-images", "done");
  await expect.poll(() => asked.some((url) => url.endsWith("/chair.svg"))).toBe(true);
  await expect.poll(() => cookies.get("/chair.svg")).toBe("");
  const failed = await viewer.page.evaluate(() => {
    const mirror = document.querySelector<HTMLIFrameElement>("#stage iframe")?.contentDocument;
    return [...(mirror?.images ?? [])]
      .filter((image) => /evil|127\.0\.0\.1/.test(image.src))
      .every((image) => image.naturalWidth === 0);
  });
  expect(failed).toBe(true);
  // What is not shown is listed for the agent.
  await expect(viewer.page.locator("body")).toHaveAttribute("data-unshown", /^[1-9]/);
  await viewer.page.click("#unshown");
  await expect(viewer.page.locator("#unshown-list")).toContainText("https://evil.localhost/x.png");
  await shoot(viewer.page, "19-not-shown");
  await viewer.page.keyboard.press("Escape");
  await expect(viewer.page.locator("#unshown-list")).toBeHidden();
});
