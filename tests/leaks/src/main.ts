/**
 * The leak suite: every case once with its rule and once without, on the real stack, and what came of it.
 *
 * Leaves 0 when nothing leaked, every control bit and no run failed; else 1. `--quick` runs every second case.
 *
 * `--broken N` tries every Nth of all that a page could break in the browser (`broken/`), `--broken sample` some of it, and
 * `--broken 1 --built-in WORD` what has that word in its path; no cases, but with `--cases`.
 *
 * `--random SECONDS` runs pages that chance makes (`random/`) and no cases; with `--cases` both. `--seed N` repeats a run,
 * `--page N` one document of it. What leaks is kept in `failed/`, or where `--keep` says.
 */

import { writeFileSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

import { chromiumOptions } from "../../support/chromium.mjs";
import { Login } from "./agent.js";
import { runBroken, type BrokenFigures } from "./broken/broken.js";
import { ATTACKS } from "./cases/attacks.js";
import { CANVASES } from "./cases/canvas.js";
import { DISGUISES } from "./cases/disguises.js";
import { DOUBLES } from "./cases/doubles.js";
import { ECHOES } from "./cases/echoes.js";
import { FIELDS } from "./cases/fields.js";
import { FRAMES } from "./cases/frames.js";
import { GUISES } from "./cases/guises.js";
import { KINDS } from "./cases/kinds.js";
import { LIVE } from "./cases/live.js";
import { PAGES } from "./cases/pages.js";
import { SHAPES } from "./cases/shapes.js";
import { STRANGERS } from "./cases/strangers.js";
import { TEXTS } from "./cases/texts.js";
import { TREES } from "./cases/trees.js";
import { UPLOADS } from "./cases/uploads.js";
import { isSound, runRandom, type RandomFigures, type RandomOptions } from "./random/random.js";
import { Fill, type Case, type GroupName } from "./kit.js";
import { Lane, type Outcome } from "./runner.js";
import { startStack, type Stack } from "./stack.js";

interface Job {
  readonly one: Case;
  readonly number: number;
  readonly isMasked: boolean;
}

/** Runs it. */
export async function main(words: readonly string[]): Promise<number> {
  const only = valueOf(words, "--only");
  const all = [
    ...FIELDS,
    ...TEXTS,
    ...LIVE,
    ...TREES,
    ...PAGES,
    ...ATTACKS,
    ...DISGUISES,
    ...CANVASES,
    ...UPLOADS,
    ...FRAMES,
    ...KINDS,
    ...GUISES,
    ...DOUBLES,
    ...ECHOES,
    ...SHAPES,
    ...STRANGERS,
  ];
  // Every second case still tries each kind of place, in half the time.
  const isQuick = words.includes("--quick");
  const random = randomOptions(words);
  const cases = all.filter(
    (one, at) =>
      ((!random && !words.includes("--broken")) || words.includes("--cases")) &&
      (!only || only.split("|").some((part) => one.name.includes(part))) &&
      (!isQuick || at % 2 === 0),
  );
  const started = Date.now();
  const stack = await startStack();
  let outcomes: Outcome[] = [];
  let swept: string[] = [];
  let chance: RandomFigures | null = null;
  let broken: BrokenFigures | null = null;
  try {
    const browser = await launch(stack);
    try {
      const login = await Login.of(stack);
      ({ outcomes, swept } = await runAll(stack, browser, login, cases));
      if (random) chance = await runRandom(stack, browser, login, random);
      const every = valueOf(words, "--broken");
      const only = valueOf(words, "--built-in") ?? null;
      if (every !== undefined)
        broken = await runBroken(stack, browser, {
          every: every === "sample" ? null : Number(every),
          only,
        });
    } finally {
      await browser.close();
    }
  } finally {
    await stack.stop();
  }
  const file = valueOf(words, "--json");
  const isGood = report(
    outcomes,
    swept,
    cases,
    { ...chance, ...broken },
    Date.now() - started,
    file,
  );
  const isChance = chance ? isSound(chance) : broken !== null || cases.length > 0;
  return isGood && isChance && (broken?.broken_felt ?? 0) === 0 ? 0 : 1;
}

/** What is asked of chance; `null` where nothing is. */
function randomOptions(words: readonly string[]): RandomOptions | null {
  const seconds = Number(valueOf(words, "--random"));
  if (!(seconds > 0)) return null;
  const only = valueOf(words, "--page");
  return {
    seconds,
    seed: Number(valueOf(words, "--seed") ?? Math.floor(Math.random() * 1_000_000)),
    only: only === undefined ? null : Number(only),
    folder: valueOf(words, "--keep") ?? "failed",
  };
}

/** A browser that knows the stack's certificates. */
export function launch(stack: Stack | null): Promise<Browser> {
  const local =
    // A page that a test serves counts as one of the public net, which may not ask loopback.
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights";
  return chromium.launch(chromiumOptions(stack?.spki_hash ?? null, [local]));
}

async function runAll(
  stack: Stack,
  browser: Browser,
  login: Login,
  cases: readonly Case[],
): Promise<{ outcomes: Outcome[]; swept: string[] }> {
  const lanes = new Map<GroupName, Job[]>();
  cases.forEach((one, number) => {
    for (const isMasked of [true, false]) {
      const group = (isMasked ? one.group : one.controlGroup) ?? "plain";
      lanes.set(group, [...(lanes.get(group) ?? []), { one, number, isMasked }]);
    }
  });
  const queues = [...lanes].flatMap(([group, jobs]) =>
    sessions(jobs).map((part) => ({ group, jobs: part })),
  );
  queues.sort((one, other) => other.jobs.length - one.jobs.length);
  const outcomes: Outcome[] = [];
  const swept: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = queues.shift(); next; next = queues.shift()) {
      const lane = new Lane(stack, browser, login, next.group);
      for (const { one, number, isMasked } of next.jobs)
        outcomes.push(await lane.run(one, number, isMasked));
      // Late frames of one page arrive with the next: a last look at all, for what no control had to show.
      const text = lane.allText();
      for (const { one, number, isMasked } of next.jobs) {
        const isClean = next.jobs.every((job) => job.isMasked || job.number !== number);
        if (isMasked && isClean && !one.found && !one.isLate && new Fill(number, true).isIn(text))
          swept.push(one.name);
      }
      await lane.close();
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return { outcomes, swept };
}

/** Masked and control runs of a case never share a session, and none is so long that the others wait for it in the end. */
function sessions(jobs: readonly Job[]): Job[][] {
  const parts: Job[][] = [];
  for (const isMasked of [true, false]) {
    const side = jobs.filter((job) => job.isMasked === isMasked);
    for (let at = 0; at < side.length; at += SESSION_JOBS)
      parts.push(side.slice(at, at + SESSION_JOBS));
  }
  return parts;
}

function report(
  outcomes: readonly Outcome[],
  swept: readonly string[],
  cases: readonly Case[],
  more: object,
  ms: number,
  file: string | undefined,
): boolean {
  const masked = outcomes.filter((one) => one.isMasked);
  const leaks = masked.filter((one) => one.found);
  const blunt = outcomes.filter((one) => !one.isMasked && !one.found && !one.fault);
  const faults = outcomes.filter((one) => one.fault);
  const leaked = new Set([...leaks.map((one) => one.name), ...swept]);
  for (const one of leaks) console.log(`LEAK    ${one.name}: ${one.excerpt ?? ""}`);
  for (const name of swept) console.log(`LEAK    ${name} (in late frames)`);
  for (const one of blunt) console.log(`BLUNT   ${one.name}: its control shows no canary`);
  for (const one of faults)
    console.log(`FAILED  ${one.name} (${one.isMasked ? "masked" : "control"}): ${one.fault ?? ""}`);
  const figures = {
    leak_cases: cases.length,
    leak_controls_biting: outcomes.filter((one) => !one.isMasked && one.found).length,
    // What is never sent, masked or not, has a control that shows its canary in an open place of its kind.
    leak_controls_standing_in: cases.filter((one) => one.control !== undefined).length,
    leaked: leaked.size,
    failed: faults.length,
    ...more,
    seconds: Math.round(ms / 1000),
  };
  const line = JSON.stringify(figures);
  console.log(line);
  if (file) writeFileSync(file, `${JSON.stringify({ ...figures, leaks: [...leaked] }, null, 2)}\n`);
  return leaked.size + faults.length + blunt.length === 0;
}

function valueOf(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

/** Sessions at a time: half of a case's time is waiting. */
const LANES = 4;

/** Cases of one session: to begin another costs as much as two of them. */
const SESSION_JOBS = 30;
