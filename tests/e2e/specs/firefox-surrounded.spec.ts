/**
 * A page that stops the view, in Firefox, for an agent who uses the portal alone: the web tier's own page stands around the view, where
 * nothing is set.
 *
 * It needs a Firefox, so the suite runs it when it is asked to: `npm run test:firefox`.
 */

import { Firefox } from "../support/firefox.js";
import { goesOn, logIn, shows, stateOf } from "../support/firefox-view.js";
import { element, endless, page } from "../support/heavy.js";
import { agentView, expect, test } from "../support/people.js";
import { RawVisitor } from "../support/raw-visitor.js";
import { stack } from "../support/stack.js";
import { startElsewhere } from "../support/surrounded.js";

test("in Firefox the web tier's page takes a view away that a page stops, and has it back", async () => {
  test.setTimeout(240_000);
  await viewed(undefined, async (firefox, visitor) => {
    /** Whatever hangs in the frame or is on its way there. */
    const inside = async (): Promise<unknown> => {
      await firefox.enter("page").catch(() => undefined);
      await firefox.enter("frame").catch(() => undefined);
      return stateOf(firefox);
    };
    await expect.poll(inside).toBe("live");
    await expect.poll(() => shows(firefox, "#first")).toBe(true);

    await firefox.enter("page");
    expect(await firefox.run("return location.href")).toBe(agentView(visitor.key));
    visitor.show(page(endless()));
    // The page around it answers all the time, or this would not be told.
    const isStopped = "return !document.querySelector('#stopped').hidden";
    await expect.poll(() => firefox.run(isStopped), { timeout: 60_000 }).toBe(true);
    expect(await firefox.run("return document.querySelectorAll('iframe').length")).toBe(0);
    await expect.poll(inside, { timeout: 60_000 }).toBe("waiting");
    await goesOn(firefox, visitor);
    expect(stack().servers[0]?.url).toContain("cobrowse-views.localhost");
  });
});

test("in Firefox a view stands alone where the setting says never", async () => {
  test.setTimeout(120_000);
  await viewed("never", async (firefox) => {
    await expect.poll(() => stateOf(firefox)).toBe("live");
    expect(await firefox.run("return location.origin")).toBe(stack().servers[0]?.url);
  });
});

/** Ada, logged in, at the view of a visitor whose session servers are of another site; `surrounds` is what the web tier is told. */
async function viewed(
  surrounds: "never" | undefined,
  look: (firefox: Firefox, visitor: RawVisitor) => Promise<void>,
): Promise<void> {
  const stop = await startElsewhere(1, surrounds);
  const firefox = await Firefox.start();
  const visitor = await RawVisitor.start();
  try {
    visitor.show(page(element("p", { id: "first" })));
    await firefox.goto(agentView(visitor.key));
    await logIn(firefox, "ada");
    await look(firefox, visitor);
  } finally {
    await firefox.close();
    visitor.end();
    await stop();
  }
}
