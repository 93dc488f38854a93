/**
 * The deflate stream of epochs against zlib: what was flushed can be read, whatever was written.
 */

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";

import { Deflater } from "../src/mirror/deflate.js";

/** Numbers from 0 to 1 that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Bytes of an alphabet, of which a part repeats what stands up to `reach` bytes before. */
function bytes(next: () => number, count: number, alphabet: number, repeats: number, reach: number): Buffer {
  const made = Buffer.alloc(count);
  for (let at = 0; at < count; at += 1) {
    const from = at - 1 - Math.floor(next() * reach);
    made[at] =
      from >= 0 && next() < repeats ? (made[from] as number) : Math.floor(next() * next() * alphabet);
  }
  return made;
}

function inflated(parts: readonly Uint8Array[]): Buffer {
  return inflateRawSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH });
}

describe("a deflate stream", () => {
  const kinds = [
    ["few letters", 2, 0, 1],
    ["text with near repetitions", 90, 0.8, 40],
    ["text with far repetitions", 60, 0.9, 60_000],
    ["every byte", 256, 0, 1],
  ] as const;
  it.each(kinds)("of %s can be read after each flush", (_, alphabet, repeats, reach) => {
    for (let seed = 1; seed <= 15; seed += 1) {
      const next = numbers(seed);
      const stream = new Deflater();
      const sent: Buffer[] = [];
      const parts: Uint8Array[] = [];
      const count = 1 + Math.floor(next() * 12);
      for (let at = 1; at <= count; at += 1) {
        const raw = bytes(next, Math.floor(next() ** 4 * 150_000), alphabet, repeats, reach);
        const isFlushed = at === count || next() < 0.6;
        sent.push(raw);
        parts.push(stream.write(raw, isFlushed));
        if (isFlushed) expect(inflated(parts).equals(Buffer.concat(sent)), `seed ${String(seed)}`).toBe(true);
      }
    }
  });

  it("holds codes of the longest kind: counts that grow like Fibonacci's numbers", () => {
    const counts = [1, 1];
    while (counts.length < 24) counts.push((counts.at(-1) as number) + (counts.at(-2) as number));
    const raw = Buffer.concat(counts.map((count, byte) => Buffer.alloc(Math.min(count, 9_000), byte * 7)));
    // Shuffled, so that no repetition hides them.
    const next = numbers(3);
    for (let at = raw.length - 1; at > 0; at -= 1) {
      const other = Math.floor(next() * (at + 1));
      [raw[at], raw[other]] = [raw[other] as number, raw[at] as number];
    }
    expect(inflated([new Deflater().write(raw, true)]).equals(raw)).toBe(true);
  });

  it("is about as short as zlib's at its usual level", () => {
    const rows = Array.from({ length: 3_000 }, (_, at) => ({
      id: at,
      type: 2,
      tagName: "li",
      text: `of number ${String(at)}`,
    }));
    const raw = Buffer.from(JSON.stringify(rows));
    const own = new Deflater().write(raw, true).length;
    expect(own).toBeLessThan(deflateRawSync(raw, { level: 6 }).length * 1.05);
  });

  it("remembers what stood 32 KB before, over flushes, and no more", () => {
    const next = numbers(5);
    const words = bytes(next, 300, 256, 0, 1);
    const far = (distance: number): number => {
      const stream = new Deflater();
      stream.write(words, true);
      for (let left = distance; left > 0; left -= 1_000) stream.write(bytes(next, 1_000, 256, 0, 1), true);
      return stream.write(words, true).length;
    };
    expect(far(30_000)).toBeLessThan(60);
    expect(far(34_000)).toBeGreaterThan(200);
  });

  it("goes on when its positions have come to their end", () => {
    const next = numbers(11);
    const stream = new Deflater(2 ** 30 - 100_000);
    const sent: Buffer[] = [];
    const parts: Uint8Array[] = [];
    for (let at = 0; at < 12; at += 1) {
      const raw = bytes(next, 20_000, 60, 0.9, 15_000);
      sent.push(raw);
      parts.push(stream.write(raw, true));
      expect(inflated(parts).equals(Buffer.concat(sent))).toBe(true);
    }
    // Shorter again than what is random in it: repetitions are found after the new beginning too.
    expect((parts.at(-1) as Uint8Array).length).toBeLessThan(17_000);
  });
});
