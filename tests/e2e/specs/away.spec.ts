/**
 * A minute and more without a network that anybody would be told of, of either side or of both; a tab that is frozen as long, and
 * browsers of both sides that sleep. All wait beside one another. What becomes of connections that are cut stands in `continuity.spec.ts`.
 */

import { ownGroup } from "../support/admin.js";
import { Sleeper } from "../support/asleep.js";
import { Gate } from "../support/gate.js";
import { Pair } from "../support/pair.js";
import { expect, launch, test } from "../support/people.js";
import { stack } from "../support/stack.js";

/** Longer than it takes a server to give up who does not answer, and than a session waits by default; `npm run test:long`: ten minutes. */
const AWAY_MS = Number(process.env["COBROWSE_AWAY_S"] ?? 70) * 1_000;

/** As long as the servers need to miss somebody. */
const MISSED_MS_MAX = 70_000;

/** What may wait in the visitor's browser for a network (`BUFFERED_BYTES_MAX` of the script), a small keyframe, and the change that goes beyond. */
const WAITING_BYTES_MAX = 640 * 1024;

/** What the visitor's page may hold more than before: code that is compiled meanwhile, a deflate stream, the flood's own texts. */
const HEAP_GROWTH_BYTES_MAX = 12 * 1024 * 1024;

test("a network that is lost for a minute and more, a frozen tab, and browsers that sleep: the session goes on, and its picture is proven", async ({
  browser: plain,
}) => {
  test.setTimeout(AWAY_MS + 240_000);
  const group = ownGroup("e2e-away", "--grace-ms", "600000");
  const brief = ownGroup("e2e-brief", "--grace-ms", "5000");
  const urls = [...stack().servers.map(({ url }) => url), stack().web_url];
  const [near, far] = await Promise.all([Gate.to(...urls), Gate.to(...urls)]);
  const [visitors, agents] = await Promise.all([launch(near.args), launch(far.args)]);
  const sleeper = await Sleeper.launch();
  try {
    const visitor = await Pair.meet(group, visitors, plain);
    const agent = await Pair.meet(group, plain, agents);
    const both = await Pair.meet(group, visitors, agents);
    const frozen = await Pair.meet(group, visitors, plain);
    const asleep = await Pair.meet(group, sleeper.browser, plain);
    const watcher = await Pair.meet(group, plain, sleeper.browser);
    const late = await Pair.meet(brief, visitors, plain);
    const pairs = { visitor, agent, both, frozen, asleep, watcher };
    for (const [name, pair] of Object.entries({ ...pairs, late }))
      await pair.work(`${name} before`);
    const heap = await visitor.heapBytes();
    const devtools = await frozen.shopper.context.newCDPSession(frozen.shopper.page);

    const began = Date.now();
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    for (const gate of [near, far]) gate.silence();
    sleeper.sleep();
    for (const pair of [visitor, agent, both, watcher]) await pair.work("away");
    await visitor.flood(60_000);
    // Everybody whose network or browser is there is told.
    const slowly = { timeout: MISSED_MS_MAX };
    for (const { viewer } of [visitor, frozen, asleep])
      await expect(viewer.page.locator("body")).toHaveAttribute("data-state", "offline", slowly);
    for (const { shopper } of [agent, watcher])
      await expect(shopper.widget).toHaveAttribute("data-agents", "0", slowly);
    for (const { viewer } of [agent, both])
      await expect(viewer.page.locator("body")).toHaveAttribute(
        "data-state",
        "reconnecting",
        slowly,
      );
    await late.viewer.expectReason("session_ended_timeout");
    await late.viewer.expectState("ended");
    await late.work("still away");
    await new Promise((resolve) => setTimeout(resolve, began + AWAY_MS - Date.now()));

    for (const pair of [visitor, agent, both, watcher]) await pair.work("still away");
    await visitor.ebb();
    const waited = await visitor.waitedBytesMax();
    expect(waited).toBeGreaterThan(512 * 1024);
    expect(waited).toBeLessThanOrEqual(WAITING_BYTES_MAX);
    expect((await visitor.heapBytes()) - heap).toBeLessThan(HEAP_GROWTH_BYTES_MAX);

    for (const gate of [near, far]) gate.mend();
    sleeper.wake();
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    // The one that was away for longer than its session waits is told so for a while, and begins another.
    const ended = late.expectEnd("session_ended_timeout");
    for (const pair of [frozen, asleep]) await pair.work("still away");
    const reunions = Object.values(pairs).map((pair) => pair.expectReunion("still away"));
    await Promise.all([ended, ...reunions]);
    await late.meetAgain();
    await Promise.all(Object.values({ ...pairs, late }).map((pair) => pair.work("together")));
    await Promise.all(
      Object.values({ ...pairs, late }).map((pair) => pair.expectReunion("together")),
    );
  } finally {
    await Promise.all([visitors.close(), agents.close(), sleeper.close()]);
    for (const gate of [near, far]) gate.close();
  }
});
