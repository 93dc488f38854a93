/**
 * Epochs from the visitor's writer to the viewer's reader: framing, deflate, order, bounds.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { inflateRawSync, constants } from "node:zlib";
import { describe, expect, it } from "vitest";

import { decodeFrame, FLAGS, type Frame } from "../src/protocol/frame.js";
import { FRAME_PAYLOAD_BYTES_MAX } from "../src/protocol/limits.js";
import { Deflater } from "../src/mirror/deflate.js";
import { cut, EpochWriter, type MaskedFacts } from "../src/visitor/epoch.js";
import type { Masked } from "../src/visitor/mask.js";
import { EpochError, EpochReader } from "../src/viewer/inflate.js";

const FACTS = {
  url: "https://shop.example/",
  title: "Shop",
  width: 10,
  height: 10,
  visible: true,
} as MaskedFacts;

class Wire {
  readonly frames: Frame[] = [];
  readonly writer = new EpochWriter(7, 4, false, Deflater, (bytes) => this.frames.push(decodeFrame(bytes)));
}

/** Stands for an event that passed the choke point. */
function event(note: string): Masked<eventWithTime> {
  const data = { source: IncrementalSource.Scroll, id: 1, x: 0, y: 0, note };
  return { type: EventType.IncrementalSnapshot, data, timestamp: 1 } as unknown as Masked<eventWithTime>;
}

/** Text that deflate makes little of. */
function noise(chars: number, seed: number): string {
  let text = "";
  let state = seed;
  while (text.length < chars) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += state.toString(36);
  }
  return text.slice(0, chars);
}

