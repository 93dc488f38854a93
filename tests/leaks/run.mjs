/**
 * Runs what stands in src/: `node run.mjs [--quick] [--json FILE] [--only WORD] [--random SECONDS [--seed N] [--page N]] [--broken N]`.
 *
 * Owns only the bundling, so that Node needs no loader for TypeScript.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const folder = join(import.meta.dirname, "node_modules", ".built", String(process.pid));
mkdirSync(folder, { recursive: true });
const outfile = join(folder, "main.mjs");
await build({
  entryPoints: [join(import.meta.dirname, "src/main.ts")],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  logLevel: "warning",
});
try {
  const { main } = await import(pathToFileURL(outfile).href);
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
