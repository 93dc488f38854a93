/**
 * Builds the browser part: `npm run build` puts the loader, the visitor's script and the agent's viewer into dist/.
 *
 * Owns what is bundled and how large it may be. Types are checked by `npm run check`.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

import { fittedPlayer } from "./replay.mjs";
import { trimmedRecorder } from "./rrweb.mjs";
import { smaller } from "./smaller.mjs";

/** The loader is on every page of a customer, also where no session ever runs. Larger: the build fails. */
const LOADER_GZIP_BYTES_MAX = 3 * 1024;

/** The visitor's script is loaded when a session begins, on slow lines too. Larger: the build fails. */
const VISITOR_GZIP_BYTES_MAX = 40_000;

/** Both sides of frames that join; loaded in the page and in the frame, where there are any. Larger: the build fails. */
const FRAMES_GZIP_BYTES_MAX = 12_000;

const SCRIPTS = {
  loader: "src/loader/main.ts",
  visitor: "src/visitor/main.ts",
  viewer: "src/viewer/main.ts",
  watchman: "src/watchman/main.ts",
  agent: "src/agent/global.ts",
  around: "src/around/main.ts",
};

/** What customers' pages load is squeezed once more. */
const SMALLER = ["loader.js", "visitor.js"];

/** What the visitor's script loads only when it is needed: modules, since they come by `import()`. */
const PARTS = {
  assist: "src/assist/main.ts",
  presence: "src/presence/main.ts",
  ways: "src/ways/main.ts",
  requests: "src/protocol/channel.ts",
  deflate: "src/mirror/deflate.ts",
  mirror: "src/mirror/main.ts",
  canvas: "src/mirror/canvas.ts",
  uploads: "src/mirror/uploads.ts",
  frames: "src/frames/main.ts",
};
const NO_LANGUAGES = ["types.ts", "en.ts"];
for (const file of readdirSync(`${import.meta.dirname}/src/words`)) {
  if (!NO_LANGUAGES.includes(file)) PARTS[`words/${file.slice(0, -3)}`] = `src/words/${file}`;
}

process.chdir(import.meta.dirname);

mkdirSync("dist", { recursive: true });

/** Style sheets stand in the sources as texts that people can read; browsers get them without what only people need. */
const smallerStyles = {
  name: "smaller-styles",
  setup(all) {
    all.onLoad({ filter: /(?:style|button)\.ts$/ }, async ({ path }) => {
      const [before, css, after] = readFileSync(path, "utf8").split(/(?<=_CSS = )`([^`]*)`/);
      if (css === undefined) return null;
      const { code } = await transform(css, { loader: "css", minify: true, target: COMMON.target });
      return { contents: before + JSON.stringify(code.trim()) + after, loader: "ts" };
    });
  },
};

const COMMON = {
  outdir: "dist",
  bundle: true,
  minify: true,
  sourcemap: false,
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  // Fields are assigned, so that those which a constructor fills are not declared as well.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  logLevel: "warning",
  plugins: [smallerStyles],
};

/** Hashes that one script has of others, so that a page which takes the loader by its hash takes all by theirs. */
const hashesOf = (names) => {
  const hash = (name) =>
    createHash("sha256")
      .update(readFileSync(`dist/${name}`))
      .digest("base64");
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, `sha256-${hash(name)}`])));
};

/** What fails while a script is read is none of the page's either: the guard is not there yet. */
const WHOLE = { banner: { js: "try{" }, footer: { js: '}catch(e){console.warn("Cobrowse:",e)}' } };

/** Scripts that a page has by a tag. `taken` are those that they take themselves, and so have been built before. */
const buildScripts = (entryPoints, taken) =>
  build({
    ...COMMON,
    entryPoints,
    format: "iife",
    loader: { ".css": "css" },
    plugins: [trimmedRecorder, fittedPlayer, smallerStyles],
    define: { COBROWSE_HASHES: hashesOf(taken) },
    ...(entryPoints.loader ? {} : WHOLE),
    write: false,
  }).then(async ({ outputFiles }) => {
    for (const file of outputFiles) {
      const name = file.path.split("/").at(-1);
      const contents = SMALLER.includes(name) ? await smaller(file.text) : file.contents;
      writeFileSync(`dist/${name === "viewer_css.css" ? "viewer.css" : name}`, contents);
    }
  });

// Who takes others is built after them: the parts; `ways`, which has the parts' hashes; the visitor's script, which has
// its hash; the loader.
const { ways, ...parts } = PARTS;
await build({ ...COMMON, entryPoints: parts, format: "esm" });
const COBROWSE_HASHES = hashesOf(Object.keys(parts).map((part) => `${part}.js`));
await build({ ...COMMON, entryPoints: { ways }, format: "esm", define: { COBROWSE_HASHES } });
const { loader: loaderEntry, ...others } = SCRIPTS;
await buildScripts({ ...others, viewer_css: "src/viewer/viewer.css" }, ["ways.js"]);
await buildScripts({ loader: loaderEntry }, ["visitor.js", "presence.js"]);
writeFileSync("dist/viewer.html", readFileSync("src/viewer/viewer.html"));

await build({ ...COMMON, entryPoints: { "npm/main": "src/npm/main.ts" }, format: "esm", minify: false });
await build({
  ...COMMON,
  entryPoints: { "npm/mask-test": "src/npm/mask-test/main.ts" },
  platform: "node",
  format: "esm",
  target: "node20",
  // The text of one function goes to the page as it is.
  minify: false,
  banner: { js: "#!/usr/bin/env node" },
});
writeFileSync("dist/npm/package.json", readFileSync("src/npm/package.json"));

/** What a page may demand of each script: it takes exactly this release, or none. */
const integrity = {};
for (const name of [
  "loader.js",
  "visitor.js",
  "agent.js",
  ...Object.keys(PARTS).map((part) => `${part}.js`),
]) {
  integrity[name] = `sha384-${createHash("sha384")
    .update(readFileSync(`dist/${name}`))
    .digest("base64")}`;
}
const { version } = JSON.parse(readFileSync("src/npm/package.json", "utf8"));
writeFileSync("dist/integrity.json", `${JSON.stringify({ version, hashes: integrity }, null, 2)}\n`);

const sizes = {};
const partNames = Object.keys(PARTS).map((name) => `${name}.js`);
for (const name of [
  "loader.js",
  "visitor.js",
  "viewer.js",
  "viewer.css",
  "viewer.html",
  "watchman.js",
  "agent.js",
  ...partNames,
]) {
  const bytes = readFileSync(`dist/${name}`);
  sizes[name] = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}
writeFileSync("dist/sizes.json", `${JSON.stringify(sizes, null, 2)}\n`);
console.log(JSON.stringify(sizes));

for (const [script, bytesMax, where] of [
  ["loader.js", LOADER_GZIP_BYTES_MAX, "src/loader"],
  ["frames.js", FRAMES_GZIP_BYTES_MAX, "src/frames"],
  ["visitor.js", VISITOR_GZIP_BYTES_MAX, "src/visitor, or load what is rarely needed as a part"],
]) {
  const bytes = sizes[script].gzip;
  if (bytes <= bytesMax) continue;
  console.error(
    `${script} has ${bytes} bytes gzipped, ${bytesMax} are allowed: take something out of ${where}.`,
  );
  process.exitCode = 1;
}
