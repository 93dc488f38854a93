/**
 * Random pages: each changes at random, and the mirrored page has to be equal at every rest and from a new keyframe.
 *
 * Owns the seeds, the time and the shrinking of a page that differs. A page is made by `random/`; the view stands under the policy
 * of the viewer's page. No server takes part.
 */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

import { fittedPlayer } from "../../../browser/replay.mjs";
import { trimmedRecorder } from "../../../browser/rrweb.mjs";
import { Dice } from "../random/dice.mjs";
import { escaped, markup, rules } from "../random/markup.mjs";
import { chromiumOptions } from "../../support/chromium.mjs";

const ROOT = fileURLToPath(new URL("../random/", import.meta.url));
const ORIGIN = "https://random.localhost";
const SIZE = { width: 640, height: 480 };
/** Views that are worked on at once: what a page waits for, another uses. */
const LANES = 2;
/** How often a page is tried anew to find fewer steps. */
const SHRINKS_MAX = 60;
const SHRINK_REST_MS = 1_500;
const ATTEMPT_MS_MAX = 20_000;

/** The viewer's policy, as `cserver/src/pages.rs` has it. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; media-src 'none'; frame-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types default";

/** Tries pages until time is up: how many there were, and which differ. */
export async function tryRandom({
  seconds,
  seed,
  only = null,
  pagesMax = Infinity,
  onFault = () => undefined,
}) {
  const scripts = await bundle();
  const until = Date.now() + seconds * 1_000;
  const counted = { seed, pages: 0, changes: 0, crashes: 0, differing: [] };
  let next = seed;
  const lane = async () => {
    let view = await open(scripts);
    while (only === null ? Date.now() < until && counted.pages < pagesMax : counted.pages === 0) {
      const number = only ?? next++;
      const plan = planOf(number);
      counted.pages += 1;
      const result = await attempt(view, number, plan);
      counted.changes += result.steps.length;
      if (result.at !== null && result.at !== "crash") {
        const fault = await shrink(view, number, plan, result);
        counted.differing.push(fault);
        onFault(fault);
      }
      // A browser that has ended was ended by the page, which has its own part in that.
      if (view.isClosed() || result.at === "crash") {
        counted.crashes += 1;
        await view.context().browser().close();
        view = await open(scripts);
      }
    }
    await view.context().browser().close();
  };
  await Promise.all(Array.from({ length: only === null ? LANES : 1 }, lane));
  return counted;
}

/** Numbers of changes, in bursts. */
function planOf(seed) {
  const dice = new Dice(seed, 7);
  let number = 0;
  return Array.from({ length: 2 + dice.below(3) }, () =>
    Array.from({ length: 1 + dice.below(9) }, () => (number += 1)),
  );
}

async function attempt(view, seed, bursts, restMs) {
  let late;
  const hung = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error("the page hangs")), ATTEMPT_MS_MAX);
  });
  try {
    return await Promise.race([
      view.evaluate((plan) => window.tryPage(plan), { seed, bursts, restMs }),
      hung,
    ]);
  } catch (error) {
    return { at: "crash", steps: [], found: [error.message] };
  } finally {
    clearTimeout(late);
  }
}

/** Leaves out what is not needed for a page to differ. */
async function shrink(view, seed, bursts, result) {
  let best = { bursts: bursts.slice(), result };
  let left = SHRINKS_MAX;
  const differs = async (tried) => {
    if (left === 0) return false;
    left -= 1;
    const found = await attempt(view, seed, tried, SHRINK_REST_MS);
    if (found.at === null || found.at === "crash") return false;
    best = { bursts: tried, result: found };
    return true;
  };
  for (let size = 8; size >= 1; size = size >> 1) {
    for (let at = 0; at < best.bursts.flat().length && left > 0;) {
      const gone = new Set(best.bursts.flat().slice(at, at + size));
      const tried = best.bursts
        .map((burst) => burst.filter((number) => !gone.has(number)))
        .filter((burst) => burst.length > 0);
      if (!(await differs(tried))) at += size;
    }
  }
  return { seed, bursts: best.bursts, ...best.result };
}

async function open(scripts) {
  const browser = await chromium.launch(
    chromiumOptions(null, ["--force-color-profile=srgb", "--hide-scrollbars"]),
  );
  const context = await browser.newContext({ viewport: SIZE });
  await context.route("**/*", (route) => {
    const url = new URL(route.request().url());
    if (url.protocol !== "https:") return route.continue();
    const name = url.pathname.replace("/random/", "");
    if (scripts.has(name))
      return route.fulfill({ contentType: "text/javascript; charset=utf-8", body: scripts.get(name) });
    if (name === "page") return route.fulfill(pageOf(Number(url.searchParams.get("seed"))));
    const [, sheet] = /^sheet-(.*)\.css$/.exec(name) ?? [];
    if (sheet) {
      const body = Buffer.from(decodeURIComponent(sheet), "base64").toString();
      return route.fulfill({ contentType: "text/css; charset=utf-8", body });
    }
    if (name !== "view") return route.fulfill({ status: 404, body: "" });
    return route.fulfill({
      contentType: "text/html; charset=utf-8",
      headers: { "content-security-policy": POLICY },
      body: `<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}.layer{position:absolute}</style><div id="stage"></div><script src="/random/agent.js"></script>`,
    });
  });
  const page = await context.newPage();
  await page.goto(`${ORIGIN}/random/view`);
  return page;
}

/** A page as the visitor's server gives it. */
function pageOf(seed) {
  const dice = new Dice(seed, 3);
  const isXml = dice.chance(0.08);
  const head = `<title>t</title><style>body { font: 16px/1.4 sans-serif; margin: 8px } * { caret-color: transparent } .scroll { height: 60px; overflow: auto } .tall { height: 300px }</style><style>${rules(dice)}</style>`;
  const body = markup(dice, { depth: 3, isXml });
  const script = '<script src="/random/visitor.js"></script>';
  if (isXml)
    return {
      contentType: "application/xhtml+xml; charset=utf-8",
      body: `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>${head.replaceAll("&", "&amp;")}${script}</head><body>${body}</body></html>`,
    };
  const doctype = dice.pick([
    "<!doctype html>",
    "<!doctype html>",
    "<!doctype html>",
    "",
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">',
  ]);
  const base = dice.chance(0.1) ? '<base href="/elsewhere/deep/">' : "";
  const html = dice.pick([
    "",
    ' dir="rtl"',
    ' class="a"',
    ` style="color-scheme: dark"`,
    ` data-x="${escaped(dice.words())}"`,
  ]);
  const policy = dice.chance(0.15)
    ? {
        "content-security-policy":
          "script-src 'self' 'nonce-n'; style-src 'self' blob: 'unsafe-inline'; object-src 'none'",
      }
    : {};
  return {
    contentType: "text/html; charset=utf-8",
    headers: policy,
    body: `${doctype}<html${html}><head><meta charset="utf-8">${base}${head}${script}</head><body>${body}</body></html>`,
  };
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [`${ROOT}visitor.mjs`, `${ROOT}agent.mjs`],
    outdir: `${ROOT}dist`,
    bundle: true,
    format: "iife",
    target: "es2022",
    nodePaths: [fileURLToPath(new URL("../../../browser/node_modules", import.meta.url))],
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    plugins: [trimmedRecorder, fittedPlayer],
    logLevel: "error",
    write: false,
  });
  return new Map(outputFiles.map((file) => [file.path.split("/").at(-1), file.text]));
}
