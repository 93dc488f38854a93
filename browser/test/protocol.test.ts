/**
 * The wire contract: names, numbers and bytes equal those of the shared vectors, in both directions.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { backoffMs, BACKOFF_FIRST_MS, BACKOFF_MS_MAX } from "../src/protocol/backoff.js";
import { CLOSE_CODES, closeNameOf } from "../src/protocol/close.js";
import { decodeFrame, encodeFrame, FLAGS, FrameError, KINDS, type Kind } from "../src/protocol/frame.js";
import { isGroupId, isSessionKey, parseSessionId } from "../src/protocol/ids.js";
import * as limits from "../src/protocol/limits.js";
import * as payloads from "../src/protocol/payloads.js";

function vector<T>(name: string): T {
  return JSON.parse(readFileSync(join(__dirname, "../../protocol/vectors", `${name}.json`), "utf8")) as T;
}

function bytesOf(hex: string, zeros = 0): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2 + zeros);
  for (let at = 0; at < hex.length / 2; at += 1) bytes[at] = parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

interface KindVector {
  byte: number;
  flags_allowed: number;
  from: string;
  name: string;
  needs: string[] | null;
  payload_bytes_max: number;
  reliable: boolean;
}

interface FrameVectors {
  good: {
    kind: Kind;
    flags: number;
    source: number;
    epoch: number;
    sequence: number;
    payload: string;
    hex: string;
  }[];
  bad: { error: string; hex: string; zeros_appended: number }[];
}

describe("the shared vectors", () => {
  it("list the same close codes with the same faults and statuses", () => {
    const rows = vector<{ code: number; fault: string; name: string; status: number }[]>("close_codes");
    const ours = Object.entries(CLOSE_CODES).map(([name, row]) => ({ name, ...row }));
    expect(sorted(ours)).toEqual(sorted(rows));
    for (const row of rows) expect(closeNameOf(row.code)).toBe(row.name);
    expect(closeNameOf(1006)).toBeNull();
  });

  it("list the same kinds with the same bytes, senders, flags, privileges and limits", () => {
    const ours = Object.entries(KINDS).map(([name, row]) => ({
      byte: row.byte,
      flags_allowed: row.flags,
      from: row.from,
      name,
      needs: row.needs === null ? null : [row.needs],
      payload_bytes_max: row.payloadBytesMax,
      reliable: row.reliable,
    }));
    expect(sorted(ours)).toEqual(sorted(vector<KindVector[]>("kinds")));
  });

  it("list the same flags", () => {
    expect(FLAGS).toEqual(vector("flags"));
  });

  it("list the same privileges", () => {
    expect(payloads.PRIVILEGES).toEqual(vector("privileges"));
  });

  it("hold the same value for every limit that this side knows", () => {
    const theirs = vector<Record<string, number>>("limits");
    const ours = Object.entries(limits);
    expect(ours.length).toBeGreaterThan(5);
    for (const [name, value] of ours) expect({ [name]: value }).toEqual({ [name]: theirs[name] });
  });

  it("hold frames that are encoded to the same bytes and decoded to the same fields", () => {
    const { good } = vector<FrameVectors>("frames");
    expect(good.length).toBeGreaterThan(5);
    for (const row of good) {
      const payload = new TextEncoder().encode(row.payload);
      const frame = {
        kind: row.kind,
        flags: row.flags,
        source: row.source,
        epoch: row.epoch,
        sequence: row.sequence,
      };
      expect(hexOf(encodeFrame({ ...frame, payload }))).toBe(row.hex);
      const decoded = decodeFrame(bytesOf(row.hex));
      expect({ ...decoded, payload: new TextDecoder().decode(decoded.payload) }).toEqual({
        ...frame,
        payload: row.payload,
      });
    }
  });

  it("hold messages that are refused with the same code", () => {
    const { bad } = vector<FrameVectors>("frames");
    for (const row of bad) {
      const refuse = (): unknown => decodeFrame(bytesOf(row.hex, row.zeros_appended));
      expect(refuse).toThrow(FrameError);
      expect(refuse).toThrow(new RegExp(`^${row.error}:`));
    }
  });

  it("hold session ids that are read the same way", () => {
    const { good, bad } = vector<{
      good: { text: string; group: string; key: string }[];
      bad: string[];
    }>("session_ids");
    for (const { text, group, key } of good) expect(parseSessionId(text)).toMatchObject({ group, key });
    for (const text of bad) expect(parseSessionId(text), text).toBeNull();
  });

  it("hold tickets and a resume secret that are taken as tokens", () => {
    const tickets = vector<Record<string, string>>("tickets");
    for (const name of ["agent_ticket", "visitor_ticket", "resume"]) {
      expect(payloads.isToken(tickets[name])).toBe(true);
    }
  });
});

describe("names", () => {
  it("are refused when they are empty, too long or of other letters", () => {
    expect(isGroupId("demo")).toBe(true);
    expect(isGroupId("a".repeat(33))).toBe(false);
    expect(isGroupId("a b")).toBe(false);
    expect(isSessionKey("471113")).toBe(true);
    expect(isSessionKey("")).toBe(false);
    expect(isSessionKey("k".repeat(64))).toBe(false);
    expect(isSessionKey("ключ")).toBe(false);
  });
});

describe("payloads", () => {
  const settings = { masks: ["#card"], mask_default: "passwords" };
  const welcome = { session: `demo:1:${"0".repeat(32)}`, home: 1, last_epoch: 0, grace_ms: 30_000, settings };

  it("of a welcome without whole settings are refused, because then nothing may be sent", () => {
    expect(payloads.readWelcome(welcome)).toMatchObject({ last_epoch: 0 });
    for (const broken of [
      undefined,
      {},
      { masks: [] },
      { ...settings, mask_default: "none" },
      { ...settings, masks: [1] },
    ]) {
      expect(payloads.readWelcome({ ...welcome, settings: broken })).toBeNull();
    }
  });

  it("of a pointer are a point, a hidden pointer or nothing", () => {
    expect(payloads.readPoint({ x: 1, y: 2 })).toEqual({ x: 1, y: 2 });
    expect(payloads.readPoint({})).toBeNull();
    for (const broken of [null, [], { x: 1 }, { x: "1", y: 2 }, { x: Number.NaN, y: 0 }, { x: 1e9, y: 0 }]) {
      expect(payloads.readPoint(broken)).toBeUndefined();
    }
  });

  it("of the web tier are refused when a server is not reached over TLS", () => {
    const answer = {
      session: `demo:1:${"0".repeat(32)}`,
      key: "1",
      server: "wss://s1.example/visitor",
      status: "https://s1.example/visitor/status",
      ticket: "AA",
      resume: "BB",
      home: 1,
    };
    expect(payloads.readStartAnswer(answer)).toEqual(answer);
    expect(payloads.readStartAnswer({ ...answer, server: "ws://s1.example/visitor" })).toBeNull();
    expect(payloads.readStartAnswer({ ...answer, status: "http://s1.example/" })).toBeNull();
    expect(payloads.readStartAnswer({ ...answer, ticket: "A A" })).toBeNull();
  });
});

describe("the pause before a reconnect", () => {
  it("doubles from its first value to its last one, and takes off up to a half by chance", () => {
    expect(backoffMs(0, 0)).toBe(BACKOFF_FIRST_MS);
    expect(backoffMs(1, 0)).toBe(2 * BACKOFF_FIRST_MS);
    expect(backoffMs(1, 1)).toBe(BACKOFF_FIRST_MS);
    expect(backoffMs(50, 0)).toBe(BACKOFF_MS_MAX);
    expect(backoffMs(10_000, 1)).toBe(BACKOFF_MS_MAX / 2);
  });
});

function sorted<T extends { name: string }>(rows: T[]): T[] {
  return [...rows].sort((one, other) => one.name.localeCompare(other.name));
}
