/**
 * Starts `cargo xtask stack` and ends it by closing its standard input; speaks to its web tier as the operator does.
 *
 * Owns the process and its one line of JSON, for every suite that drives a browser. What groups a suite needs is its own.
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

/**
 * A stack with these further arguments: the line that describes it, and what ends it.
 *
 * @param {readonly string[]} more
 * @returns {Promise<{ readonly line: string, readonly stop: () => Promise<void> }>}
 */
export async function startStack(more = []) {
  const program = xtask();
  if (!existsSync(program))
    throw new Error(`${program} is missing: run \`cargo xtask build\` first`);
  const backend = process.env["COBROWSE_BACKEND"] ?? "auto";
  const child = spawn(program, ["stack", "--backend", backend, ...more], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.stdin.end();
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
  };
  /** @type {string} */
  const line = await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.stdin.end();
      reject(new Error(`no stack within ${START_MS_MAX} ms`));
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
  return { line, stop };
}

/** Where the programs stand that belong to a stack. */
function programs() {
  return process.env["COBROWSE_BIN_DIR"] ?? dirname(xtask());
}

/**
 * Runs `webtier WORDS` on the stack whose files are in `folder`; what it says.
 *
 * @param {string} folder
 * @param {readonly string[]} words
 * @returns {string}
 */
export function operate(folder, words) {
  const file = join(folder, "webtier.toml");
  return execFileSync(join(programs(), "webtier"), [...words, "--config", file], {
    encoding: "utf8",
    stdio: "pipe",
  });
}

function xtask() {
  const built = fileURLToPath(new URL("../../target/debug/xtask", import.meta.url));
  return process.env["COBROWSE_XTASK"] ?? built;
}
