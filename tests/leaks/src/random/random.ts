/**
 * Runs random pages for a time, on the real stack, and says what leaked.
 *
 * Owns the time, the judgement and what is kept of a failure. Pages come from `pieces.ts`; each runs as a case does, with
 * its masks and, for a part of them, without, where most canaries have to arrive.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";

import type { Login } from "../agent.js";
import type { Case, GroupName } from "../kit.js";
import { Lane } from "../runner.js";
import type { Stack } from "../stack.js";
import type { RandomGroup } from "./levels.js";
import { documentOf, type Canary, type RandomDocument } from "./pieces.js";

/** What was asked for. */
export interface RandomOptions {
  readonly seconds: number;
  readonly seed: number;
  /** One document only. */
  readonly only: number | null;
  /** Where the source of what fails is kept. */
  readonly folder: string;
}

/** What came of it. */
export interface RandomFigures {
  readonly random_seed: number;
  readonly random_pages: number;
  readonly random_canaries: number;
  readonly random_leaked: number;
  readonly random_failed: number;
  readonly random_control_canaries: number;
  /** Of a hundred canaries of the control, how many arrived. */
  readonly random_control_percent: number;
}

/** Runs them. */
export async function runRandom(
  stack: Stack,
  browser: Browser,
  login: Login,
  options: RandomOptions,
): Promise<RandomFigures> {
  return new RandomRun(stack, browser, login, options).run();
}

/** Whether the figures are those of a sound run. */
export function isSound(figures: RandomFigures): boolean {
  return (
    figures.random_leaked + figures.random_failed === 0 &&
    figures.random_pages > 0 &&
    figures.random_control_percent >= CONTROL_PERCENT_MIN
  );
}

/** Documents of one group that share a session. */
interface Batch {
  readonly group: RandomGroup;
  readonly isMasked: boolean;
  readonly numbers: readonly number[];
}

class RandomRun {
  private pages = 0;
  private canaries = 0;
  private failed = 0;
  private readonly leaked = new Set<string>();
  private readonly biting = new Map<string, { there: number; came: number }>();
  private next = 0;
  private readonly until: number;
  private readonly queue: Batch[] = [];

  constructor(
    private readonly stack: Stack,
    private readonly browser: Browser,
    private readonly login: Login,
    private readonly options: RandomOptions,
  ) {
    this.until = Date.now() + options.seconds * 1_000;
  }

  async run(): Promise<RandomFigures> {
    await Promise.all(Array.from({ length: LANES }, () => this.work()));
    const all = [...this.biting.values()];
    const there = all.reduce((sum, one) => sum + one.there, 0);
    const came = all.reduce((sum, one) => sum + one.came, 0);
    if (process.env["COBROWSE_RANDOM_BITES"]) this.sayBites();
    return {
      random_seed: this.options.seed,
      random_pages: this.pages,
      random_canaries: this.canaries,
      random_leaked: this.leaked.size,
      random_failed: this.failed,
      random_control_canaries: there,
      random_control_percent: there === 0 ? 0 : Math.round((100 * came) / there),
    };
  }

  /** What of the grammar shows nothing even without a mask. */
  private sayBites(): void {
    for (const [line, { there, came }] of this.biting)
      if (there >= 3 && came === 0) console.log(`BLUNT   ${line}`);
  }

  private async work(): Promise<void> {
    for (let batch = this.batch(); batch; batch = this.batch()) {
      const lane = new Lane(this.stack, this.browser, this.login, stackGroup(batch));
      const run: RandomDocument[] = [];
      for (const number of batch.numbers) {
        if (Date.now() > this.until && run.length > 0) break;
        run.push(await this.one(lane, batch, number));
      }
      // Late frames of one document arrive with the next.
      const text = lane.allText().toLowerCase();
      run.forEach((document, at) => {
        const number = batch.numbers[at] ?? 0;
        if (batch.isMasked) this.judge(document, number, batch.group, text, false);
      });
      await lane.close();
    }
  }

  /** The same documents with and without their masks; the control follows every third batch. */
  private batch(): Batch | null {
    const ready = this.queue.shift();
    if (ready) return ready;
    const { only } = this.options;
    if (Date.now() > this.until || (only !== null && this.next > 0)) return null;
    const turn = this.next;
    this.next += 1;
    const first = turn * BATCH;
    const numbers = only === null ? Array.from({ length: BATCH }, (_, at) => first + at) : [only];
    const group = groupOf(numbers[0] ?? 0);
    if (turn % 3 === 0 || only !== null) this.queue.push({ group, isMasked: false, numbers });
    return { group, isMasked: true, numbers };
  }

  private async one(lane: Lane, batch: Batch, number: number): Promise<RandomDocument> {
    const { group, isMasked } = batch;
    const joins = stackGroup(batch) === "frames";
    const document = documentOf(this.options.seed, number, group, isMasked, joins);
    const outcome = await lane.run(this.caseOf(document, number, batch), number % 1_000, isMasked);
    if (outcome.fault) {
      this.failed += 1;
      console.log(`FAILED  random document ${this.nameOf(number)}: ${outcome.fault}`);
    } else if (isMasked) {
      this.pages += document.pages;
      this.canaries += document.canaries.length;
    }
    return document;
  }

