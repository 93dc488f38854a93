/**
 * Sessions in real browsers while everything breaks: started by `cargo xtask chaos`, which says on standard input where the stack is,
 * and later that all is mended.
 *
 * Each pair is a visitor on the shop's page, whose text changes all the time, and an agent's viewer. Owns how far the view is
 * behind: since when it has not shown what the visitor shows; and, told which CServer was killed, how long its views take until they show a
 * change that was made after it, and what both went through meanwhile. Says `ready` once every view shows its page, and what was seen in the end.
 */

import { createInterface } from "node:readline";
import { chromium } from "@playwright/test";

import { chromiumOptions } from "../support/chromium.mjs";

/** The page changes so often. */
const CHANGE_MS = 250;

/** So often while a view is to come back after a kill, which is timed. */
const WATCH_MS = 25;

/** The ways of so many of the slowest are told. */
const SLOWEST_MAX = 5;

/** A view that does not show the page so long after all was mended is lost. */
const MENDED_MS_MAX = 60_000;

const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
const line = async () => (await lines.next()).value;
const site = JSON.parse(await line());
const unthrottled = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];
const browser = await chromium.launch(chromiumOptions(site.spki_hash, unthrottled));
try {
  const agents = await browser.newContext();
  const pairs = [];
  for (let at = 0; at < site.pairs; at += 1) pairs.push(await begin(agents));
  console.log("ready");
  const over = { isMended: false };
  const looks = pairs.map((pair) => watch(pair, over));
  for (let word = await line(); word && word !== "finish"; word = await line())
    kill(pairs, JSON.parse(word));
  over.isMended = true;
  await Promise.all(looks);
  const lost = await Promise.all(pairs.map(settle));
  const restored = pairs.flatMap((pair) => pair.restored).sort((one, other) => other.ms - one.ms);
  console.log(
    JSON.stringify({
      pairs: pairs.length,
      restored_ms: restored.map(({ ms }) => ms),
      slowest: restored.slice(0, SLOWEST_MAX).map(({ ms, way }) => `${ms} ms: ${way.join(", ")}`),
      changes: pairs.reduce((sum, pair) => sum + pair.changes, 0),
      behind_ms_max: pairs.map((pair) => pair.behindMsMax),
      lost: lost.filter((why) => why !== null),
    }),
  );
} finally {
  await browser.close();
  process.exit();
}

async function begin(agents) {
  const visitor = await (await browser.newContext()).newPage();
  await visitor.goto(site.shop_url);
  await visitor.evaluate(() => {
    const mark = document.createElement("p");
    mark.id = "chaos";
    document.body.append(mark);
  });
  await visitor.click("#help");
  const widget = visitor.locator("glance-cobrowse-widget");
  await visitor.waitForSelector("glance-cobrowse-widget[data-state=live][data-key]", {
    state: "attached",
  });
  const key = await widget.getAttribute("data-key");
  const agent = await agents.newPage();
  await agent.goto(`${site.web_url}/cobrowse/AgentView?SessionKey=${key}`);
  if (agent.url().includes("/login")) {
    const form = agent.locator("form").filter({ has: agent.locator("input[type=password]") });
    await form.locator("input:not([type=hidden]):not([type=password])").first().fill(site.name);
    await form.locator("input[type=password]").fill(site.password);
    await form.locator("button, input[type=submit]").first().click();
  }
  await agent.waitForSelector("body[data-state=live]");
  const pair = {
    visitor,
    agent,
    changes: 0,
    sameAt: Date.now(),
    behindMsMax: 0,
    killed: null,
    restored: [],
  };
  const until = Date.now() + MENDED_MS_MAX;
  while (!(await isSame(pair))) {
    if (Date.now() > until) throw new Error("a view does not show its visitor's page at the start");
    await pause(CHANGE_MS);
  }
  return pair;
}

/** A CServer was killed at that moment: those whose view stood on it have to come back. */
function kill(pairs, { at, port }) {
  for (const pair of pairs) {
    // One that is on its way already is timed from the first loss.
    if (new URL(pair.agent.url()).port === port)
      pair.killed ??= { at, after: pair.changes, way: [], last: {} };
  }
}

async function watch(pair, over) {
  while (!over.isMended || pair.killed) {
    await look(pair);
    if (over.isMended && pair.killed && Date.now() - pair.killed.at > MENDED_MS_MAX) return;
    await pause(pair.killed ? WATCH_MS : CHANGE_MS);
  }
}

/** Changes the page, and notes since when the view has not shown any change of late. */
async function look(pair) {
  const seen = await shown(pair.agent).catch(() => null);
  if (pair.killed) await note(pair);
  if (pair.killed && Number(seen?.split(" ")[1] ?? 0) > pair.killed.after) {
    pair.restored.push({ ms: Date.now() - pair.killed.at, way: pair.killed.way });
    pair.killed = null;
  }
  if (await isSame(pair)) pair.sameAt = Date.now();
  pair.behindMsMax = Math.max(pair.behindMsMax, Date.now() - pair.sameAt);
  pair.changes += 1;
  await pair.visitor.evaluate((text) => {
    document.getElementById("chaos").textContent = text;
  }, `change ${pair.changes}`);
}

/** What the visitor's script and the view say of themselves, whenever it is something else. */
async function note({ visitor, agent, killed }) {
  const states = {
    visitor: () => document.querySelector("glance-cobrowse-widget")?.dataset.state,
    agent: () => `${document.body?.dataset.state ?? document.title} at ${location.port}`,
  };
  for (const [who, page] of Object.entries({ visitor, agent })) {
    const state = await page.evaluate(states[who]).catch(() => "between two pages");
    if (killed.last[who] === state) continue;
    killed.last[who] = state;
    killed.way.push(`${who} ${state} (${Date.now() - killed.at})`);
  }
}

/** Whether the view shows what the page shows at this moment. */
async function isSame(pair) {
  const read = () => pair.visitor.evaluate(() => document.getElementById("chaos").textContent);
  try {
    const [there, here] = await Promise.all([read(), shown(pair.agent)]);
    return there === here;
  } catch {
    // The agent's page is on its way to another server.
    return false;
  }
}

function shown(agent) {
  return agent.evaluate(() => {
    const frame = document.querySelector("#stage iframe");
    return frame?.contentDocument?.getElementById("chaos")?.textContent ?? null;
  });
}

/** After all was mended: `null`, or why the view is not as the page. */
async function settle(pair) {
  const until = Date.now() + MENDED_MS_MAX;
  while (Date.now() < until) {
    if (await isSame(pair)) return null;
    await pause(CHANGE_MS);
  }
  const state = await pair.visitor
    .locator("glance-cobrowse-widget")
    .getAttribute("data-state", { timeout: 1_000 })
    .catch(() => "without a session");
  const body = await pair.agent
    .locator("body")
    .innerText({ timeout: 1_000 })
    .catch(() => "nothing");
  return `in a browser: the visitor is ${String(state)}, the agent at ${pair.agent.url()} sees ${body.slice(0, 200)}`;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
