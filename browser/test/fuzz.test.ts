/**
 * Every decoder of bytes from outside in the browsers, under mutated inputs: what is not an error of the kind that the caller
 * expects is a finding, and so is a decoded value that may not be.
 *
 * Seeds stand in `seeds/` and in the shared vectors. `FUZZ_INPUTS=1000000 npx vitest run test/fuzz.test.ts` tries more,
 * `FUZZ_SEED` others; a finding tells the number with which it comes again.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import {
  readClickCommand,
  readControlCommand,
  readDrawCommand,
  readNavigateCommand,
  readPointCommand,
  readScrollCommand,
  readTypeCommand,
} from "../src/protocol/commands.js";
import { readFromFrame } from "../src/frames/messages.js";
import { Shift, StrangeId } from "../src/frames/shift.js";
import { FrameError, decodeFrame, encodeFrame } from "../src/protocol/frame.js";
import {
  readFacts,
  readJoined,
  readParticipants,
  readSettings,
  readStartAnswer,
  readVisitorState,
  readWelcome,
} from "../src/protocol/payloads.js";
import { StreamReader } from "../src/protocol/posts.js";
import { EpochError, EpochReader } from "../src/viewer/inflate.js";
import { DEPTH_MAX, NODES_MAX } from "../src/viewer/limits.js";
import { InvalidEvent, validateDiff, validateKeyframe, validatePointer } from "../src/viewer/validate.js";
import { Random, mutatedBytes, mutatedValue } from "./fuzz/mutate.js";

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 3_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const read = (path: string): unknown => JSON.parse(readFileSync(join(__dirname, path), "utf8"));
const EVENTS = read("seeds/events.json") as { keyframe: unknown[]; diff: unknown[] };
const COMMANDS = read("../../protocol/vectors/commands.json") as { kind: string; good: string[] }[];
const PAYLOADS = read("seeds/payloads.json") as Record<string, unknown[]>;

describe("mutated inputs", () => {
  it("keyframes: what passes holds nothing of a script's, and passes again as it is", () => {
    tried("keyframe", EVENTS.keyframe, (value) => {
      const events = accepted(() => validateKeyframe(value));
      if (!events) return false;
      harmless(events);
      expect(validateKeyframe(plain(events))).toEqual(events);
      return true;
    });
  });

  it("diffs, on an element of each kind that the rules know", () => {
    const tags = ["", "div", "a", "iframe", "link", "meta", "video", "my-card"];
    let turn = 0;
    tried("diff", EVENTS.diff, (value) => {
      const tag = tags[(turn += 1) % tags.length] as string;
      const events = accepted(() => validateDiff(value, () => tag));
      if (!events) return false;
      harmless(events);
      expect(validateDiff(plain(events), () => tag)).toEqual(events);
      return true;
    });
  });

  it("pointers: a place or nothing, and no error", () => {
    tried("pointer", EVENTS.diff[1] as unknown[], (value) => {
      const pointer = validatePointer(value);
      if (!pointer) return false;
      expect(Object.values(pointer).every(Number.isFinite)).toBe(true);
      return true;
    });
  });

  it("agents' commands: read or refused, and read again as they are", () => {
    const readers: Record<string, (value: unknown) => unknown> = {
      pointer: readPointCommand,
      draw: readDrawCommand,
      scroll: readScrollCommand,
      click: readClickCommand,
      type: readTypeCommand,
      navigate: readNavigateCommand,
      control: readControlCommand,
    };
    for (const { kind, good } of COMMANDS) {
      const reader = readers[kind];
      if (!reader) throw new Error(`no reader for ${kind}`);
      const seeds = good.map((text) => JSON.parse(text) as unknown);
      tried(kind, seeds, (value) => {
        const command = reader(value);
        if (command === null || command === undefined) return kind === "draw" && command === null;
        const text = JSON.stringify(command);
        expect(text.length).toBeLessThan(JSON.stringify(value).length + 200);
        return true;
      });
    }
  });

  it("what servers say: read or refused", () => {
    const readers: Record<string, (value: unknown) => unknown> = {
      settings: readSettings,
      welcome: readWelcome,
      participants: readParticipants,
      joined: readJoined,
      visitor_state: readVisitorState,
      facts: readFacts,
      start: readStartAnswer,
    };
    for (const [name, reader] of Object.entries(readers)) {
      tried(name, PAYLOADS[name] ?? [], (value) => reader(value) !== null);
    }
  });

  it("what a frame of another origin says on its port: a word of ours or nothing, and its ids its own", () => {
    const [, full] = EVENTS.keyframe[0] as { data: { node: unknown } }[];
    const seeds = [
      { kind: "page", gen: 1, node: full?.data.node, left: 0, top: 3 },
      ...EVENTS.diff.map((events) => ({ kind: "diff", gen: 1, events })),
      { kind: "pointer", event: (EVENTS.diff[1] as unknown[])[0] },
      { kind: "proof", gen: 1, hash: "0123456789abcdef" },
      { kind: "boxes", boxes: [[12, 0, 0.5, 20, 10]] },
      { kind: "purge" },
    ];
    const shift = new Shift(3, 1);
    tried("frame's words", seeds, (value) => {
      const message = readFromFrame(JSON.stringify(value));
      if (!message) return false;
      try {
        if (message.kind === "page") harmless([shift.tree(message.node)]);
        if (message.kind === "diff") harmless(shift.events(message.events));
      } catch (error) {
        if (error instanceof StrangeId) return false;
        throw error;
      }
      return true;
    });
  });

  it("frames: a decoded one encodes to the same bytes", () => {
    triedBytes("frame", frames(), (bytes) => {
      try {
        const frame = decodeFrame(bytes);
        expect([...encodeFrame(frame)]).toEqual([...bytes]);
        return true;
      } catch (error) {
        if (error instanceof FrameError) return false;
        throw error;
      }
    });
  });

  it("streams of frames over plain HTTPS: cut anywhere, they say the same", () => {
    const frame = frames()[0] as Uint8Array;
    const stream = Uint8Array.from([0x82, frame.length, ...frame, 0x89, 0, 0x88, 2, 0x0f, 0xa0]);
    triedBytes("stream", [stream, Uint8Array.from([0x82, 126, 0, 12, ...frame.slice(0, 12)])], (bytes) => {
      const whole = said([bytes]);
      const cut = 1 + (bytes.length >> 1);
      const inTwo = said([bytes.slice(0, cut), bytes.slice(cut)]);
      // What came before a message that breaks the rules may have been heard by then.
      if (whole.at(-1) === "refused") expect(inTwo.at(-1)).toBe("refused");
      else expect(inTwo).toEqual(whole);
      return whole.length > 0 && whole.at(-1) !== "refused";
    });
  });

  it("epochs: frames in any order and of any content end in events, nothing, or the error of an epoch", () => {
    triedBytes("epoch", [Uint8Array.from(frames().flatMap((frame) => [...frame]))], (bytes) => {
      const reader = new EpochReader();
      let taken = 0;
      for (let at = 0; at + 12 <= bytes.length; at += 24) {
        try {
          const step = reader.take(decodeFrame(bytes.subarray(at, at + 24)));
          if (step.type !== "nothing") taken += 1;
        } catch (error) {
          if (error instanceof EpochError || error instanceof FrameError) continue;
          throw error;
        }
      }
      return taken > 0;
    });
  });
});

/** Tries mutated values until there were enough; both answers have to be seen. */
function tried(name: string, seeds: readonly unknown[], attempt: (value: unknown) => boolean): void {
  counted(name, seeds, (random) => mutatedValue(random, seeds, WORDS), attempt);
}

