/**
 * The real stack: `cargo xtask stack`, with the groups that the cases need.
 *
 * Owns starting, describing and ending it. The web tier's own command line makes the groups while it runs.
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import type { GroupName } from "./kit.js";

/** A running stack. */
export interface Stack {
  readonly web_url: string;
  readonly shop_url: string;
  readonly accounts: readonly { readonly name: string; readonly password: string }[];
  readonly spki_hash: string;
  readonly ca: Buffer;
  readonly folder: string;
  stop(): Promise<void>;
}

/** Starts it. `root` is the folder of the repository. */
export async function startStack(root: string): Promise<Stack> {
  const program = process.env["COBROWSE_XTASK"] ?? join(root, "target/debug/xtask");
  if (!existsSync(program))
    throw new Error(`${program} is missing: run \`cargo xtask build\` first`);
  const backend = process.env["COBROWSE_BACKEND"] ?? "auto";
  const child = spawn(program, ["stack", "--backend", backend, "--servers", "1"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => {
      child.stdin.end();
      reject(new Error(`no stack within ${String(START_MS_MAX)} ms`));
    }, START_MS_MAX);
    createInterface(child.stdout).once("line", (first) => {
      clearTimeout(late);
      resolve(first);
    });
    void ended.then(() => reject(new Error("the stack ended while it started; see above")));
  });
  const said = JSON.parse(line) as Omit<Stack, "ca" | "stop"> & { public_ca: string };
  const stack: Stack = {
    ...said,
    ca: readFileSync(said.public_ca),
    stop: async () => {
      child.stdin.end();
      const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
      await ended;
      clearTimeout(kill);
    },
  };
  try {
    addGroups(stack, process.env["COBROWSE_BIN_DIR"] ?? dirname(program));
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return stack;
}

/** What a group of the cases is called. */
export function groupId(name: GroupName): string {
  return `leaks-${name}`;
}

function addGroups(stack: Stack, programs: string): void {
  const admin = (...words: string[]): void => {
    const file = join(stack.folder, "webtier.toml");
    execFileSync(join(programs, "webtier"), [...words, "--config", file], { stdio: "pipe" });
  };
  for (const [name, settings] of Object.entries(GROUPS)) {
    const id = groupId(name as GroupName);
    const words = settings.map((word) => word.replace("{shop}", stack.shop_url));
    admin("group", "add", id, "--origin", stack.shop_url, ...words);
    admin("agent", "grant", AGENT, id, "agent");
  }
}

/** Account that watches. */
export const AGENT = "ada";

const masks = (...selectors: string[]): string[] => selectors.flatMap((one) => ["--mask", one]);

const GROUPS: Record<GroupName, string[]> = {
  plain: [],
  inputs: ["--mask-default", "inputs"],
  text: ["--mask-default", "text"],
  selectors: masks(
    "#secret",
    ".secret-late, u.secret",
    "[data-state='secret']",
    "form:has(input.private:checked) p",
    "i.flag + p",
    "head > title.secret",
    "option.secret",
    "section:not(.public) > p.inner",
    "[aria-label*='Account' i]",
    "p:is(.one, .two):nth-of-type(2)",
    "svg text.secret",
    "html.locked #below-root",
  ),
  canvas: ["--canvas-rate", "5"],
  "canvas-text": ["--canvas-rate", "5", "--mask-default", "text"],
  uploads: ["--upload-origin", "{shop}"],
  // Addresses keep these: what the others lose of them leaves here.
  queries: ["token", "next", "x"].flatMap((name) => ["--query-name", name]),
  // What is plainly no selector is refused when it is set; this one only a browser refuses.
  broken: masks("#card", "#card:no-such-state"),
};

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
