/** Asking whether pictures can be had: once each, few at a time, and again for what is missing while the page names it. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { PROBE_AGAIN_MS, PROBES_AT_ONCE, PROBES_MAX } from "../src/viewer/limits.js";
import { Probes } from "../src/viewer/probes.js";

const at = (name: number | string): string => `https://shop.example/${String(name)}.png`;

interface Asked {
  src: string;
  crossOrigin?: string;
  onload(): void;
  onerror(): void;
}

let asked: Asked[] = [];
const page = {
  createElement: () => {
    const image = { src: "" } as Asked;
    asked.push(image);
    return image;
  },
} as unknown as Document;
const known = vi.fn();
const back = vi.fn();
let probes = new Probes(page, known, back);

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  known.mockClear();
  back.mockClear();
  probes = new Probes(page, known, back);
});

afterEach(() => {
  probes.stop();
  vi.useRealTimers();
});

describe("a picture", () => {
  it("is asked for once, and is missing when it did not come", () => {
    expect([probes.isMissing(at(1)), probes.isMissing(at(1)), probes.isMissing(at(2))]).toEqual([
      false,
      false,
      false,
    ]);
    expect(asked.map(({ src }) => src)).toEqual([at(1), at(2)]);
    asked[0]?.onload();
    expect(known).not.toHaveBeenCalled();
    asked[1]?.onerror();
    expect(known).toHaveBeenCalledTimes(1);
    expect([probes.isMissing(at(1)), probes.isMissing(at(2))]).toEqual([false, true]);
  });

  it("that only its own site may read is asked for as a script would", () => {
    probes.isMissing(at(1), true);
    probes.isMissing(at(1));
    expect(asked.map(({ src, crossOrigin }) => [src, crossOrigin])).toEqual([
      [at(1), "anonymous"],
      [at(1), undefined],
    ]);
  });

  it("that holds itself, or has no address, is not asked for", () => {
    expect([probes.isMissing("data:image/png;base64,AAAA"), probes.isMissing("")]).toEqual([false, false]);
    expect(asked).toEqual([]);
  });

  it("that could come from nowhere is missing unasked", () => {
    expect(["javascript:alert(1)", "resource:00"].map((url) => probes.isMissing(url))).toEqual([true, true]);
    expect(asked).toEqual([]);
  });

  it("that the page could not load is missing, and asked for later only", () => {
    probes.miss(at(1));
    expect(probes.isMissing(at(1))).toBe(true);
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(PROBE_AGAIN_MS);
    expect(asked).toHaveLength(1);
  });
});

describe("what is missing", () => {
  it("is asked for again in ever longer pauses, and said to be back once", () => {
    probes.isMissing(at(1));
    asked[0]?.onerror();
    vi.advanceTimersByTime(PROBE_AGAIN_MS);
    asked[1]?.onerror();
    vi.advanceTimersByTime(2 * PROBE_AGAIN_MS);
    expect(asked).toHaveLength(2);
    vi.advanceTimersByTime(PROBE_AGAIN_MS);
    asked[2]?.onload();
    expect([known.mock.calls.length, back.mock.calls.length]).toEqual([1, 1]);
    expect(probes.isMissing(at(1))).toBe(false);
    vi.advanceTimersByTime(1_000_000);
    expect(asked).toHaveLength(3);
  });

  it("is not asked for again when the page does not name it any more", () => {
    probes.isMissing(at(1));
    asked[0]?.onerror();
    probes.begin();
    vi.advanceTimersByTime(1_000_000);
    expect(asked).toHaveLength(1);
  });
});

it("a few are asked for at once, and of a page with many not all", () => {
  for (let name = 0; name <= PROBES_MAX; name += 1) probes.isMissing(at(name));
  expect(asked).toHaveLength(PROBES_AT_ONCE);
  for (let name = 0; name < PROBES_MAX; name += 1) asked[name]?.onload();
  expect(asked).toHaveLength(PROBES_MAX);
  // What the page no longer names makes room.
  probes.begin();
  probes.isMissing(at("kept"));
  expect(asked).toHaveLength(PROBES_MAX);
  probes.begin();
  probes.isMissing(at("new"));
  expect(asked).toHaveLength(PROBES_MAX + 1);
});

it("a document that is shown no longer asks for nothing", () => {
  probes.isMissing(at(1));
  probes.stop();
  asked[0]?.onerror();
  probes.isMissing(at(2));
  vi.advanceTimersByTime(1_000_000);
  expect([asked.length, known.mock.calls.length]).toEqual([1, 0]);
});