function triedBytes(
  name: string,
  seeds: readonly Uint8Array[],
  attempt: (bytes: Uint8Array) => boolean,
): void {
  counted(name, seeds, (random) => mutatedBytes(random, seeds), attempt);
}

function counted<T>(
  name: string,
  seeds: readonly T[],
  next: (random: Random) => T,
  attempt: (input: T) => boolean,
): void {
  for (const seed of seeds) if (!attempt(seed)) throw new Error(`${name}: a seed is refused`);
  let taken = 0;
  for (let number = 0; number < INPUTS; number += 1) {
    const input = next(new Random(SEED * 1_000_003 + number));
    try {
      if (attempt(input)) taken += 1;
    } catch (error) {
      const shown = (input instanceof Uint8Array ? `bytes ${input.join(" ")}` : JSON.stringify(input)).slice(
        0,
        2_000,
      );
      const what = `${name}: seed ${String(SEED)}, input ${String(number)}: ${String(error)}\n${shown}`;
      throw new Error(what, { cause: error });
    }
  }
  expect(taken, `${name}: only one answer is ever seen`).toBeGreaterThan(0);
  expect(taken, `${name}: only one answer is ever seen`).toBeLessThan(INPUTS);
  console.warn(`fuzz ${name}: ${String(INPUTS)} inputs, ${String(taken)} accepted`);
}

