/**
 * The soak: a page that never rests, with shadow hosts and frames that come and go, watched for minutes.
 *
 *     node soak.mjs --minutes 20 [--dist DIR] [--json FILE]
 *
 * Owns the page's changes and the judgement: what the heap holds after a collection, on average, in the first third and in
 * the last. Exit code 1 when that grows.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Agent, launch, Visitor } from "./support/people.mjs";
import { bundle } from "./support/site.mjs";
import { startStack } from "./support/stack.mjs";

/** Growth of the heap that is noise: code that is compiled meanwhile, buffers of the connection. */
const GROWTH_MB_MAX = 3;

/** DOM nodes that may be kept beyond the first count: removed ones that are let go by number, not at once. */
const NODES_GROWTH_MAX = 3_000;

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    dist: { type: "string" },
    json: { type: "string" },
  },
});

const minutes = Number(options.minutes);
if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error("--minutes is a number above 0, a day at most");
const scripts = await bundle(["forms"]);
const stack = await startStack();
const browser = await launch(stack);
let isFlat = false;
try {
  const site = { dist: options.dist };
  const agent = await Agent.logIn(browser, stack, scripts, "ada", site);
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  await agent.open(await visitor.start());
  await visitor.page.evaluate(`(${churn.toString()})()`);
  const counters = await visitor.context.newCDPSession(visitor.page);
  const samples = [];
  const until = Date.now() + minutes * 60_000;
  const pause = Math.min(30_000, (minutes * 60_000) / 6);
  do {
    await new Promise((resolve) => setTimeout(resolve, pause));
    samples.push({ ...(await measure(counters)), epoch: (await visitor.position()).split("/")[0] });
    console.error(JSON.stringify(samples.at(-1)));
  } while (Date.now() < until);
  const rounds = await visitor.page.evaluate(() => window.soakRounds);
  await visitor.page.evaluate(() => window.soakStop());
  await agent.catchUp(visitor);
  const third = Math.ceil(samples.length / 3);
  const [first, last] = [average(samples.slice(0, third)), average(samples.slice(-third))];
  isFlat = last.heap_mb - first.heap_mb <= GROWTH_MB_MAX && last.nodes - first.nodes <= NODES_GROWTH_MAX;
  const highest_mb = Math.max(...samples.map(({ heap_mb }) => heap_mb));
  const report = { minutes, rounds, first, last, highest_mb, is_flat: isFlat, faults: visitor.faults };
  const text = `${JSON.stringify({ soak: report }, null, 2)}\n`;
  if (options.json) writeFileSync(options.json, text);
  console.log(text);
} finally {
  await browser.close();
  await stack.stop();
}
process.exitCode = isFlat ? 0 : 1;

function average(samples) {
  const mean = (of) =>
    Math.round((samples.reduce((sum, one) => sum + of(one), 0) / samples.length) * 10) / 10;
  return {
    heap_mb: mean((one) => one.heap_mb),
    documents: mean((one) => one.documents),
    nodes: mean((one) => one.nodes),
  };
}

async function measure(session) {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes, documents, jsEventListeners } = await session.send("Memory.getDOMCounters");
  return { heap_mb: Math.round(usedSize / 104_857.6) / 10, nodes, documents, listeners: jsEventListeners };
}

/** Runs in the visitor's page: every round adds a host with a tree, a frame and rows, and takes the oldest away. */
function churn() {
  const place = document.createElement("div");
  document.body.append(place);
  window.soakRounds = 0;
  const timer = setInterval(() => {
    window.soakRounds += 1;
    const host = document.createElement("section");
    host.attachShadow({ mode: "open" }).innerHTML =
      `<style>p{color:teal}</style><p>host ${window.soakRounds}</p><slot></slot>`;
    const row = document.createElement("p");
    row.textContent = `row ${window.soakRounds}`;
    host.append(row);
    place.append(host);
    if (window.soakRounds % 5 === 0) {
      const frame = document.createElement("iframe");
      frame.srcdoc = `<!doctype html><p>frame ${window.soakRounds}</p><ul><li>one</li><li>two</li></ul>`;
      frame.height = "30";
      place.append(frame);
    }
    for (const one of place.children)
      one.firstElementChild?.setAttribute("data-round", String(window.soakRounds));
    while (place.children.length > 20) place.firstElementChild.remove();
  }, 50);
  window.soakStop = () => clearInterval(timer);
}
