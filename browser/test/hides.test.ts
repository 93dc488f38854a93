/**
 * Masks besides those that hold by themselves: what the page's own code hides, `GLANCE_COBROWSE.getMaskingDescriptor`, which
 * only adds, and hides the whole page by whatever is no descriptor; and masks of the group that this browser cannot read.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { askHides } from "../src/ways/hides.js";
import { tellUnreadable } from "../src/ways/unreadable.js";

const ADA = { agent: 1, name: "Ada", privileges: ["view", "control"] as const };

/** What came of one question. */
async function asked(
  getMaskingDescriptor: unknown,
): Promise<[readonly string[] | null | undefined, boolean]> {
  let hidden: readonly string[] | null | undefined;
  const fail = vi.fn();
  vi.stubGlobal("GLANCE_COBROWSE", { getMaskingDescriptor });
  await askHides([ADA], { hide: (masks) => (hidden = masks) }, fail);
  return [hidden, fail.mock.calls.length > 0];
}

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a page that hides more by script", () => {
  it("is told who is there, and its selectors are added", async () => {
    const descriptor = vi.fn(() =>
      Promise.resolve({ maskedelements: [".salary", "#note"], maskpage: false }),
    );
    expect(await asked(descriptor)).toEqual([[".salary", "#note"], false]);
    expect(descriptor).toHaveBeenCalledWith({ agents: { count: 1, agentlist: [ADA] } });
    expect(await asked(() => ({}))).toEqual([[], false]);
  });

  it("hides itself when it says so", async () => {
    expect(await asked(() => ({ maskpage: true, maskedelements: [] }))).toEqual([null, false]);
  });

  it.each([
    ["nothing", () => undefined],
    ["null", () => null],
    ["a list", () => [".salary"]],
    ["elements that are no list", () => ({ maskedelements: ".salary" })],
    ["elements that are no texts", () => ({ maskedelements: [".salary", 7] })],
    ["too many elements", () => ({ maskedelements: Array.from({ length: 257 }, () => "p") })],
    ["neither yes nor no", () => ({ maskpage: "no" })],
    ["an error", () => Promise.reject(new Error("the page's own"))],
    [
      "an error at once",
      () => {
        throw new Error("the page's own");
      },
    ],
    ["no function any more", "gone"],
  ])("hides itself, and says so, when it answers with %s", async (_, answer) => {
    expect(await asked(answer)).toEqual([null, true]);
  });

  it("hides itself when it does not answer at all", async () => {
    vi.useFakeTimers();
    const answer = asked(() => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await answer).toEqual([null, true]);
  });

  it("is not believed for agents who were there before", async () => {
    const hide = vi.fn();
    let first: (answer: object) => void = () => undefined;
    const getMaskingDescriptor = vi
      .fn()
      .mockReturnValueOnce(new Promise((resolve) => (first = resolve)))
      .mockReturnValueOnce({ maskedelements: ["#second"] });
    vi.stubGlobal("GLANCE_COBROWSE", { getMaskingDescriptor });
    const slow = askHides([ADA], { hide }, vi.fn());
    await askHides([ADA, { ...ADA, agent: 2 }], { hide }, vi.fn());
    first({ maskedelements: ["#first"] });
    await slow;
    expect(hide.mock.calls).toEqual([[["#second"]]]);
  });
});

describe("masks that this browser cannot read", () => {
  it("are told the web tier once, and all of them where only together they cannot be read", () => {
    const asked: [string, unknown][] = [];
    vi.stubGlobal("fetch", (url: string, { body }: { body: string }) => {
      asked.push([url, JSON.parse(body)]);
      return Promise.resolve(new Response("{}"));
    });
    const tell = (...masks: string[]): boolean => tellUnreadable("https://www.example", "RESUME", masks);
    expect(tell("#card", "p > b")).toBe(false);
    expect(tell()).toBe(false);
    expect(asked).toEqual([]);
    for (let round = 0; round < 2; round += 1) expect(tell("#card", "p:nope(")).toBe(true);
    const url = "https://www.example/api/v1/sessions/masks";
    expect(asked).toEqual([[url, { resume: "RESUME", unreadable: ["p:nope("] }]]);
    expect(tell("#card[", "p")).toBe(true);
    expect(asked).toHaveLength(2);
  });
});
