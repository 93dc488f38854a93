/**
 * The suite's pages as a site: bundled with esbuild, served under the shop's origin inside the browser.
 *
 * Owns bundling and the answers of `/mirror/…`. With `dist`, scripts of that folder stand in for those that the
 * programs were built with, so that a change of `browser/` can be tried without building the programs again.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

import { OPEN_GROUP, OTHER_SITE, PAY } from "./stack.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Sheets of packages that a page links to. */
const LINKS = {
  bootstrap: "bootstrap/dist/css/bootstrap.min.css",
  editor: "quill/dist/quill.snow.css",

  grid: "tabulator-tables/dist/css/tabulator.min.css",
  ionic: "@ionic/core/css/core.css",
  map: "leaflet/dist/leaflet.css",
};

/** Pages of another group than `demo`. */
const GROUPS = {
  chart: OPEN_GROUP,
  forms: OPEN_GROUP,
  joined: OPEN_GROUP,
  pay: OPEN_GROUP,
  reach: OPEN_GROUP,
};

/** What stands in frames of another page. */
const INNER = ["pay"];

/** How late some pictures come to agents. */
const SLOW_MS = 700;

/** Names of all pages. */
export function pageNames() {
  return readdirSync(`${ROOT}pages`)
    .map((file) => file.replace(/\.mjs$/, ""))
    .filter((name) => name !== "kit" && !INNER.includes(name))
    .sort();
}

/** Bundles the pages in memory: name to script. */
export async function bundle(names) {
  const { outputFiles } = await build({
    entryPoints: [...names, ...INNER].map((name) => `${ROOT}pages/${name}.mjs`),
    outdir: `${ROOT}dist`,
    bundle: true,
    format: "iife",
    target: "es2022",
    define: {
      "process.env.NODE_ENV": '"production"',
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    logLevel: "error",
    write: false,
  });
  return new Map(outputFiles.map((file) => [file.path.split("/").at(-1).replace(/\.js$/, ""), file.text]));
}

/** Serves the pages to one browser context. */
export async function serve(context, stack, scripts, { dist, tagAttributes = "", isVisitor = false } = {}) {
  const answer = async (route) => {
    const path = new URL(route.request().url()).pathname.replace("/mirror/", "");
    const [, name, ending] = /^([a-z0-9]+)\.(html|js|css)$/.exec(path) ?? [];
    // What lies behind the visitor's login.
    if (path.startsWith("private/") && !isVisitor) return route.fulfill({ status: 403, body: "log in" });
    if (path.startsWith("private/")) return route.fulfill({ contentType: "image/svg+xml", body: tile(path) });
    if (path.startsWith("tile/")) return route.fulfill({ contentType: "image/svg+xml", body: tile(path) });
    // What comes at once to the visitor and late to agents.
    if (path.startsWith("slow/")) {
      if (!isVisitor) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      return route.fulfill({ contentType: "image/svg+xml", body: tile(path) }).catch(() => undefined);
    }
    if (ending === "js" && scripts.has(name)) {
      return route.fulfill({ contentType: "text/javascript; charset=utf-8", body: scripts.get(name) });
    }
    if (ending === "css" && LINKS[name]) {
      return route.fulfill({
        contentType: "text/css; charset=utf-8",
        headers: { "cross-origin-resource-policy": "cross-origin" },
        body: readFileSync(`${ROOT}node_modules/${LINKS[name]}`),
      });
    }
    if (ending === "html") {
      return route.fulfill({
        contentType: "text/html; charset=utf-8",
        body: html(name, stack, tagAttributes),
      });
    }
    return route.fulfill({ status: 404, body: "no such page" });
  };
  await context.route(`${stack.shop_url}/mirror/**`, answer);
  await context.route(`${PAY}/mirror/**`, answer);
  await context.route(`${OTHER_SITE}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    if (!isVisitor) return route.fulfill({ status: 403, body: "log in" });
    const headers = { "access-control-allow-origin": "*" };
    if (!pathname.endsWith(".css"))
      return route.fulfill({ contentType: "image/svg+xml", headers, body: tile(pathname) });
    const body = ".far { width: 200px; padding: 8px; color: #fff; background: url(../far.svg) }";
    return route.fulfill({ contentType: "text/css; charset=utf-8", headers, body });
  });
  await context.route("https://elsewhere.localhost:1/**", (route) =>
    route.fulfill({ contentType: "text/html; charset=utf-8", body: "<!doctype html>" }),
  );
  if (dist) await serveDist(context, stack, dist);
}

function html(name, stack, tagAttributes) {
  const link = LINKS[name] ? `<link rel="stylesheet" href="/mirror/${name}.css">` : "";
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
    <style>body{font:16px/1.4 sans-serif;margin:16px}*{caret-color:transparent}</style>${link}
    <script id="glance-cobrowse" src="${stack.web_url}/cobrowse/loader.js" data-groupid="${GROUPS[name] ?? "demo"}" ${tagAttributes}></script></head>
    <body><div id="app"></div><script src="/mirror/${name}.js"></script></body></html>`;
}

/** A tile is a square with a colour of its own, so that a wrong one shows in the pixels. */
function tile(path) {
  const seed = [...path].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"><rect width="256" height="256" fill="hsl(${seed} 50% 70%)"/><path d="M0 0L256 256" stroke="#fff"/><clipPath id="c"><circle cx="40" cy="20" r="20"/></clipPath></svg>`;
}

async function serveDist(context, stack, dist) {
  const read = (name) => readFileSync(`${dist}/${name}`, "utf8");
  // Scripts and their parts; the rest of that folder is the web tier's own.
  await context.route(`${stack.web_url}/cobrowse/*.js`, (route) => {
    const name = new URL(route.request().url()).pathname.replace("/cobrowse/", "");
    if (!existsSync(`${dist}/${name}`)) return route.continue();
    return route.fulfill({
      contentType: "text/javascript; charset=utf-8",
      headers: { "access-control-allow-origin": "*" },
      body: read(name),
    });
  });
  const kinds = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
  for (const server of stack.servers) {
    await context.route(`${server.url}/assets/**`, (route) => {
      const ending = new URL(route.request().url()).pathname.split(".").at(-1);
      if (!existsSync(`${dist}/viewer.${ending}`)) return route.continue();
      return route.fulfill({ contentType: kinds[ending], body: read(`viewer.${ending}`) });
    });
  }
}
