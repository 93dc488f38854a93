/**
 * The fidelity suite: pages that people really have, mirrored live and joined late through a real CServer.
 *
 *     node run.mjs [--quick] [--only a,b] [--dist DIR] [--json FILE] [--figures] [--verbose]
 *     node run.mjs --random SECONDS [--seed N] [--page N]
 *
 * The second way tries random pages alone, `--page` one of them again.
 *
 * Owns the order of things and the result. Exit code 1 when a page that has to be equal is not.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

import { measureChurn } from "./support/churn.mjs";
import { measureCost } from "./support/cost.mjs";
import { measureLatency, measureTasks } from "./support/measure.mjs";
import { differences, normalise } from "./support/normalise.mjs";
import { measureMoments } from "./support/moments.mjs";
import { Agent, launch, Visitor } from "./support/people.mjs";
import { pixelDiffPercent } from "./support/pixels.mjs";
import { proveProof } from "./support/proof.mjs";
import { tryRandom } from "./support/random.mjs";
import { bundle, pageNames, serve } from "./support/site.mjs";
import { PAY, startStack } from "./support/stack.mjs";

/** More than this is another picture; the edges of one word that is smoothed otherwise stay below. */
const PIXEL_DIFF_PERCENT_MAX = 0.05;

/** How long random pages are tried besides the others, and how many at most: those from the usual seed on are equal today. */
const RANDOM_SECONDS = 20;
const RANDOM_PAGES_MAX = 60;

/** How long both sides may take to come to rest after the last step. */
const SETTLE_MS_MAX = 20_000;

/**
 * Where pixels may differ, and nowhere else: a canvas is empty where the group lets no picture of it travel, what is gone or
 * moves by a time of its own is marked, and another site's frame has a placeholder.
 */
const UNSEEN = { images: "#unseen, #gone, #driven, #lost", frames: "#far, #opaque, #boxed" };

/** What the agent's view has to say that it cannot show, by the last part of its address; of all other pages nothing. */
const UNSHOWN = {
  frames: ["frame ", "frame ", "frame "],
  images: [
    ...["style more.css", "canvas ", "image gone.png", "animation ", "image rule.svg", "image own.svg"],
    ...[
      "image over.svg",
      "image before.svg",
      "image list.svg",
      "image mask.svg",
      "image border.svg",
      "image blob",
    ],
    ...["image cut.svg#c", "image named.svg", "image button.svg", "image drawn.svg", "image sprite.svg#s"],
    ...["image poster.svg", "media a.webm", "image set.svg", "image inner.svg", "image tree.svg"],
    ...["plugin a.pdf", "canvas ", "media blob", "media blob"],
    ...["image within.svg", "font Far"],
  ],
};

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    dist: { type: "string" },
    json: { type: "string" },
    verbose: { type: "boolean", default: false },
    figures: { type: "boolean", default: false },
    random: { type: "string" },
    seed: { type: "string", default: "40" },
    page: { type: "string" },
  },
});

if (options.random || options.page) {
  const { differing } = await random(Number(options.random ?? 0), options.page ? Number(options.page) : null);
  process.exit(differing.length > 0 ? 1 : 0);
}

const names = options.only ? options.only.split(",") : pageNames();
const scripts = await bundle(names);
const stack = await startStack();
const browser = await launch(stack);
const site = { dist: options.dist, tagAttributes: 'data-closed-roots="true"' };
let failed = false;
try {
  const live = await Agent.logIn(browser, stack, scripts, "ada", site);
  const late = await Agent.logIn(browser, stack, scripts, "bob", site);
  const isMeasured = !options.only || options.figures;
  // Proofs come in their own time, as frames load in theirs: they are waited for while pages are compared.
  const proving = isMeasured ? Agent.logIn(browser, stack, scripts, "ada", site).then(prove) : null;
  const churning = isMeasured ? measureChurn({ browser, stack, scripts, site }) : null;
  for (const one of [proving, churning]) one?.catch(() => undefined);
  const pages = [];
  for (const name of names) {
    const result = await comparePage(name, live, late);
    pages.push(result);
    failed ||= !isGood(result);
    say(result);
  }
  const report = { pages };
  if (isMeasured) {
    report.proof = await proving;
    report.churn = await churning;
    const rounds = options.quick ? 200 : 2_000;
    const people = { browser, stack, scripts, site, agent: live };
    Object.assign(report, await measureLatency(people, rounds));
    Object.assign(report, await measureTasks(people));
    if (!options.quick) report.moments = await measureMoments({ ...people, other: late });
    Object.assign(report, await measureCost(browser, options.quick ? 1 : 7));
    report.random = await random(RANDOM_SECONDS, null, RANDOM_PAGES_MAX);
    failed ||= report.random.differing.length > 0;
    failed ||= Object.values(report.proof).some((is) => is !== true) || !report.churn.is_let_go;
    console.error(JSON.stringify({ ...report, pages: undefined }));
  }
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (options.json) {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, text);
  } else console.log(text);
} finally {
  await browser.close();
  await stack.stop();
}
process.exitCode = failed ? 1 : 0;

