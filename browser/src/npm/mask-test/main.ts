/**
 * `cobrowse-mask-test URL`: does anything leave of what a person types into this page?
 *
 * Opens the page in a browser, starts a real session, types a canary of its own into every field, and searches all that the
 * page's script then sends. Owns the command line, the order of things and the report; what is typed is `canary.ts`'s. The
 * page has to carry the tag. Where its group has terms they are accepted, as a visitor would.
 *
 * Exit code 0: nothing left but what was named with `--open`. 1: something did. 2: the test could not be made.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { constants, inflateRawSync } from "node:zlib";

import { decodeFrame, FLAGS } from "../../protocol/frame.js";
import { canaryOf, formsOf } from "./canary.js";
import { Chromium, findChromium } from "./chromium.js";
import { FOCUS, findFields, KEEP_CLOSED_ROOTS, SET, type Field } from "./page.js";

const HELP = `cobrowse-mask-test URL [options]

Opens URL, starts a session, fills in every field, and reports what left the browser.

  --group GROUP        group of the session, where it is not the tag's first
  --open SELECTOR      a field that agents may see; repeat for more
  --cookie NAME=VALUE  a cookie for URL, of somebody who is logged in; repeat for more
  --chromium FILE      the browser; else CHROMIUM, else a usual place
  --insecure           accept certificates of a development CA
  --json FILE          write the result there too
`;

/** What became of one field. */
interface Finding extends Field {
  readonly left: boolean;
  /** Where it stands in what left: some of what is around it, else nothing. */
  readonly where: string;
  readonly isExpected: boolean;
  /** Nothing could be typed: then nothing is known. */
  readonly isUntried: boolean;
}

/** Runs it; gives the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      group: { type: "string" },
      open: { type: "string", multiple: true, default: [] },
      cookie: { type: "string", multiple: true, default: [] },
      chromium: { type: "string" },
      insecure: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [url] = positionals;
  if (values.help || !url) {
    say(HELP);
    return values.help ? 0 : 2;
  }
  const program = values.chromium ?? process.env.CHROMIUM ?? findChromium();
  if (!program) throw new Error("no Chromium was found: name one with --chromium FILE");
  const browser = await Chromium.start(program, values.insecure ? ["--ignore-certificate-errors"] : []);
  const complaints = complaintsOf(browser);
  try {
    for (const cookie of values.cookie) await setCookie(browser, url, cookie);
    const findings = await examine(browser, url, values.group ?? null, values.open).catch(
      async (error: unknown) => {
        // A page that leads elsewhere by a script may do so in the middle of the test.
        const why = await expectPage(browser, url).then(
          () => (error as Error).message,
          (elsewhere: unknown) => (elsewhere as Error).message,
        );
        throw new Error([why, ...complaints.slice(-COMPLAINTS_MAX)].join("\n  its console: "));
      },
    );
    report(findings);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ url, fields: findings }, null, 2)}\n`);
    return findings.some((one) => one.left && !one.isExpected) ? 1 : 0;
  } finally {
    await browser.stop();
  }
}

async function examine(
  browser: Chromium,
  url: string,
  group: string | null,
  open: readonly string[],
): Promise<Finding[]> {
  const sent: Buffer[] = [];
  browser.on("Network.webSocketFrameSent", ({ response }) => {
    const { opcode, payloadData } = response as { opcode: number; payloadData: string };
    if (opcode === 2) sent.push(Buffer.from(payloadData, "base64"));
  });
  await browser.ask("Page.addScriptToEvaluateOnNewDocument", { source: KEEP_CLOSED_ROOTS });
  await browser.ask("Page.navigate", { url });
  await until(browser, "document.readyState === 'complete' && !!window.GLANCE?.Cobrowse?.Visitor", NO_TAG);
  const options = JSON.stringify(group === null ? {} : { groupid: group });
  await browser.evaluate(
    `void GLANCE.Cobrowse.Visitor.startSession(${options}).catch(({ code }) => { cobrowseMaskRefusal = String(code); })`,
  );
  await until(browser, `${LIVE} || ${REFUSAL} !== ""`, NO_SESSION, acceptTerms);
  const refusal = String(await browser.evaluate(REFUSAL));
  if (refusal !== "") throw new Error(`${NO_SESSION} It was refused: ${refusal}`);
  await expectPage(browser, url);
  const fields = (await browser.evaluate(`(${findFields.toString()})()`)) as Field[];
  const held: (string | null)[] = [];
  for (const [at, field] of fields.entries()) {
    const canary = canaryOf(at, field.kind);
    await browser.evaluate(FOCUS(at));
    if (TYPED.has(field.kind)) await browser.ask("Input.insertText", { text: canary });
    held.push((await browser.evaluate(SET(at, canary))) as string | null);
  }
  await quiet(sent);
  // Going on after a pause sends the page as a whole.
  await browser.evaluate(
    "GLANCE.Cobrowse.Visitor.pauseSession(true), GLANCE.Cobrowse.Visitor.pauseSession(false)",
  );
  await quiet(sent);
  const expected = (await browser.evaluate(
    `cobrowseMaskTest.map((one) => ${JSON.stringify(open)}.some((selector) => one.matches(selector)))`,
  )) as boolean[];
  await browser.evaluate("void GLANCE.Cobrowse.Visitor.stopSession()");
  const text = textOf(sent);
  if (!text.includes('"tagName"')) throw new Error("the session sent no page: nothing is known");
  return fields.map((field, at) => {
    const canary = held[at] ?? null;
    const form = canary === null ? undefined : formsOf(canary).find((one) => text.includes(one));
    const where = form === undefined ? "" : around(text, form);
    return {
      ...field,
      left: where !== "",
      where,
      isExpected: expected[at] === true,
      isUntried: canary === null,
    };
  });
}

/** A page that leads elsewhere, to a login above all, is not the one that was asked about. */
async function expectPage(browser: Chromium, url: string): Promise<void> {
  const placeOf = ({ origin, pathname }: URL): string => origin + pathname;
  const href = String(await browser.evaluate("location.href"));
  const isElsewhere = href.startsWith("http") && placeOf(new URL(href)) !== placeOf(new URL(url));
  if (isElsewhere) throw new Error(`${url} led to ${placeOf(new URL(href))}. ${ELSEWHERE}`);
}

