/**
 * Commands of agents: the shared vectors, hostile bytes, and the rules of control.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { ASK_AGAIN_MS, Control, REST_MS } from "../src/assist/control.js";
import * as commands from "../src/protocol/commands.js";
import { AGENT_PAYLOAD_BYTES_MAX } from "../src/protocol/limits.js";
import { parseJson, toJson } from "../src/protocol/payloads.js";

const READERS: Record<commands.CommandKind, (value: unknown) => unknown> = {
  pointer: commands.readPointCommand,
  draw: (value) => {
    const command = commands.readDrawCommand(value);
    // `null` is a command here, `undefined` is none.
    return command === undefined ? null : (command ?? "erase");
  },
  scroll: commands.readScrollCommand,
  click: commands.readClickCommand,
  type: commands.readTypeCommand,
  navigate: commands.readNavigateCommand,
  control: commands.readControlCommand,
};

const rows = JSON.parse(readFileSync(join(__dirname, "../../protocol/vectors/commands.json"), "utf8")) as {
  kind: commands.CommandKind;
  good: string[];
  bad: string[];
}[];

const read = (kind: commands.CommandKind, text: string): unknown =>
  READERS[kind](parseJson(new TextEncoder().encode(text)));

describe("commands", () => {
  it("are read as the shared vectors say", () => {
    expect(rows.map((row) => row.kind).sort()).toEqual(Object.keys(READERS).sort());
    for (const { kind, good, bad } of rows) {
      for (const text of good) expect(read(kind, text), `${kind} ${text}`).not.toBeNull();
      for (const text of bad) expect(read(kind, text), `${kind} ${text.slice(0, 80)}`).toBeNull();
    }
  });

  it("are never read from what no reader has named, however it is mangled", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (const { kind, good } of rows) {
      for (let round = 0; round < 400; round += 1) {
        const bytes = toJson(JSON.parse(good[round % good.length] as string)).slice();
        for (let hits = 1 + random(3); hits > 0; hits -= 1) bytes[random(bytes.length)] = random(256);
        const found = READERS[kind](parseJson(bytes));
        const json = JSON.stringify(found);
        // What comes out holds numbers within bounds, known words, or the typed text itself.
        expect(json === undefined || json.length < 2 * AGENT_PAYLOAD_BYTES_MAX).toBe(true);
        if (kind === "navigate" && found) expect(json).toMatch(/"(back|forward|reload)"|"https?:/i);
      }
    }
  });

  it("fit into a frame at their longest", () => {
    const longest = [
      { n: 1e9, node: 1e6, insert: "\u0001".repeat(commands.TYPED_CHARS_MAX) },
      { stroke: 1e6, points: Array.from({ length: 2 * commands.DRAW_POINTS_MAX }, () => 999_999) },
      { n: 1e9, node: 1e6, choose: Array.from({ length: commands.CHOICES_MAX }, (_, at) => at + 1_000) },
    ];
    for (const one of longest) expect(toJson(one).length).toBeLessThanOrEqual(AGENT_PAYLOAD_BYTES_MAX);
  });
});

describe("control", () => {
  it("belongs to one agent at a time, and only after the visitor's yes", () => {
    const control = new Control();
    expect(control.refusal(1, 0)).toBe("not_in_control");
    expect(control.ask(1, 0)).toBe("ask_visitor");
    expect(control.refusal(1, 0)).toBe("not_in_control");
    expect(control.ask(2, 0)).toBe("busy");
    expect(control.answer(true, 0)).toBe(1);
    expect(control.refusal(1, 0)).toBeNull();
    expect(control.refusal(2, 0)).toBe("not_in_control");
    expect(control.ask(2, 0)).toBe("busy");
    expect(control.ask(1, 0)).toBe("have_it");
    control.release(2);
    expect(control.state(0)).toEqual({ agent: 1, state: "active" });
    control.release(1);
    expect(control.state(0)).toBeNull();
  });

  it("is suspended by the visitor's own input until that rests", () => {
    const control = new Control();
    control.use(5);
    control.ask(1, 10_000);
    control.answer(true, 10_000);
    expect(control.refusal(1, 10_000)).toBeNull();
    control.use(20_000);
    expect(control.refusal(1, 20_000)).toBe("suspended");
    expect(control.state(20_000)).toEqual({ agent: 1, state: "suspended" });
    expect(control.restMs(20_500)).toBe(REST_MS - 500);
    expect(control.refusal(1, 20_000 + REST_MS)).toBeNull();
  });

  it("is not asked for again at once after a no, and a request that was taken back is not granted", () => {
    const control = new Control();
    control.ask(1, 0);
    expect(control.answer(false, 0)).toBe(1);
    expect(control.ask(1, 1)).toBe("denied");
    expect(control.ask(2, 1)).toBe("ask_visitor");
    control.release(2);
    expect(control.answer(true, 2)).toBeNull();
    expect(control.state(2)).toBeNull();
    expect(control.ask(1, ASK_AGAIN_MS)).toBe("ask_visitor");
  });
});
