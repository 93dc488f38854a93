/**
 * Parts that are loaded when they are needed: what a session does where one does not come.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Tag } from "../src/loader/tag.js";
import { MIRROR_MS_MAX, REQUEST_MS_MAX } from "../src/visitor/limits.js";

const modules = new Map<string, Promise<unknown>>();
vi.mock("../src/loader/parts.js", () => ({
  HASHES: {},
  loadModule: (_: unknown, name: string) => modules.get(name),
}));

describe("a part that a session begins with", () => {
  const tag = { isPinned: false } as Tag;
  let loadFirst: typeof import("../src/visitor/parts.js").loadFirst;

  const mirror = { Mirror: {} };

  beforeEach(async () => {
    modules.set("mirror.js", Promise.resolve(mirror));
    vi.useFakeTimers();
    vi.resetModules();
    ({ loadFirst } = await import("../src/visitor/parts.js"));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is done without when it is not there in time, and taken when it has come after all", async () => {
    const part = {};
    let arrive: (part: object) => void = () => undefined;
    modules.set("deflate.js", new Promise((resolve) => (arrive = resolve)));
    let outcome: unknown = "waiting";
    void loadFirst(tag).then((found) => (outcome = found));
    await vi.advanceTimersByTimeAsync(REQUEST_MS_MAX - 1);
    expect(outcome).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1);
    expect(outcome).toEqual({ deflate: null, mirror, late: null });
    arrive(part);
    // The next connection has it.
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: part, mirror, late: null });
  });

  it("completes the mirror later, and is not waited for as long as what deflates", async () => {
    let arrive: (part: object) => void = () => undefined;
    modules.set("mirror.js", new Promise((resolve) => (arrive = resolve)));
    modules.set("deflate.js", Promise.resolve({}));
    const outcomes: Awaited<ReturnType<typeof loadFirst>>[] = [];
    void loadFirst(tag).then((found) => outcomes.push(found));
    await vi.advanceTimersByTimeAsync(MIRROR_MS_MAX - 1);
    expect(outcomes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(outcomes).toMatchObject([{ deflate: {}, mirror: null }]);
    arrive(mirror);
    await expect(outcomes[0]?.late).resolves.toBe(mirror);
  });

  it("is the whole mirror where what deflates came later still", async () => {
    const arrive = new Map<string, (part: object) => void>();
    for (const name of ["mirror.js", "deflate.js"])
      modules.set(name, new Promise((resolve) => arrive.set(name, resolve)));
    const first = loadFirst(tag);
    await vi.advanceTimersByTimeAsync(MIRROR_MS_MAX + 1);
    arrive.get("mirror.js")?.(mirror);
    await vi.advanceTimersByTimeAsync(1);
    arrive.get("deflate.js")?.({});
    await expect(first).resolves.toEqual({ deflate: {}, mirror, late: null });
  });

  it("is done without at once when it cannot be loaded, and asked for again by the next connection", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    modules.set("deflate.js", Promise.reject(new Error("not there")));
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: null, mirror, late: null });
    expect(warned).toHaveBeenCalledOnce();
    const part = {};
    modules.set("deflate.js", Promise.resolve(part));
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: part, mirror, late: null });
  });
});