async function setCookie(browser: Chromium, url: string, cookie: string): Promise<void> {
  const at = cookie.indexOf("=");
  const [name, value] = [cookie.slice(0, at), cookie.slice(at + 1)];
  const { success } = at > 0 ? await browser.ask("Network.setCookie", { name, value, url }) : {};
  if (success !== true) throw new Error(`--cookie takes NAME=VALUE, not ${cookie}`);
}

/** What the page's console says is wrong, as it comes: policies that refuse us, and our own words. */
function complaintsOf(browser: Chromium): readonly string[] {
  const complaints: string[] = [];
  browser.on("Log.entryAdded", ({ entry }) => {
    const { level, text } = entry as { level: string; text: string };
    if (level === "error") complaints.push(text);
  });
  browser.on("Runtime.consoleAPICalled", ({ type, args }) => {
    if (type !== "error" && type !== "warning") return;
    const words = (args as { value?: unknown }[]).map(({ value }) => value);
    complaints.push(words.filter((word) => typeof word === "string").join(" "));
  });
  return complaints;
}

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - AROUND_CHARS), at + form.length + AROUND_CHARS);
}

/** Says yes to the group's terms, by the keyboard: only a person's keys count there. */
async function acceptTerms(browser: Chromium): Promise<void> {
  if ((await browser.evaluate(ASKED)) !== "terms") return;
  say("the group's terms are accepted");
  for (const [key, windowsVirtualKeyCode, text] of [
    ["Tab", 9, ""],
    ["Enter", 13, "\r"],
  ] as const) {
    const stroke = { key, code: key, windowsVirtualKeyCode };
    await browser.ask("Input.dispatchKeyEvent", { type: "keyDown", ...stroke, text });
    await browser.ask("Input.dispatchKeyEvent", { type: "keyUp", ...stroke });
  }
}

/** Everything that was sent, inflated: each epoch is one stream. */
function textOf(messages: readonly Buffer[]): string {
  const streams = new Map<number, Buffer[]>();
  const parts: string[] = [];
  for (const message of messages) {
    const { kind, flags, epoch, payload } = decodeFrame(message);
    const isDeflated = (kind === "keyframe" || kind === "diff") && (flags & FLAGS.deflate) !== 0;
    if (isDeflated) streams.set(epoch, [...(streams.get(epoch) ?? []), Buffer.from(payload)]);
    else parts.push(Buffer.from(payload).toString("utf8"));
  }
  for (const stream of streams.values()) {
    parts.push(
      inflateRawSync(Buffer.concat(stream), { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8"),
    );
  }
  return parts.join("\n");
}

function report(findings: readonly Finding[]): void {
  for (const { selector, place, left, where, isExpected, isUntried } of findings) {
    const state = isUntried ? "NOT TRIED" : !left ? "held" : isExpected ? "left, as named" : "LEFT";
    say(`${state.padEnd(15)} ${selector} ${place}`.trimEnd());
    if (left && !isExpected) {
      say(`                it left in: …${where.replaceAll(/\s+/g, " ")}…`);
      say(
        `                mask it: class="glance_masked" on the field, or --mask '${selector}' in the group's settings;`,
      );
      say(`                where the field is masked, mask what shows a copy of it`);
    }
  }
  const left = findings.filter((one) => one.left && !one.isExpected).length;
  say(`${String(findings.length)} fields, ${String(left)} that left without being named with --open`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function until(
  browser: Chromium,
  condition: string,
  otherwise: string,
  meanwhile: (browser: Chromium) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  while ((await browser.evaluate(condition).catch(() => false)) !== true) {
    if (Date.now() > end) throw new Error(otherwise);
    await meanwhile(browser);
    await after(50);
  }
}

/** Until nothing more is sent for a while. */
async function quiet(sent: readonly Buffer[]): Promise<void> {
  const end = Date.now() + WAIT_MS_MAX;
  for (let before = -1; before !== sent.length && Date.now() < end;) {
    before = sent.length;
    await after(QUIET_MS);
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What is filled in by keys; the rest is set. */
const TYPED = new Set(
  "text search email url tel number password textarea div span p section article td li pre".split(" "),
);

const LIVE = "GLANCE.Cobrowse.Visitor.getStatus?.().state === 'live'";

/** Why no session was started; nothing where it was. */
const REFUSAL = "(window.cobrowseMaskRefusal ?? '')";

/** Which question is open. */
const ASKED = "document.querySelector('glance-cobrowse-widget')?.dataset.dialog ?? ''";

const WAIT_MS_MAX = 30_000;

/** rrweb gathers inputs for less than a tenth of this. */
const QUIET_MS = 700;

/** Lines of the console that are told when the test cannot be made. */
const COMPLAINTS_MAX = 3;

const AROUND_CHARS = 50;

const ELSEWHERE =
  "Of what was asked for nothing is known. If that is a login, bring a cookie of somebody who is logged in: --cookie NAME=VALUE; else test that address itself.";
const NO_TAG = "the page has no cobrowse tag, or its loader did not start";
const NO_SESSION = "no session began: is the page's origin one of the group's, and is a session server up?";

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`cobrowse-mask-test: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
