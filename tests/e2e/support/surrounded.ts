/**
 * A stack of another kind: its session servers belong to another site than its web tier, whose page stands around their views when the
 * setting says so.
 *
 * Owns starting it in the place of the run's own, and how a test finds the view in that page.
 */

import type { FrameLocator, Page } from "@playwright/test";

import { startStack } from "./global-setup.js";
import { STACK_VARIABLE } from "./stack.js";

/** Starts it, by default in the default setting; what ends it, and gives the tests behind it the stack of the run back. */
export async function startElsewhere(
  servers: number,
  setting?: "always" | "never",
): Promise<() => Promise<void>> {
  const before = process.env[STACK_VARIABLE];
  const set = setting ? ["--surrounds-views", setting] : [];
  const started = await startStack(["--elsewhere", "--servers", String(servers), ...set]);
  process.env[STACK_VARIABLE] = started.line;
  return async () => {
    process.env[STACK_VARIABLE] = before;
    await started.stop();
  };
}

/** The view inside of the web tier's page. */
export function viewIn(page: Page): FrameLocator {
  return page.frameLocator("body.around > iframe");
}