/** Tries random pages, and says of each that differs how it comes about. */
async function random(seconds, only = null, pagesMax = Infinity) {
  const counted = await tryRandom({
    seconds,
    seed: Number(options.seed),
    only,
    pagesMax,
    onFault: ({ seed, at, steps, found }) => {
      console.error(`FAIL random page ${seed} (node run.mjs --page ${seed}), ${at}: ${steps.join(", ")}`);
      for (const line of found.slice(0, 8)) console.error(`       ${line}`);
    },
  });
  const { seed, pages, changes, crashes, differing } = counted;
  console.error(
    `${differing.length === 0 ? "ok  " : "FAIL"} random pages from ${seed} on: ${pages} with ${changes} changes, ${differing.length} differ, ${crashes} ended their browser`,
  );
  return counted;
}

function prove(agent) {
  return proveProof({ browser, stack, scripts, site, agent });
}

async function comparePage(name, live, late) {
  const visitor = await Visitor.open(browser, stack, scripts, name, site);
  const result = { name };
  try {
    await live.open(await visitor.start());
    await live.catchUp(visitor);
    const count = await visitor.steps();
    for (let at = 0; at < count; at += 1) {
      await visitor.step(at);
      // A pause between steps, so that they leave in frames of their own.
      await visitor.page.waitForTimeout(40);
    }
    result.live = await compare(name, visitor, live);
    result.unshown = await live.unshown(UNSHOWN[name] ?? []);
    await late.open(await visitor.page.locator("glance-cobrowse-widget").getAttribute("data-key"));
    result.late = await compare(name, visitor, late);
    result.verified = (await live.becomesVerified()) && (await late.becomesVerified());
    result.resyncs = Number(await live.page.evaluate(() => document.body.dataset.resyncs ?? 0));
    result.faults = [...visitor.faults, ...live.faults.splice(0), ...late.faults.splice(0)];
  } catch (error) {
    result.error = String(error.message).slice(0, 300);
    result.faults = [...visitor.faults, ...live.faults.splice(0), ...late.faults.splice(0)];
  } finally {
    await visitor.page.evaluate(() => window.GLANCE.Cobrowse.Visitor.stopSession()).catch(() => undefined);
    await visitor.context.close();
  }
  return result;
}

/** Compares until equal, or until time is up: what differs then differs. */
async function compare(name, visitor, agent) {
  const until = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    await agent.catchUp(visitor);
    await visitor.page.waitForTimeout(120);
    const [ours, theirs] = await Promise.all([linesOfVisitor(visitor), linesOfViewer(agent)]);
    const differing = differences(ours, theirs);
    const isOver = Date.now() > until;
    if (differing.length > 0 && !isOver) continue;
    const [left, right] = [await visitor.picture(), await agent.picture()];
    const pixels = pixelDiffPercent(left, right, UNSEEN[name] ? await visitor.boxes(UNSEEN[name]) : []);
    if (pixels > PIXEL_DIFF_PERCENT_MAX && !isOver) continue;
    return { dom_equal: differing.length === 0, pixel_diff_percent: pixels, differing, left, right };
  }
}

/** The page's lines, and in their places those of frames of other origins that should have joined. */
async function linesOfVisitor(visitor) {
  const ask = (frame) => frame.evaluate(`(${normalise.toString()})(document, "visitor")`);
  const lines = await ask(visitor.page);
  const parts = lines.map(async (line) => {
    const [, depth, id] = /^( *)#foreign (.*)$/.exec(line) ?? [];
    if (depth === undefined) return [line];
    const element = id ? await visitor.page.$(`#${id}`) : null;
    const frame = await element?.contentFrame();
    if (!frame?.url().startsWith(PAY)) return [];
    return (await ask(frame)).map((inner) => depth + inner);
  });
  return (await Promise.all(parts)).flat();
}

function linesOfViewer(agent) {
  return agent.page.evaluate(
    `(${normalise.toString()})(document.querySelector("#stage iframe").contentDocument, "viewer")`,
  );
}

function isGood({ name, live, late, verified, unshown, resyncs, error }) {
  // A view that had to ask for a new picture was not faithful meanwhile, and one that is not verified does not know that it is.
  if (error || !live || !late || !verified || resyncs > 0 || unshown.join() !== (UNSHOWN[name] ?? []).join())
    return false;
  return [live, late].every(
    ({ dom_equal, pixel_diff_percent }) => dom_equal && pixel_diff_percent <= PIXEL_DIFF_PERCENT_MAX,
  );
}

function say(result) {
  const sides = ["live", "late"].map((side) => {
    const found = result[side];
    if (!found) return `${side} -`;
    if (options.verbose && (!found.dom_equal || found.pixel_diff_percent > PIXEL_DIFF_PERCENT_MAX)) {
      mkdirSync("results", { recursive: true });
      writeFileSync(`results/${result.name}-${side}-visitor.png`, found.left);
      writeFileSync(`results/${result.name}-${side}-viewer.png`, found.right);
    }
    delete found.left;
    delete found.right;
    if (found.differing.length === 0) delete found.differing;
    return `${side} ${found.dom_equal ? "equal" : "DIFFERS"} ${found.pixel_diff_percent}%`;
  });
  console.error(
    `${isGood(result) ? "ok  " : "FAIL"} ${result.name}: ${sides.join(", ")}${result.verified === false ? ", never verified" : ""} ${result.error ?? ""}`,
  );
  if (options.verbose) {
    for (const line of new Set([...(result.live?.differing ?? []), ...(result.late?.differing ?? [])]))
      console.error(`       ${line}`);
    for (const line of new Set(result.faults ?? [])) console.error(`       fault: ${line.slice(0, 200)}`);
    if (result.resyncs) console.error(`       resyncs: ${result.resyncs}`);
  }
}
