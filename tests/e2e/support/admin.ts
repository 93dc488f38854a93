/**
 * The operator of the stack: the web tier's own command line, spoken to while it runs.
 *
 * Owns running it. A test that changes settings makes a group of its own, so that it disturbs no other.
 */

import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { stack } from "./stack.js";

/** Runs `webtier WORDS`. */
export function admin(...words: string[]): string {
  const built = fileURLToPath(new URL("../../../target/debug/xtask", import.meta.url));
  const folder = dirname(process.env["COBROWSE_XTASK"] ?? built);
  const file = join(stack().folder, "webtier.toml");
  return execFileSync(join(folder, "webtier"), [...words, "--config", file], {
    encoding: "utf8",
    stdio: "pipe",
  });
}

/** A new group of the shop with these settings, in which Ada leads. */
export function ownGroup(name: string, ...settings: string[]): string {
  const group = `${name}-${String(Date.now() % 1_000_000)}`;
  admin("group", "add", group, "--origin", stack().shop_url, ...settings);
  admin("agent", "grant", "ada", group, "lead");
  return group;
}