/** The events, or nothing when they are refused as events are. Any other error is a finding. */
function accepted<T>(validate: () => T): T | null {
  try {
    return validate();
  } catch (error) {
    if (error instanceof InvalidEvent) return null;
    throw error;
  }
}

function plain<T>(value: T): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** What must never stand in events that the viewer applies, looked for without the viewer's own rules. */
function harmless(events: readonly unknown[]): void {
  let nodes = 0;
  const look = (value: unknown, depth: number, isAttributes: boolean): void => {
    if (value === null || typeof value !== "object") return;
    if (Array.isArray(value)) {
      for (const item of value) look(item, depth, false);
      return;
    }
    must(Object.getPrototypeOf(value) === Object.prototype, "an object is not a plain one");
    const fields = value as Record<string, unknown>;
    if (typeof fields.tagName === "string") {
      nodes += 1;
      must(depth <= DEPTH_MAX + 1, "deeper than the bound");
      must(!BARRED.test(fields.tagName), `a ${fields.tagName} stands in the picture`);
      must(
        fields.tagName !== "iframe" || !("src" in (fields.attributes as object)),
        "a frame loads something",
      );
    }
    for (const [name, item] of Object.entries(fields)) {
      if (isAttributes) {
        must(!/^on|^srcdoc$|^http-equiv$|^formaction$/i.test(name), `the attribute ${name}`);
        must(typeof item !== "string" || !SCRIPT_URL.test(item), `the address ${String(item)}`);
      }
      look(item, name === "childNodes" ? depth + 1 : depth, name === "attributes" && !Array.isArray(item));
    }
  };
  look(events, 0, false);
  must(nodes <= NODES_MAX, "more nodes than the bound");
}

/** An `expect` costs more than a decoder. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const BARRED = /^(script|object|embed|applet|base|frame|frameset|template|portal)$/i;
// eslint-disable-next-line no-control-regex
const SCRIPT_URL = /^[\u0000-\u0020]*j[\u0000-\u0020]*avascript:/i;

function frames(): Uint8Array[] {
  const of = (
    kind: "facts" | "keyframe" | "diff" | "skipped",
    flags: number,
    sequence: number,
    text: string,
  ) => encodeFrame({ kind, flags, source: 7, epoch: 1, sequence, payload: new TextEncoder().encode(text) });
  return [
    of("facts", 0, 0, '{"visible":1'),
    of("keyframe", 1 | 2, 1, '[{"type":4}]'),
    of("diff", 0, 2, '[{"type":3}]'),
    of("diff", 8, 3, "\u0001\u0000\u0000\u00ff"),
    of("skipped", 0, 0, ""),
  ];
}

function said(pieces: readonly Uint8Array[]): unknown[] {
  const reader = new StreamReader();
  const all: unknown[] = [];
  try {
    for (const piece of pieces) all.push(...reader.take(piece).map((one) => JSON.stringify(one)));
  } catch (error) {
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    all.push("refused");
  }
  return all;
}

/** Names and values at which rules stop, and those of the language that every value has. */
const WORDS = [
  "%proto%",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "onclick",
  "onLoad",
  "srcdoc",
  "src",
  "href",
  "style",
  "type",
  "id",
  "tagName",
  "attributes",
  "childNodes",
  "isShadowHost",
  "script",
  "SCRIPT",
  "iframe",
  "template",
  "base",
  "my-card",
  "font-face",
  "rr_dataURL",
  "rr_mediaVolume",
  "javascript:alert(1)",
  " java\tscript:alert(1)",
  "data:text/html,<script>",
  "data:image/png;base64,",
  "https://shop.example/",
  "\u0000",
  "\ud800",
  "x".repeat(600),
];