  private caseOf(document: RandomDocument, number: number, { group, isMasked }: Batch): Case {
    const hasLate = document.canaries.some(({ isLate }) => isLate);
    return {
      name: `random ${this.nameOf(number)}`,
      html: document.html,
      ...(document.kind === "html" ? {} : { kind: document.kind }),
      ...(document.hasRoots ? { tag: 'data-closed-roots=""' } : {}),
      files: {
        ...document.files,
        "frame.html": "<!doctype html><title>f</title><body><main></main>",
      },
      act: (page) => play(page, document),
      found: (text) => {
        const low = text.toLowerCase();
        if (isMasked) this.judge(document, number, group, low, false);
        else this.count(document, low);
        return false;
      },
      ...(isMasked && hasLate
        ? {
            foundLate: (text: string) => {
              this.judge(document, number, group, text.toLowerCase(), true);
            },
          }
        : {}),
    };
  }

  private judge(
    document: RandomDocument,
    number: number,
    group: RandomGroup,
    text: string,
    isLateAgent: boolean,
  ): void {
    for (const canary of document.canaries) {
      if (canary.isLate && !isLateAgent) continue;
      const at = canary.signs
        .map((sign) => text.indexOf(sign.toLowerCase()))
        .find((found) => found >= 0);
      if (at === undefined || this.leaked.has(canary.text)) continue;
      this.leaked.add(canary.text);
      const excerpt = text.slice(Math.max(0, at - 160), at + 60);
      console.log(
        `LEAK    random ${this.nameOf(number)} ${canary.text}${isLateAgent ? " (late)" : ""}: ${canary.what}\n        ${excerpt}`,
      );
      this.keep(document, number, group, canary);
    }
  }

  private count(document: RandomDocument, text: string): void {
    for (const canary of document.canaries) {
      const line = canary.what.split(": ").at(-1) ?? "";
      const known = this.biting.get(line) ?? { there: 0, came: 0 };
      known.there += 1;
      if (canary.signs.some((sign) => text.includes(sign.toLowerCase()))) known.came += 1;
      this.biting.set(line, known);
    }
  }

  private keep(document: RandomDocument, number: number, group: RandomGroup, canary: Canary): void {
    mkdirSync(this.options.folder, { recursive: true });
    const file = join(this.options.folder, `random-${this.nameOf(number).replace("/", "-")}.html`);
    const note = `<!-- node run.mjs --random 60 --seed ${String(this.options.seed)} --page ${String(number)}; group ${group}; ${canary.text}: ${canary.what} -->\n`;
    writeFileSync(file, note + document.html);
    console.log(`        its source: ${file}`);
  }

  private nameOf(number: number): string {
    return `${String(this.options.seed)}/${String(number)}`;
  }
}

/** Scene after scene, with what is typed by keys, and with another page in the middle. */
async function play(page: Page, { pages, reloadsAt }: RandomDocument): Promise<void> {
  await page.evaluate("window.first");
  await typed(page);
  for (let at = 1; at < pages; at += 1) {
    if (at === reloadsAt) {
      await page.reload();
      await page.evaluate("window.first");
      await typed(page);
      // Only a session that runs is told of closed trees.
      await page.waitForSelector("glance-cobrowse-widget[data-state=live]", { state: "attached" });
    }
    await page.evaluate(`scene(${String(at)})`);
    await typed(page);
  }
}

/** Types what a scene has asked for, key by key. */
async function typed(page: Page): Promise<void> {
  const asked = await page.evaluate<{ id: string; text: string }[]>("window.typing.splice(0)");
  for (const { id, text } of asked) {
    await page.locator(`#${id}`).focus();
    await page.keyboard.type(text);
  }
}

/** Each group in its turn; most of what pages do is a matter of marks. */
function groupOf(number: number): RandomGroup {
  return turnOf(number)[0];
}

/** Which group of the stack that is. The control of what a group masks runs where it masks nothing. */
function stackGroup({ group, isMasked, numbers }: Batch): GroupName {
  const [, masked] = turnOf(numbers[0] ?? 0);
  return isMasked || group === "plain" ? masked : "plain";
}

function turnOf(number: number): Turn {
  return TURNS[Math.floor(number / BATCH) % TURNS.length] ?? ["plain", "plain"];
}

type Turn = readonly [group: RandomGroup, stack: GroupName];

/** What is masked, and the group of the stack that masks it: marks mask in groups whose pictures and frames travel too. */
const TURNS: readonly Turn[] = [
  ["plain", "plain"],
  ["text", "text"],
  ["plain", "frames"],
  ["selectors", "selectors"],
  ["plain", "uploads"],
  ["inputs", "inputs"],
  ["plain", "canvas"],
  ["text", "canvas-text"],
];

/** Documents of one session. */
const BATCH = 8;

/** Sessions at a time: half of a document's time is waiting. */
const LANES = 4;

/** What is never sent at all (a template's content, the words of a query) has no control to arrive in. */
const CONTROL_PERCENT_MIN = 60;
