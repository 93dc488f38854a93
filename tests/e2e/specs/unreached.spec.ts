/**
 * Pictures of styles that an agent's browser cannot get: marked where they would be and listed, nothing is asked of sites that the
 * group does not name, and what comes back is shown.
 */

import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

const DRAWING = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="teal"/></svg>`;
const PICTURE = { contentType: "image/svg+xml", body: DRAWING };

test("a background that agents cannot get is marked and listed, and shown once its site is back", async ({
  browser,
}) => {
  const shopper = await Shopper.open(browser, "/hostile");
  await shopper.page.route("**/lost/*.svg", (route) => route.fulfill(PICTURE));
  await shopper.page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`#lost, #other { width: 320px; height: 60px; background: url(/lost/back.svg) }
      #other { background: url(https://evil.localhost/back.svg) } #held { background: url(javascript:top.harmed=1) }`);
    document.adoptedStyleSheets = [sheet];
    document.body.insertAdjacentHTML(
      "afterbegin",
      `<p id="lost">lost</p><p id="other">other</p><p id="held">held</p>`,
    );
  });
  await shopper.page.click("#help");
  await shopper.expectState("live");

  const viewer = await Viewer.fresh(browser);
  let isAway = true;
  const strangers: string[] = [];
  await viewer.context.route("https://evil.localhost/**", (route) => {
    strangers.push(route.request().url());
    return route.fulfill(PICTURE);
  });
  await viewer.context.route(`${stack().shop_url}/lost/**`, (route) =>
    isAway ? route.fulfill({ status: 403, body: "log in" }) : route.fulfill(PICTURE),
  );
  await viewer.open(await shopper.key());
  await viewer.logIn("ada");
  await viewer.expectState("live");

  const marked = (selector: string) => expect.poll(() => viewer.styleOf(selector, "outline-style"));
  for (const selector of ["#lost", "#other", "#held"]) await marked(selector).toBe("dashed");
  expect(await viewer.styleOf("#lost", "background-image")).toContain("not%20reachable");
  await viewer.page.click("#unshown");
  const list = viewer.page.locator("#unshown-list");
  for (const url of [`${stack().shop_url}/lost/back.svg`, "https://evil.localhost/back.svg"])
    await expect(list).toContainText(`Picture not reachable from here, 320 × 60 ${url}`);
  await shoot(viewer.page, "unreached");

  // The visitor's page chooses another picture: the mark goes by itself.
  await shopper.page.evaluate(() => {
    document.getElementById("other")!.style.background = "teal";
  });
  await marked("#other").toBe("none");
  await expect(list).not.toContainText("evil.localhost");
  expect(await viewer.styleOf("#other", "background-color")).toBe("rgb(0, 128, 128)");

  isAway = false;
  await marked("#lost").toBe("none");
  await expect(list).not.toContainText("/lost/back.svg");
  expect(await viewer.styleOf("#lost", "background-image")).toContain("/lost/back.svg");
  await viewer.expectText("#lost", "lost");
  expect(strangers).toEqual([]);
  expect(await viewer.page.evaluate(() => "harmed" in window)).toBe(false);
});
