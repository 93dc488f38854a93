/**
 * A visitor's line that is slower than the page changes: what cannot leave in time is told by a later keyframe, and the page's own work
 * goes on.
 */

import { ownGroup } from "../support/admin.js";
import { Gate } from "../support/gate.js";
import { Pair } from "../support/pair.js";
import { expect, launch, test } from "../support/people.js";
import { stack } from "../support/stack.js";

/** Bytes that the line takes in a second: a poor mobile one. */
const BYTES_PER_S = 20_000;

/** What the script lets wait (`BUFFERED_BYTES_MAX`), a small keyframe, and the change that goes beyond. */
const WAITING_BYTES_MAX = 640 * 1024;

/** What the visitor's page may hold more than before: code that is compiled meanwhile, a deflate stream, the flood's own texts. */
const HEAP_GROWTH_BYTES_MAX = 12 * 1024 * 1024;

test("a line that is too slow is given no more than it can bear, and the agent ends with the page as it is", async ({
  browser: agents,
}) => {
  test.setTimeout(180_000);
  const gate = await Gate.to(...stack().servers.map(({ url }) => url));
  const visitors = await launch(gate.args);
  try {
    const pair = await Pair.meet(ownGroup("e2e-slow"), visitors, agents);
    await pair.work("before");
    await pair.expectReunion("before");
    const { epoch } = await pair.shopper.position();
    const heap = await pair.heapBytes();
    gate.slow(BYTES_PER_S);
    await pair.flood(60_000);
    const full = { timeout: 120_000 };
    await expect.poll(() => pair.waitedBytesMax(), full).toBeGreaterThan(512 * 1024);
    // From here on nothing more is put on the line, however often the page changes.
    const floods = await pair.floods();
    await expect.poll(() => pair.floods()).toBeGreaterThan(floods + 30);
    expect(await pair.waitedBytesMax()).toBeLessThanOrEqual(WAITING_BYTES_MAX);
    expect((await pair.shopper.position()).epoch).toBe(epoch);
    expect((await pair.heapBytes()) - heap).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
    await pair.ebb();
    await pair.work("after");
    gate.slow(Infinity);
    await pair.expectReunion("after");
    expect((await pair.shopper.position()).epoch).toBeGreaterThan(epoch);
  } finally {
    await visitors.close();
    gate.close();
  }
});
