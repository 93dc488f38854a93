/**
 * Starts `cargo xtask stack` for one run and ends it by closing its standard input.
 *
 * Owns the process, the group that only this suite needs, and the one line that describes the stack. Browsers are `people.mjs`'s.
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;

/** A running stack: its description, and the way to end it. */
export async function startStack() {
  const built = fileURLToPath(new URL("../../../target/debug/xtask", import.meta.url));
  const program = process.env.COBROWSE_XTASK ?? built;
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`cargo xtask build\` first`);
  const backend = process.env.COBROWSE_BACKEND ?? "auto";
  const child = spawn(program, ["stack", "--servers", "1", "--backend", backend], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.stdin.end();
      reject(new Error(`no stack within ${START_MS_MAX} ms`));
    }, START_MS_MAX);
    createInterface(child.stdout).once("line", (first) => {
      clearTimeout(late);
      resolve(first);
    });
    ended.then(() => {
      clearTimeout(late);
      reject(new Error("the stack ended while it started; see above"));
    });
  });
  const stop = async () => {
    child.stdin.end();
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
  };
  const stack = { ...JSON.parse(line), stop };
  try {
    addGroup(stack, process.env.COBROWSE_BIN_DIR ?? dirname(program));
  } catch (error) {
    await stop();
    throw error;
  }
  return stack;
}

/** Group whose visitors show their canvases and send along what agents cannot reach. */
export const OPEN_GROUP = "mirror-open";

function addGroup(stack, programs) {
  const admin = (...words) => {
    const file = join(stack.folder, "webtier.toml");
    execFileSync(join(programs, "webtier"), [...words, "--config", file], { stdio: "pipe" });
  };
  const { shop_url: shop } = stack;
  admin("group", "add", OPEN_GROUP, "--origin", shop, "--canvas-rate", "5", "--upload-origin", shop);
  for (const { name } of stack.accounts) admin("agent", "grant", name, OPEN_GROUP, "agent");
}
