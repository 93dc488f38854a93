/**
 * Where WebSockets are blocked: the same session over plain HTTPS, for the visitor and for the agent.
 */

import { expect, launch, Shopper, test, Viewer } from "../support/people.js";
import { withoutUpgrades } from "../support/proxy.js";
import { RawAgent } from "../support/raw-agent.js";

test("through a proxy that refuses upgrades help, view, masks and pointer work by themselves", async () => {
  const proxy = await withoutUpgrades();
  const browser = await launch(proxy.args);
  try {
    const shopper = await Shopper.withSession(browser, "/checkout");
    const key = await shopper.key();
    const viewer = await Viewer.join(browser, "ada", key);
    // An agent elsewhere, whose WebSocket nobody blocks, sees what was really sent.
    const raw = await RawAgent.join("bob", key);
    expect(proxy.refused()).toBeGreaterThanOrEqual(2);
    expect(proxy.passed("/visitor/stream")).toBe(1);

    await shopper.page.fill("#name", "CANARY-SEEN");
    await shopper.page.locator("#card").pressSequentially("CANARY-CARD");
    await expect.poll(() => viewer.value("#name")).toBe("CANARY-SEEN");
    expect(await viewer.value("#card")).not.toContain("CANARY");
    await expect.poll(() => raw.received.text()).toContain("CANARY-SEEN");
    expect(raw.received.text()).not.toContain("CANARY-CARD");

    const stage = await viewer.page.locator("#stage").boundingBox();
    if (!stage) throw new Error("the viewer shows no stage");
    await viewer.page.mouse.move(stage.x + 200, stage.y + 150);
    await viewer.page.mouse.move(stage.x + 220, stage.y + 170, { steps: 4 });
    await expect(shopper.widget).toHaveAttribute("data-pointer", /^\d+,\d+$/);

    // A page change, and the end.
    await shopper.go("/");
    await viewer.expectText("h1", "Quiet things for a small home");
    await shopper.stop();
    await viewer.expectReason("session_ended_visitor");
    expect(proxy.passed("/visitor/frames")).toBeGreaterThan(1);
    expect([...shopper.faults, ...viewer.faults]).toEqual([]);
    raw.close();
  } finally {
    await browser.close();
    proxy.close();
  }
});
