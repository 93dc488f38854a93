/**
 * The npm package as its user has it: packed, installed into an empty folder, type-checked in a consumer, and loaded.
 *
 * Needs the bundles (`npm run build`). Asks no registry: the package depends on nothing.
 */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), "cobrowse-package-"));
const run = (program, words, cwd) => execFileSync(program, words, { cwd, encoding: "utf8", stdio: "pipe" });
const typescript = join(here, "node_modules/typescript/bin/tsc");

/** What a bundled application does with it, in strict types; the last lines must not pass the checker. */
const CONSUMER = `
import { createAgent, loadCobrowse, type CobrowseError, type VisitorApi } from "cobrowse";

export async function help(server: string): Promise<string> {
  const visitor: VisitorApi = await loadCobrowse({ server, groupId: "demo", additionalGroupIds: ["support"] });
  visitor.addEventListener("sessionend", ({ reason }) => console.log(reason === "agent"));
  visitor.addEventListener("error", ({ code }) => console.log(code === "SCRIPT_NOT_LOADED"));
  try {
    return (await visitor.startSession({ sessionKey: "crm-77" })).sessionKey;
  } catch (error) {
    return (error as CobrowseError).code;
  }
}
createAgent(window).addEventListener("addguest", ({ url }) => console.log(url.length));
// @ts-expect-error: there is no such event
(await loadCobrowse({ server: "https://www.example", groupId: "demo" })).addEventListener("nothing", () => {});
// @ts-expect-error: a group has to be named
void loadCobrowse({ server: "https://www.example" });
`;

try {
  run(process.execPath, [typescript, "-p", "tsconfig.npm.json"], here);
  // What is packed is a copy: a build beside this one cannot change it.
  cpSync(join(here, "dist/npm"), join(folder, "package"), { recursive: true });
  run("npm", ["pack", "--silent", "--pack-destination", folder], join(folder, "package"));
  const packed = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  const consumer = join(folder, "consumer");
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), '{"name":"consumer","private":true,"type":"module"}');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--silent", join(folder, packed)], consumer);
  const installed = readdirSync(join(consumer, "node_modules/cobrowse")).sort();
  if (installed.join(" ") !== "main.js mask-test.js package.json types")
    throw new Error(`the package has ${installed.join(" ")}`);

  writeFileSync(join(consumer, "main.ts"), CONSUMER);
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2022", types: [] };
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["main.ts"] }));
  run(process.execPath, [typescript, "-p", "."], consumer);

  const load = `
    import { createAgent, loadCobrowse } from "cobrowse";
    const tags = [];
    globalThis.window = { addEventListener() {} };
    globalThis.document = { createElement: () => ({ dataset: {}, remove() {} }), head: { append: (tag) => tags.push(tag) } };
    const options = { server: "https://www.example", groupId: "demo", visitorId: "crm-77", integrity: "sha384-x" };
    const loading = loadCobrowse(options);
    const [tag] = tags;
    console.log(JSON.stringify([tag.id, tag.src, tag.dataset, tag.integrity, tag.crossOrigin, Object.keys(createAgent(window)).length > 4]));
    tag.onerror();
    await loading.catch((error) => console.log(error.message));
  `;
  const told = run(process.execPath, ["--input-type=module", "--eval", load], consumer).trim().split("\n");
  const wanted = [
    '["glance-cobrowse","https://www.example/cobrowse/loader.js",{"groupid":"demo","visitorid":"crm-77"},"sha384-x","anonymous",true]',
    "Cobrowse: https://www.example/cobrowse/loader.js did not load",
  ];
  if (told.join("\n") !== wanted.join("\n")) throw new Error(`the loaded package said:\n${told.join("\n")}`);
} catch (error) {
  console.error(
    `the npm package does not do what it should: ${error.message}\n${error.stdout ?? ""}${error.stderr ?? ""}`,
  );
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
