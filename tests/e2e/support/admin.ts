/**
 * The operator of the stack: the web tier's own command line, spoken to while it runs.
 *
 * Owns running it. A test that changes settings makes a group of its own, so that it disturbs no other.
 */

import { operate } from "../../support/stack.mjs";
import { stack } from "./stack.js";

/** Runs `webtier WORDS`. */
export function admin(...words: string[]): string {
  return operate(stack().folder, words);
}

/** A new group of the shop with these settings, in which Ada leads. */
export function ownGroup(name: string, ...settings: string[]): string {
  const group = `${name}-${String(Date.now() % 1_000_000)}`;
  admin("group", "add", group, "--origin", stack().shop_url, ...settings);
  admin("agent", "grant", "ada", group, "lead");
  return group;
}
