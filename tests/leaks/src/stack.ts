/**
 * The real stack: `cargo xtask stack`, with the groups that the cases need.
 *
 * Owns starting, describing and ending it. The web tier's own command line makes the groups while it runs.
 */

import { readFileSync } from "node:fs";

import { operate, startStack as start } from "../../support/stack.mjs";
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

/** Starts it. */
export async function startStack(): Promise<Stack> {
  const { line, stop } = await start(["--servers", "1"]);
  const said = JSON.parse(line) as Omit<Stack, "ca" | "stop"> & { public_ca: string };
  const stack: Stack = { ...said, ca: readFileSync(said.public_ca), stop };
  try {
    addGroups(stack);
  } catch (error) {
    await stop();
    throw error;
  }
  return stack;
}

/** What a group of the cases is called. */
export function groupId(name: GroupName): string {
  return `leaks-${name}`;
}

function addGroups(stack: Stack): void {
  const admin = (...words: string[]): string => operate(stack.folder, words);
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
    "p:has(+ input.watched:focus)",
    ".tip:popover-open p",
    ".aimed:target p",
  ),
  canvas: ["--canvas-rate", "5"],
  "canvas-text": ["--canvas-rate", "5", "--mask-default", "text"],
  uploads: ["--upload-origin", "{shop}"],
  frames: ["--origin", "https://pay.localhost:1"],
  // Addresses keep these: what the others lose of them leaves here.
  queries: ["token", "next", "x"].flatMap((name) => ["--query-name", name]),
  // What is plainly no selector is refused when it is set; this one only a browser refuses.
  broken: masks("#card", "#card:no-such-state"),
};
