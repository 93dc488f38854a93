/**
 * An empty page in place of the visitor's, and why there is none.
 *
 * Owns that epoch. When it is sent is `session.ts`'s.
 */

import type { EpochWriter } from "./epoch.js";
import { emptyPage, NO_WORDS } from "./mask.js";

/** Forgets what was sent; `why` says it to the agents. */
export function writeEmpty(
  page: Window,
  writer: EpochWriter,
  why: { readonly hides: true } | { readonly paused: string },
): void {
  const { innerWidth: width, innerHeight: height } = page;
  const facts = { url: NO_WORDS, title: NO_WORDS, width, height, visible: true, ...why };
  writer.begin(facts, emptyPage(width, height), true);
}

/** What agents read where this script could not go on. */
export const UNSHAREABLE = "this page cannot be shown";