describe("an epoch", () => {
  it("begins with facts and goes on with a keyframe in chunks and diffs, one sequence number each", () => {
    const { writer, frames } = new Wire();
    expect(writer.begin(FACTS, [event(noise(200_000, 1))], true)).toBe("sent");
    expect(writer.diff([event("a")])).toBe("sent");
    writer.facts(FACTS);
    writer.pointer(event("p"));
    const keyframe = frames.filter((frame) => frame.kind === "keyframe");
    expect(keyframe.length).toBeGreaterThan(1);
    for (const frame of keyframe) expect(frame.payload.length).toBeLessThanOrEqual(FRAME_PAYLOAD_BYTES_MAX);
    expect(frames[0]).toMatchObject({ kind: "facts", flags: FLAGS.purge, epoch: 5, sequence: 0, source: 7 });
    expect(keyframe[0]?.flags).toBe(FLAGS.deflate | FLAGS.first);
    expect(keyframe.at(-1)?.flags).toBe(FLAGS.deflate | FLAGS.last);
    const reliable = frames.filter((frame) => frame.kind !== "ephemeral");
    expect(reliable.map((frame) => frame.sequence)).toEqual(reliable.map((_, index) => index));
    expect(frames.at(-1)).toMatchObject({ kind: "ephemeral", flags: 0, sequence: reliable.length - 1 });
  });

  it("is one raw deflate stream of which each frame's end can be read, by zlib too", () => {
    const { writer, frames } = new Wire();
    const sent: unknown[] = [];
    const keyframe = [event(noise(90_000, 3))];
    writer.begin(FACTS, keyframe, false);
    for (let at = 0; at < 200; at += 1) {
      const diff = [event(noise(1 + ((at * 977) % 20_000), at)), event("repeated words repeated words")];
      sent.push(...diff);
      expect(writer.diff(diff)).toBe("sent");
    }
    const stream = frames.filter((frame) => frame.kind !== "facts").map((frame) => frame.payload);
    const text = inflateRawSync(Buffer.concat(stream), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    const parts = JSON.parse(`[${text.replaceAll("][", "],[")}]`) as unknown[][];
    expect(parts.flat()).toEqual([...keyframe, ...sent]);

    const reader = new EpochReader();
    const read: unknown[] = [];
    for (const frame of frames) {
      const step = reader.take(frame);
      if (step.type === "keyframe" || step.type === "diff") read.push(...(step.events as unknown[]));
    }
    expect(read).toEqual([...keyframe, ...sent]);
    expect(reader.position).toEqual(writer.position);
  });

  it("makes small diffs much smaller than they are, because it remembers the keyframe", () => {
    const { writer, frames } = new Wire();
    const words = noise(400, 9);
    writer.begin(FACTS, [event(words)], false);
    writer.diff([event(words)]);
    expect(frames.at(-1)?.payload.length).toBeLessThan(60);
  });

  it("is cut between events when a batch is long, and given up when one event does not fit", () => {
    const { writer, frames } = new Wire();
    writer.begin(FACTS, [event("k")], false);
    const before = frames.length;
    expect(writer.diff([event(noise(60_000, 1)), event(noise(90_000, 2)), event("x")])).toBe("sent");
    expect(frames.length - before).toBe(2);
    expect(writer.diff([event(noise(300_000, 5))])).toBe("needs_epoch");
    expect(writer.isOpen).toBe(false);
    expect(writer.diff([event("y")])).toBe("needs_epoch");
    writer.pointer(event("p"));
    expect(frames.length - before).toBe(2);
    expect(writer.begin(FACTS, [event("k")], false)).toBe("sent");
    expect(writer.position).toEqual({ epoch: 6, sequence: 1 });
  });

  it("can begin in slices, of which each is short, and gives the same frames", async () => {
    const { writer, frames } = new Wire();
    const keyframe = [event(noise(400_000, 7))];
    const sent = new Promise((resolve) => {
      writer.beginInSlices(FACTS, keyframe, true, resolve);
    });
    expect([writer.isOpening, writer.isOpen, frames.length]).toEqual([true, false, 0]);
    expect(await sent).toBe("sent");
    expect([writer.isOpening, writer.isOpen]).toEqual([false, true]);
    expect(writer.diff([event("a")])).toBe("sent");
    const other = new Wire();
    other.writer.begin(FACTS, keyframe, true);
    other.writer.diff([event("a")]);
    expect(frames).toEqual(other.frames);
  });

  it("that is closed while it begins sends nothing, and the next one takes its number", async () => {
    const { writer, frames } = new Wire();
    writer.beginInSlices(FACTS, [event(noise(400_000, 7))], false, () => {
      throw new Error("it was closed");
    });
    writer.close();
    const next = new Promise((resolve) => {
      writer.beginInSlices(FACTS, [event("k")], false, resolve);
    });
    expect(await next).toBe("sent");
    expect(frames.map((frame) => [frame.kind, frame.epoch])).toEqual([
      ["facts", 5],
      ["keyframe", 5],
    ]);
  });

  it("that no keyframe can hold is not begun, and uses no number", () => {
    const { writer, frames } = new Wire();
    expect(writer.begin(FACTS, [event("x".repeat(34 * 1024 * 1024))], false)).toBe("too_large");
    expect(frames).toEqual([]);
    expect(writer.position.epoch).toBe(4);
  });
});

describe("cutting", () => {
  it("gives one empty chunk for nothing, and whole chunks with a rest", () => {
    expect(cut(new Uint8Array(0), 3).map((chunk) => chunk.length)).toEqual([0]);
    expect(cut(new Uint8Array(3), 3).map((chunk) => chunk.length)).toEqual([3]);
    expect(cut(new Uint8Array(7), 3).map((chunk) => chunk.length)).toEqual([3, 3, 1]);
  });
});

describe("the reader", () => {
  function framesOf(diffs = 3): Frame[] {
    const { writer, frames } = new Wire();
    writer.begin(FACTS, [event(noise(150_000, 4))], false);
    for (let at = 0; at < diffs; at += 1) writer.diff([event(noise(100, at))]);
    return frames;
  }

  it("gives an epoch up when a frame is missing, and takes the next one", () => {
    const frames = framesOf();
    for (let lost = 1; lost < frames.length - 1; lost += 1) {
      const reader = new EpochReader();
      const rest = frames.filter((_, index) => index !== lost);
      expect(() => rest.map((frame) => reader.take(frame))).toThrow(EpochError);
      expect(reader.isComplete).toBe(false);
      expect(reader.take(frames.at(-1) as Frame).type).toBe("nothing");
      expect(frames.map((frame) => reader.take(frame).type).at(-1)).toBe("diff");
    }
  });

  it("ignores what comes before an epoch begins", () => {
    const reader = new EpochReader();
    expect(
      framesOf()
        .slice(1)
        .map((frame) => reader.take(frame).type),
    ).not.toContain("diff");
  });

  it("refuses a stream that is damaged, and JSON that is none", () => {
    const frames = framesOf();
    const damaged = frames.map((frame) =>
      frame.kind === "diff" ? { ...frame, payload: frame.payload.map((byte) => byte ^ 0xff) } : frame,
    );
    const reader = new EpochReader();
    expect(() => damaged.map((frame) => reader.take(frame))).toThrow(EpochError);
    const plain: Frame[] = [
      { kind: "facts", flags: 0, source: 1, epoch: 1, sequence: 0, payload: new Uint8Array() },
      {
        kind: "keyframe",
        flags: FLAGS.first | FLAGS.last,
        source: 1,
        epoch: 1,
        sequence: 1,
        payload: new TextEncoder().encode("["),
      },
    ];
    expect(() => plain.map((frame) => new EpochReader().take(frame))).not.toThrow();
    const other = new EpochReader();
    expect(() => plain.map((frame) => other.take(frame))).toThrow(EpochError);
  });

  it("refuses frames of which only some are deflated", () => {
    const reader = new EpochReader();
    const frames = framesOf().map((frame) => (frame.kind === "diff" ? { ...frame, flags: 0 } : frame));
    expect(() => frames.map((frame) => reader.take(frame))).toThrow(/in part/);
  });

  it("refuses a bomb before it has unfolded", () => {
    const { writer, frames } = new Wire();
    writer.begin(FACTS, [event("k")], false);
    for (let at = 0; at < 3; at += 1) {
      // Each is cut by the writer's own bound in time; the reader sees them without that.
      const { writer: other, frames: more } = new Wire();
      other.begin(FACTS, [event("x".repeat(30 * 1024 * 1024))], false);
      frames.push(...more.slice(1));
    }
    const reader = new EpochReader();
    reader.take(frames[0] as Frame);
    reader.take({ ...(frames[1] as Frame) });
    const bombs = frames
      .slice(2)
      .map((frame, index): Frame => ({ ...frame, kind: "diff", flags: FLAGS.deflate, sequence: 2 + index }));
    expect(() => bombs.map((frame) => reader.take(frame))).toThrow(/too large/);
    expect(reader.isComplete).toBe(false);
  });

  it("takes ephemeral frames only of the epoch that is shown", () => {
    const frames = framesOf();
    const reader = new EpochReader();
    const pointer: Frame = {
      kind: "ephemeral",
      flags: 0,
      source: 1,
      epoch: 5,
      sequence: 1,
      payload: new Uint8Array(),
    };
    expect(reader.takesEphemeral(pointer)).toBe(false);
    for (const frame of frames) reader.take(frame);
    expect(reader.takesEphemeral(pointer)).toBe(true);
    expect(reader.takesEphemeral({ ...pointer, epoch: 4 })).toBe(false);
    reader.abandon();
    expect(reader.takesEphemeral(pointer)).toBe(false);
  });
});
