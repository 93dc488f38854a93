/**
 * Figures: how long this product keeps a large page busy when something happens to the session, and how late the page's own timers
 * come meanwhile: another agent joins, the connection is lost and comes back, the tab is frozen and goes on, the line takes nothing
 * for a while.
 *
 * Owns these moments. What is measured of each stands in `measure.mjs`.
 */

import { change, grow, longestDuring } from "./measure.mjs";
import { Visitor } from "./people.mjs";

/** What waits in a WebSocket that takes nothing: more than the visitor's script lets wait. */
const WAITING_BYTES = 8 * 1024 * 1024;

/** For each moment the longest task of ours, and the median and the 99th percentile of how late timers of the page came; for `alone` only these. */
export async function measureMoments({ browser, stack, scripts, site, agent, other }) {
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  await visitor.context.addInitScript(`(${wrapSockets.toString()})(${WAITING_BYTES})`);
  await visitor.page.reload();
  await visitor.page.waitForFunction(() => window.mirrorPage !== undefined);
  await grow(visitor);
  const devtools = await visitor.context.newCDPSession(visitor.page);
  const moments = { alone: await late(visitor, () => change(visitor)) };
  const key = await visitor.start();
  await agent.open(key);
  await agent.catchUp(visitor);
  for (const [name, act] of Object.entries({
    changes: async () => undefined,
    join: () => other.open(key),
    reconnect: () => anew(visitor, () => visitor.page.evaluate(() => window.mirrorSockets.close())),
    resume: () =>
      anew(visitor, async () => {
        await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
        await devtools.send("Page.setWebLifecycleState", { state: "active" });
        await visitor.page.evaluate(() => window.mirrorSockets.close());
      }),
    held_up: () =>
      anew(visitor, async () => {
        await visitor.page.evaluate(() => (window.mirrorSockets.isFull = true));
        await change(visitor);
        await visitor.page.evaluate(() => (window.mirrorSockets.isFull = false));
      }),
  })) {
    let lateness;
    const longest_task_ms = await longestDuring(browser, visitor, async () => {
      lateness = await late(visitor, () => Promise.all([act(), change(visitor)]));
    });
    moments[name] = { longest_task_ms, ...lateness };
    await agent.catchUp(visitor);
  }
  await visitor.context.close();
  return moments;
}

/** Does something after which the page has to be told from the beginning, and waits until it is. */
async function anew(visitor, act) {
  const epoch = async () => Number((await visitor.position()).split("/")[0]);
  const before = await epoch();
  await act();
  await visitor.page.waitForFunction(
    (last) => Number(document.querySelector("glance-cobrowse-widget")?.dataset.epoch) > last,
    before,
  );
}

/** How late timers of the page come while something is done. */
async function late(visitor, act) {
  await visitor.page.evaluate(() => {
    const taken = (window.mirrorLate = []);
    const next = () => {
      const due = performance.now() + 4;
      setTimeout(() => {
        taken.push(performance.now() - due);
        if (window.mirrorLate === taken) next();
      }, 4);
    };
    next();
  });
  await act();
  const taken = await visitor.page.evaluate(() => {
    const all = window.mirrorLate;
    window.mirrorLate = null;
    return all;
  });
  const sorted = taken.sort((one, another) => one - another);
  const at = (part) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] * 10) / 10;
  return { late_ms_p50: at(0.5), late_ms_p99: at(0.99), timers: sorted.length };
}

/** Runs in the visitor's page before anything else: its WebSockets can be closed, and say that they take nothing. */
function wrapSockets(waitingBytes) {
  const all = [];
  window.mirrorSockets = { isFull: false, close: () => all.splice(0).forEach((one) => one.close()) };
  window.WebSocket = class extends WebSocket {
    constructor(...words) {
      super(...words);
      all.push(this);
    }
    get bufferedAmount() {
      return window.mirrorSockets.isFull ? waitingBytes : super.bufferedAmount;
    }
  };
}
