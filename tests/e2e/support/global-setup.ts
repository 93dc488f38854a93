/**
 * Starts `cargo xtask stack`, once for the whole run and again for who needs one of another kind, and ends it by closing its
 * standard input.
 *
 * The backend that was asked for is asserted here: what the servers say must be it.
 */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

import { STACK_VARIABLE, type Stack } from "./stack.js";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

export default async function setUp(): Promise<() => Promise<void>> {
  const { line, stop } = await startStack();
  process.env[STACK_VARIABLE] = line;
  return stop;
}

/** Where the programs stand that belong to the stack. */
export function programs(): string {
  return dirname(xtask());
}

function xtask(): string {
  const built = fileURLToPath(new URL("../../../target/debug/xtask", import.meta.url));
  return process.env["COBROWSE_XTASK"] ?? built;
}

/** A stack, with further arguments: its line, and what ends it. */
export async function startStack(
  more: readonly string[] = [],
): Promise<{ readonly line: string; readonly stop: () => Promise<void> }> {
  const program = xtask();
  if (!existsSync(program))
    throw new Error(`${program} is missing: run \`cargo xtask build\` first`);
  const backend = process.env["COBROWSE_BACKEND"] ?? "auto";
  const child = spawn(program, ["stack", "--backend", backend, ...more], {
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
    void ended.then(() => {
      clearTimeout(late);
      reject(new Error("the stack ended while it started; see above"));
    });
  });
  const stack = JSON.parse(line) as Stack;
  for (const server of stack.servers) {
    if (backend !== "auto" && server.backend !== backend) {
      child.stdin.end();
      throw new Error(`${server.id} uses ${server.backend}, not ${backend}`);
    }
  }
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await Promise.race([ended, after(STOP_MS_MAX).then(() => child.kill("SIGKILL"))]);
  };
  return { line, stop };
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
