/**
 * What the visitor sees of a session: apart from the page's styles, in the group's look and in the visitor's language.
 */

import { ownGroup } from "../support/admin.js";
import { expect, Shopper, test } from "../support/people.js";

/** What the box looks like and says. Its root is closed; here it was opened before anything else ran. */
const look = (shopper: Shopper) =>
  shopper.widget.evaluate((host) => {
    const box = host.shadowRoot?.querySelector<HTMLElement>(".box");
    if (!box) throw new Error("no box");
    const { left, top, width, height } = box.getBoundingClientRect();
    const { display, visibility, fontSize, color } = getComputedStyle(box);
    const labels = [...box.querySelectorAll("button")].map((button) => button.ariaLabel);
    return {
      ...{ left, top, isLarge: width > 150 && height > 40, labels },
      style: { display, visibility, fontSize, color },
      host: getComputedStyle(host).display,
      text: box.querySelector(".code")?.textContent ?? "",
      accent: host.style.getPropertyValue("--accent"),
    };
  });

test("the page's styles do not reach the visitor's controls; the group's look and the visitor's language do", async ({
  browser,
}) => {
  const theme = ["--accent", "#0a5c36", "--place", "top-left"];
  const group = ownGroup("e2e-look", ...theme);
  const shopper = await Shopper.open(browser, "/support");
  await shopper.page.addInitScript(() => {
    const { attachShadow } = Element.prototype;
    Element.prototype.attachShadow = function open(init) {
      return attachShadow.call(this, { ...init, mode: "open" });
    };
    addEventListener("DOMContentLoaded", () => {
      const sheet = new CSSStyleSheet();
      const hide =
        "display: none; visibility: hidden; font-size: 1px; color: red; position: static";
      const all = "glance-cobrowse-widget, glance-cobrowse-widget *, body *";
      sheet.replaceSync(`${all} { ${hide.replaceAll(";", " !important;")} !important }`);
      document.adoptedStyleSheets = [sheet];
    });
  });
  await shopper.goTagged("/order", shopper.tag(`data-groupid="${group}" data-language="fr"`));
  await shopper.start({});
  await shopper.expectState("live");
  await expect(shopper.widget).toHaveAttribute("data-place", "top_left");
  await expect.poll(async () => (await look(shopper)).text).toMatch(/^Votre code\s?: \d+$/);
  const seen = await look(shopper);
  expect(seen).toMatchObject({ host: "block", isLarge: true, accent: "#0a5c36" });
  expect(seen.style).toEqual({
    ...{ display: "flex", visibility: "visible", fontSize: "14px", color: "rgb(31, 41, 55)" },
  });
  expect(Math.max(seen.left, seen.top)).toBeLessThan(50);
  expect(seen.labels).toContain("Suspendre le partage");

  // A language that there is not is English; without one the page's counts.
  for (const [language, code] of [
    ['data-language="xx"', /^Your code: \d+$/],
    ["", /^Ihr Code: \d+$/],
  ] as const) {
    if (language === "")
      await shopper.page.addInitScript(() =>
        addEventListener("readystatechange", () => (document.documentElement.lang = "de-AT"), {
          capture: true,
          once: true,
        }),
      );
    await shopper.page.unrouteAll();
    await shopper.goTagged("/order", shopper.tag(`data-groupid="${group}" ${language}`));
    await shopper.expectState("live");
    await expect.poll(async () => (await look(shopper)).text).toMatch(code);
  }
});
