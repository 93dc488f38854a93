/**
 * Parts that are loaded when they are needed: what a session does where one does not come.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Tag } from "../src/loader/tag.js";
import { REQUEST_MS_MAX } from "../src/visitor/limits.js";

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
    expect(outcome).toEqual({ deflate: null, mirror });
    arrive(part);
    // The next connection has it.
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: part, mirror });
  });

  it("is done without at once when it cannot be loaded, and asked for again by the next connection", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    modules.set("deflate.js", Promise.reject(new Error("not there")));
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: null, mirror });
    expect(warned).toHaveBeenCalledOnce();
    const part = {};
    modules.set("deflate.js", Promise.resolve(part));
    await expect(loadFirst(tag)).resolves.toEqual({ deflate: part, mirror });
  });
});
