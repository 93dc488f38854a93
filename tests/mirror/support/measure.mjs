/**
 * Figures: how late a change is seen, and how long this product keeps a large page busy.
 *
 * Both pages run in one browser on one machine, so their clocks are one clock.
 */

import { Visitor } from "./people.mjs";

/** Elements of the large page. */
const LARGE_PAGE_NODES = 5_000;

/** How far the visitor's clock is ahead while the delay is measured: whoever went by it would be as late. */
const CLOCKS_APART_MS = 7 * 60_000;

/** Milliseconds from a mutation to its being applied in the agent's page, whatever the two pages call the time. */
export async function measureLatency({ browser, stack, scripts, site, agent }, rounds) {
  const options = { ...site, clockAheadMs: CLOCKS_APART_MS };
  const visitor = await Visitor.open(browser, stack, scripts, "forms", options);
  const ahead = await visitor.page.evaluate(() => Date.now() - (performance.timeOrigin + performance.now()));
  if (ahead < CLOCKS_APART_MS / 2) throw new Error("the visitor's clock is not ahead: nothing is tried");
  await agent.open(await visitor.start());
  await agent.catchUp(visitor);
  await agent.page.evaluate(() => {
    window.mirrorSeen = [];
    const mirrored = document.querySelector("#stage iframe").contentDocument;
    new MutationObserver(() => {
      const at = mirrored.querySelector("h1").dataset.at;
      if (at) window.mirrorSeen.push(performance.timeOrigin + performance.now() - Number(at));
    }).observe(mirrored.querySelector("h1"), { attributes: true, attributeFilter: ["data-at"] });
  });
  await visitor.page.evaluate(async (count) => {
    for (let round = 0; round < count; round += 1) {
      document.querySelector("h1").dataset.at = String(performance.timeOrigin + performance.now());
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }, rounds);
  await agent.catchUp(visitor);
  const seen = (await agent.page.evaluate(() => window.mirrorSeen)).sort((one, other) => one - other);
  await visitor.context.close();
  // Mutations of one task are seen as one.
  if (seen.length === 0 || seen.at(-1) > CLOCKS_APART_MS / 2)
    throw new Error("changes are seen by the visitor's clock, and not when they come");
  const at = (part) => Math.round(seen[Math.min(seen.length - 1, Math.floor(seen.length * part))] * 10) / 10;
  return { latency_ms_p50: at(0.5), latency_ms_p99: at(0.99), latency_samples: seen.length };
}

/** The longest task with a script of ours in it on a large page: session start, changes, idle proofs. CPU time of the thread. */
export async function measureTasks({ browser, stack, scripts, site, agent }) {
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  await grow(visitor);
  const longest_task_ms = await longestDuring(browser, visitor, async () => {
    await agent.open(await visitor.start());
    await change(visitor);
  });
  await visitor.context.close();
  return { longest_task_ms };
}

/** Makes the visitor's page a large one. */
export async function grow(visitor) {
  await visitor.page.evaluate((count) => {
    const list = document.createElement("ul");
    for (let at = 0; at < count / 5; at += 1) {
      const item = document.createElement("li");
      item.className = "row";
      item.innerHTML = `<b>Row</b> <span title="t${at}">of number ${at}</span>`;
      list.append(item);
    }
    document.body.append(list);
  }, LARGE_PAGE_NODES);
  await visitor.page.waitForTimeout(300);
}

/** A second of changes all over it. */
export function change(visitor) {
  return visitor.page.evaluate(async () => {
    for (let round = 0; round < 20; round += 1) {
      const rows = document.querySelectorAll(".row");
      for (let at = 0; at < 50; at += 1) rows[(round * 50 + at) % rows.length].classList.toggle("on");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}

/** The longest task with a script of ours in it while something is done, and in the seconds behind it: proofs come when it is quiet. */
export async function longestDuring(browser, visitor, act) {
  await browser.startTracing(visitor.page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  await act();
  await visitor.page.waitForTimeout(4_000);
  return longestOfOurs(JSON.parse((await browser.stopTracing()).toString()).traceEvents);
}

function longestOfOurs(events) {
  const isOurs = ({ args }) => /\/cobrowse\/[\w/]+\.js/.test(JSON.stringify(args ?? {}));
  const ours = events.filter((event) => event.ph === "X" && event.name !== "RunTask" && isOurs(event));
  const threads = new Map();
  for (const event of ours) {
    const key = `${event.pid}/${event.tid}`;
    threads.set(key, [...(threads.get(key) ?? []), event.ts]);
  }
  let longest = 0;
  for (const task of events) {
    if (task.ph !== "X" || !/RunTask$/.test(task.name)) continue;
    const starts = threads.get(`${task.pid}/${task.tid}`) ?? [];
    if (!starts.some((ts) => ts >= task.ts && ts <= task.ts + task.dur)) continue;
    longest = Math.max(longest, (task.tdur ?? task.dur) / 1_000);
  }
  return Math.round(longest * 10) / 10;
}
