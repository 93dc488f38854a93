/**
 * What axe finds on everything that visitors and agents see of the service: nothing serious.
 *
 * `cargo xtask accessibility --json FILE` runs this file and reads its report. The widget's shadow root is closed; here it
 * is opened, so that axe can look into it.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";

import { expect, Shopper, test, Viewer } from "../support/people.js";
import { stack } from "../support/stack.js";

interface Finding {
  readonly page: string;
  readonly rule: string;
  readonly impact: string;
  readonly where: string[];
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds within these elements, or on the whole page. */
async function findings(page: Page, name: string, within: string[] = []): Promise<Finding[]> {
  // The mirrored page is the visitor's, not ours, and runs no script.
  await page.evaluate(axe);
  const found = await page.evaluate((include) => {
    type Violation = { id: string; impact: string; nodes: { target: unknown[] }[] };
    type Axe = { run(context: object, options: object): Promise<{ violations: Violation[] }> };
    const context = { ...(include.length > 0 ? { include } : {}), exclude: ["#stage iframe"] };
    return (window as unknown as { axe: Axe }).axe.run(context, { iframes: false });
  }, within);
  return found.violations.map(({ id, impact, nodes }) => ({
    page: name,
    rule: id,
    impact,
    where: nodes.map((node) => node.target.join(" ")),
  }));
}

/** Opens shadow roots that would be closed, before anything else runs. */
async function openRoots(shopper: Shopper): Promise<void> {
  await shopper.page.addInitScript(() => {
    const { attachShadow } = Element.prototype;
    Element.prototype.attachShadow = function open(init) {
      return attachShadow.call(this, { ...init, mode: "open" });
    };
  });
  await shopper.page.reload();
  await shopper.page.waitForFunction(() => "GLANCE" in window);
}

test("axe finds nothing serious on the visitor's controls, the viewer and the agent's pages", async ({
  browser,
}) => {
  test.slow();
  const all: Finding[] = [];
  const pages: string[] = [];
  const look = async (page: Page, name: string, within: string[] = []): Promise<void> => {
    pages.push(name);
    all.push(...(await findings(page, name, within)));
  };
  const widget = ["glance-cobrowse-widget"];

  const shopper = await Shopper.open(browser, "/support");
  await openRoots(shopper);
  await shopper.page.keyboard.press("Control+Enter");
  await expect(shopper.widget).toHaveAttribute("data-state", "button");
  await look(shopper.page, "visitor: help button", widget);
  await shopper.page.click("[data-glancebutton=showTerms]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "terms");
  await look(shopper.page, "visitor: terms", widget);
  await shopper.page.keyboard.press("Escape");
  await expect(shopper.widget).toHaveAttribute("data-error", "declined");
  await look(shopper.page, "visitor: a start that failed", widget);

  // What it looks for it would find, also inside the widget.
  await shopper.page.evaluate(() => {
    const host = document.querySelector("glance-cobrowse-widget");
    host?.shadowRoot?.append(document.createElement("button"));
  });
  const planted = await findings(shopper.page, "planted", widget);
  expect(planted.map(({ rule }) => rule)).toContain("button-name");

  await shopper.go("/custom");
  await shopper.page.click("#help");
  await shopper.expectState("live");
  const key = await shopper.key();
  await look(shopper.page, "visitor: code", widget);

  const viewer = await Viewer.fresh(browser);
  await viewer.page.goto(`${stack().web_url}/`);
  await look(viewer.page, "agent: login");
  await viewer.logIn("ada");
  await expect(viewer.page.locator("body")).toContainText(key);
  await look(viewer.page, "agent: home");
  await viewer.page.goto(`${stack().web_url}/account`);
  await look(viewer.page, "agent: account");
  await viewer.open("no-such-key");
  await look(viewer.page, "agent: no such session");
  await viewer.page.goto(`${stack().web_url}/cobrowse/AgentView?SessionKey=later&Wait=1`);
  await look(viewer.page, "agent: waiting");
  await viewer.open(key);
  await viewer.expectState("live");
  await look(viewer.page, "viewer: live");
  await viewer.page.click("button[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  await look(shopper.page, "visitor: asked for control", widget);
  await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await look(shopper.page, "visitor: controlled", widget);
  await look(viewer.page, "viewer: in control");
  await shopper.stop();
  await viewer.expectState("ended");
  await look(viewer.page, "viewer: ended");
  await viewer.page.reload();
  await expect(viewer.page.locator("body.notice")).toContainText("ended");
  await look(viewer.page, "agent: view of a session that has ended");

  const serious = all.filter(({ impact }) => impact === "serious" || impact === "critical");
  const report = { pages: pages.length, serious: serious.length, looked_at: pages, findings: all };
  const file = process.env["COBROWSE_ACCESSIBILITY_JSON"];
  if (file) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  expect(serious).toEqual([]);
});
