/**
 * Builds the browser part: `npm run build` puts the loader, the visitor's script and the agent's viewer into dist/.
 *
 * Owns what is bundled and how large it may be. Types are checked by `npm run check`.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The loader is on every page of a customer, also where no session ever runs. Larger: the build fails. */
const LOADER_GZIP_BYTES_MAX = 3 * 1024;

const SCRIPTS = {
  loader: "src/loader/main.ts",
  visitor: "src/visitor/main.ts",
  viewer: "src/viewer/main.ts",
  agent: "src/agent/global.ts",
};

/** What the visitor's script loads only when it is needed: modules, since they come by `import()`. */
const PARTS = { assist: "src/assist/main.ts", presence: "src/presence/main.ts" };
const NO_LANGUAGES = ["types.ts", "en.ts"];
for (const file of readdirSync(`${import.meta.dirname}/src/words`)) {
  if (!NO_LANGUAGES.includes(file)) PARTS[`words/${file.slice(0, -3)}`] = `src/words/${file}`;
}

/**
 * rrweb sees closed shadow roots only through this line of its own. It is found once, in the pinned version, or the
 * build fails.
 */
const SHADOW_LINE = 'return getUntaintedAccessor("Element", n, "shadowRoot");';

const closedRoots = {
  name: "closed-roots",
  setup(build) {
    build.onLoad({ filter: /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/ }, ({ path }) => {
      const parts = readFileSync(path, "utf8").split(SHADOW_LINE);
      if (parts.length !== 2) throw new Error("rrweb's shadowRoot was not found: look at its new version");
      const known = JSON.stringify(`${import.meta.dirname}/src/visitor/closed.ts`);
      const line = SHADOW_LINE.replace(";", " ?? closedRootOf(n);");
      return { contents: `import { closedRootOf } from ${known};\n${parts.join(line)}`, loader: "js" };
    });
  },
};

process.chdir(import.meta.dirname);

mkdirSync("dist", { recursive: true });

const COMMON = {
  outdir: "dist",
  bundle: true,
  minify: true,
  sourcemap: false,
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

await build({ ...COMMON, entryPoints: PARTS, format: "esm" });
await build({
  ...COMMON,
  entryPoints: { ...SCRIPTS, viewer_css: "src/viewer/viewer.css" },
  format: "iife",
  loader: { ".css": "css" },
  plugins: [closedRoots],
  write: false,
}).then(({ outputFiles }) => {
  for (const file of outputFiles) {
    const name = file.path.split("/").at(-1);
    writeFileSync(`dist/${name === "viewer_css.css" ? "viewer.css" : name}`, file.contents);
  }
});
writeFileSync("dist/viewer.html", readFileSync("src/viewer/viewer.html"));

await build({ ...COMMON, entryPoints: { "npm/main": "src/npm/main.ts" }, format: "esm", minify: false });
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
writeFileSync("dist/integrity.json", `${JSON.stringify(integrity, null, 2)}\n`);

const sizes = {};
const parts = Object.keys(PARTS).map((name) => `${name}.js`);
for (const name of [
  "loader.js",
  "visitor.js",
  "viewer.js",
  "viewer.css",
  "viewer.html",
  "agent.js",
  ...parts,
]) {
  const bytes = readFileSync(`dist/${name}`);
  sizes[name] = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}
writeFileSync("dist/sizes.json", `${JSON.stringify(sizes, null, 2)}\n`);
console.log(JSON.stringify(sizes));

const loader = sizes["loader.js"].gzip;
if (loader > LOADER_GZIP_BYTES_MAX) {
  console.error(
    `loader.js has ${loader} bytes gzipped, ${LOADER_GZIP_BYTES_MAX} are allowed: take something out of src/loader.`,
  );
  process.exitCode = 1;
}
