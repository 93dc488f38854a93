/**
 * A page made to be too much for a browser: it stops the view that shows it, and no other. That view is taken away by the worker that
 * watches over it; the next view of the session holds the page back, and goes on when it is asked to. Where no worker is, an application
 * around it does the same: that stands beside it here, since both take their time. `firefox.spec.ts` has it in Firefox.
 */

import { COUNTING, CRM, framedAt, logInAt } from "../support/application.js";
import { element, endless, page } from "../support/heavy.js";
import { agentView, expect, test, Viewer } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";

test("a view that a page stops is taken away by itself; the next one holds the page back, and answers", async ({
  browser,
}) => {
  test.setTimeout(120_000);
  const visitor = await RawVisitor.start("support");
  const viewer = await Viewer.fresh(browser);
  visitor.show(page(element("p", { id: "first" })));
  await viewer.open(visitor.key);
  await viewer.logIn("mia");
  await viewer.expectState("live");
  await expect.poll(() => viewer.count("#first")).toBe(1);
  // The worker watches over a view once it has taken it over.
  await viewer.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const script = `<script src="${stack().web_url}/cobrowse/agent.js"></script>`;
  const without = { serviceWorkers: "block" as const };
  const desk = await framedAt(browser, CRM, agentView(visitor.key), script, without);
  await desk.page.evaluate(COUNTING);
  await logInAt(desk.frame, "mia");
  await expect(desk.frame.locator("body")).toHaveAttribute("data-state", "live");
  visitor.show(page(endless()));

  await expect.poll(() => viewer.page.url(), { timeout: 60_000 }).toMatch(/\/stopped$/);
  // Another window of the session knows of it, too.
  const next = await viewer.besides();
  await next.open(visitor.key);
  await expect(next.page.locator("#message")).toContainText("stopped the view");
  await expect(next.page.locator("#show")).toBeVisible();
  await next.expectState("waiting");
  // The application has gone on meanwhile, and has its frame back.
  await expect.poll(() => desk.page.evaluate("window.stopped"), { timeout: 60_000 }).toBe(1);
  await expect(desk.frame.locator("#message")).toContainText("stopped the view");
  await expect(desk.frame.locator("body")).toHaveAttribute("data-state", "waiting");

  await viewer.page.click("#again");
  await expect(viewer.page.locator("#message")).toContainText("stopped the view");
  await viewer.expectState("waiting");
  expect(viewer.page.url()).not.toContain("#");
  // The visitor goes on to a page like any other: nothing is shown before the agent asks.
  visitor.show(page(element("p", { id: "second" })));
  await expect(viewer.page.locator("#show")).toBeVisible();
  await viewer.page.click("#show");
  await expect.poll(() => viewer.count("#second")).toBe(1);
  await viewer.expectState("live");
  await expect(viewer.page.locator("#show")).toBeHidden();
  visitor.end();
});
