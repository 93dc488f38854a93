/**
 * Starts `cargo xtask stack`, once for the whole run and again for who needs one of another kind.
 *
 * The backend that was asked for is asserted here: what the servers say must be it.
 */

import { startStack as start } from "../../support/stack.mjs";
import { STACK_VARIABLE, type Stack } from "./stack.js";

export default async function setUp(): Promise<() => Promise<void>> {
  const { line, stop } = await startStack();
  process.env[STACK_VARIABLE] = line;
  return stop;
}

/** A stack, with further arguments: its line, and what ends it. */
export async function startStack(
  more: readonly string[] = [],
): Promise<{ readonly line: string; readonly stop: () => Promise<void> }> {
  const { line, stop } = await start(more);
  const backend = process.env["COBROWSE_BACKEND"] ?? "auto";
  const others = (JSON.parse(line) as Stack).servers.filter((server) => server.backend !== backend);
  if (backend !== "auto" && others.length > 0) {
    await stop();
    const which = others.map((server) => `${server.id} uses ${server.backend}`).join(", ");
    throw new Error(`${which}, not ${backend}`);
  }
  return { line, stop };
}
