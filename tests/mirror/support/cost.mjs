/**
 * Measures what the mask costs: CPU time of the page's thread for 1,000 changes, recorded with and without it.
 *
 * Owns the rounds and the median; the pages are `cost/page.ts`'s. No server takes part.
 */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

import { trimmedRecorder } from "../../../browser/rrweb.mjs";

/** Pages: an ordinary one, a large one, one of fields, one of masked fields. */
const PAGES = [
  { name: "5000_nodes", rows: 1_000, fields: 0 },
  { name: "50000_nodes", rows: 10_000, fields: 0 },
  { name: "6000_inputs", rows: 0, fields: 6_000 },
  { name: "6000_masked_inputs", rows: 0, fields: 6_000, mask: "secret" },
];

/** Milliseconds for 1,000 changes, for each page: the recorder alone, and with the mask. */
export async function measureCost(browser, rounds) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../cost/page.ts", import.meta.url))],
    bundle: true,
    format: "iife",
    target: "es2022",
    minify: true,
    plugins: [trimmedRecorder],
    write: false,
    logLevel: "error",
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.setContent("<!doctype html><title>cost</title><body></body>");
  await page.addScriptTag({ content: outputFiles[0].text });
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const cpuMs = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find((one) => one.name === "TaskDuration").value * 1_000;
  };
  const table = [];
  for (const { name, rows, fields, mask } of PAGES) {
    const taken = { off: [], recorded: [], masked: [] };
    // In turn, so that a slower minute of the machine meets all three.
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of Object.keys(taken)) {
        await page.evaluate(
          ([r, f, k, m]) => (window.maskCost.build(r, f, k), window.maskCost.begin(m)),
          [rows, fields, mask, mode],
        );
        const before = await cpuMs();
        const bytes = await page.evaluate(() => window.maskCost.change());
        taken[mode].push((await cpuMs()) - before);
        if (mode !== "off" && bytes === 0) throw new Error(`${name}: nothing was recorded`);
      }
    }
    await page.evaluate(() => window.maskCost.begin("off"));
    const own = median(taken.off);
    table.push({
      page: name,
      unmasked_ms: round1(median(taken.recorded) - own),
      masked_ms: round1(median(taken.masked) - own),
    });
  }
  await context.close();
  return {
    mutations_1000_ms_masked: table[0].masked_ms,
    mutations_1000_ms_unmasked: table[0].unmasked_ms,
    mutations_1000: table,
  };
}

function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

function round1(number) {
  return Math.round(number * 10) / 10;
}
