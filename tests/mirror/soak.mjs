/**
 * The soak: a page that hardly ever rests, watched for minutes. Shadow hosts, frames of both kinds, popovers, dialogs, pictures,
 * canvases, rules and animations come and go, so that each part of the visitor's script is at work.
 *
 *     node soak.mjs --minutes 20 [--dist DIR] [--json FILE]
 *
 * Owns the page's changes and the judgement: what the heap holds after a collection, on average, in the first third and in
 * the last, and whether the view is proven to show the page whenever it rests. Exit code 1 when the one grows or the other fails.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Agent, launch, Visitor } from "./support/people.mjs";
import { bundle } from "./support/site.mjs";
import { PAY, startStack } from "./support/stack.mjs";

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
let isGood = false;
try {
  const site = { dist: options.dist };
  const agent = await Agent.logIn(browser, stack, scripts, "ada", site);
  const visitor = await Visitor.open(browser, stack, scripts, "forms", site);
  await agent.open(await visitor.start());
  await visitor.page.evaluate(`(${churn.toString()})(${JSON.stringify(`${PAY}/mirror/pay.html`)})`);
  const counters = await visitor.context.newCDPSession(visitor.page);
  const samples = [];
  let unproven = 0;
  const until = Date.now() + minutes * 60_000;
  const pause = Math.min(30_000, (minutes * 60_000) / 6);
  do {
    await new Promise((resolve) => setTimeout(resolve, pause));
    // What never rests is never proven. The view takes its word back when it shows anything else.
    await visitor.page.evaluate(() => window.soakRest(true));
    await agent.catchUp(visitor);
    if (!(await agent.becomesVerified(Date.now()))) unproven += 1;
    const joined = await agent.page.evaluate(joinedFrames);
    samples.push({ ...(await measure(counters)), epoch: (await visitor.position()).split("/")[0], joined });
    console.error(JSON.stringify({ ...samples.at(-1), unproven }));
    await visitor.page.evaluate(() => window.soakRest(false));
  } while (Date.now() < until);
  const rounds = await visitor.page.evaluate(() => window.soakRounds);
  const third = Math.ceil(samples.length / 3);
  const [first, last] = [average(samples.slice(0, third)), average(samples.slice(-third))];
  const isFlat =
    last.heap_mb - first.heap_mb <= GROWTH_MB_MAX && last.nodes - first.nodes <= NODES_GROWTH_MAX;
  const highest_mb = Math.max(...samples.map(({ heap_mb }) => heap_mb));
  const joined = samples.filter((one) => one.joined > 0).length;
  isGood = isFlat && unproven === 0 && joined > 0;
  const figures = { minutes, rounds, first, last, highest_mb, is_flat: isFlat };
  const report = { ...figures, samples: samples.length, unproven, joined, faults: visitor.faults };
  const text = `${JSON.stringify({ soak: report }, null, 2)}\n`;
  if (options.json) writeFileSync(options.json, text);
  console.log(text);
} finally {
  await browser.close();
  await stack.stop();
}
process.exitCode = isGood ? 0 : 1;

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

/** Runs in the agent's page: how many frames of the other origin are shown with their content. */
function joinedFrames() {
  const shown = document.querySelector("#stage iframe")?.contentDocument;
  return [...(shown?.querySelectorAll("iframe.pay") ?? [])].filter((frame) =>
    frame.contentDocument?.querySelector("#field"),
  ).length;
}

/** Runs in the visitor's page: every round adds something of each kind, and takes the oldest away. */
function churn(pay) {
  const place = document.createElement("div");
  document.body.append(place);
  const sheet = document.head.appendChild(document.createElement("style")).sheet;
  sheet.insertRule(".soaked { color: teal }", 0);
  window.soakRounds = 0;
  let isResting = false;
  const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);
  const add = (one) => place.appendChild(one);
  const picture = (round) => {
    const rect = `<rect width="9" height="9" fill="hsl(${round % 360} 50% 50%)"/>`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${rect}</svg>`;
    const src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    return make("img", { src, onload: () => URL.revokeObjectURL(src) });
  };
  const deeds = {
    1(round) {
      const host = make("section", { className: "soaked" });
      host.attachShadow({ mode: "open" }).innerHTML =
        `<style>p{color:teal}</style><p>host ${round}</p><slot></slot>`;
      host.append(make("p", { textContent: `row ${round}` }));
      add(host);
      sheet.cssRules[0].style.setProperty("margin-left", `${round % 9}px`);
    },
    3(round) {
      add(make("div", { popover: "manual", textContent: `tip ${round}` })).showPopover();
      add(make("input", { type: "checkbox" })).indeterminate = round % 2 === 0;
    },
    5(round) {
      const srcdoc = `<!doctype html><p>frame ${round}</p><ul><li>one</li><li>two</li></ul>`;
      add(make("iframe", { srcdoc, height: "30" }));
    },
    7(round) {
      sheet.insertRule(`.soaked-${round} { color: rgb(${round % 255} 0 0) }`, sheet.cssRules.length);
      if (sheet.cssRules.length > 20) sheet.deleteRule(1);
      const adopted = new CSSStyleSheet();
      adopted.replaceSync(`p { --round: ${round} }`);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets.slice(-3), adopted];
      place.lastElementChild.animate([{ opacity: 1 }, { opacity: 0.5 }], { duration: 400 });
    },
    11(round) {
      add(picture(round));
      const canvas = add(make("canvas", { width: 20, height: 20 }));
      canvas.getContext("2d").fillRect(0, 0, round % 20, 9);
    },
    13() {
      const dialog = add(make("dialog", { textContent: "a dialog" }));
      dialog.show();
    },
    199() {
      place.querySelector(".pay")?.remove();
      place.prepend(make("iframe", { className: "pay", src: pay, width: 300, height: 90 }));
    },
  };
  setInterval(() => {
    if (isResting) return;
    window.soakRounds += 1;
    for (const [every, deed] of Object.entries(deeds))
      if (window.soakRounds % every === 1 % every) deed(window.soakRounds);
    for (const one of place.children)
      one.firstElementChild?.setAttribute("data-round", String(window.soakRounds));
    while (place.children.length > 20) place.querySelector(":scope > :not(.pay)").remove();
  }, 50);
  window.soakRest = (is) => (isResting = is);
}
