/** The boundary: what fails inside stays inside, and whoever records hears of it. */

// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { fault, guarded, launch, on, hearFaults, quiet } from "../src/guard/guard.js";
import { apply, OwnPromise } from "../src/guard/own.js";
import { Faults } from "../src/visitor/faults.js";
import { FAULTS_MAX, FAULTS_MS } from "../src/visitor/limits.js";
import { wrapAfter } from "../src/visitor/wrap.js";

const broken = new Error("of ours");
let heard: unknown[] = [];

beforeEach(() => {
  heard = [];
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  hearFaults((error) => heard.push(error));
});

afterEach(() => {
  hearFaults(quiet);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const fails = (): never => {
  throw broken;
};

describe("a guarded call", () => {
  it("gets what it is given and gives what comes of it", () => {
    expect(guarded((one: number, two: number, three: number) => one + two + three)(1, 2, 3)).toBe(6);
    expect(heard).toEqual([]);
  });

  it("keeps its error from whoever calls, and tells it", () => {
    expect(guarded(fails)()).toBe(undefined);
    expect(heard).toEqual([broken]);
  });

  it("does so on a page that has broken the console, and where whoever hears fails too", () => {
    vi.spyOn(console, "warn").mockImplementation(fails);
    hearFaults(fails);
    expect(guarded(fails)()).toBe(undefined);
  });

  it("uses nothing of lists, which a page may have broken", () => {
    const iterate = vi.spyOn(Array.prototype, Symbol.iterator).mockImplementation(fails);
    const sum = guarded((one: number, two: number) => one + two);
    const result = sum(1, 2);
    iterate.mockRestore();
    expect(result).toBe(3);
  });
});

describe("work that nobody waits for", () => {
  it("is never rejected, whatever stands in the place of promises", async () => {
    vi.stubGlobal("Promise", fails);
    const then = vi.spyOn(OwnPromise.prototype, "then").mockImplementation(fails);
    const fallen = vi.spyOn(OwnPromise.prototype, "catch").mockImplementation(fails);
    let goesOn = false;
    launch(async () => {
      await new OwnPromise((resolve) => setTimeout(resolve, 0));
      goesOn = true;
      throw broken;
    });
    vi.unstubAllGlobals();
    then.mockRestore();
    fallen.mockRestore();
    await vi.waitFor(() => {
      expect(heard).toEqual([broken]);
    });
    expect(goesOn).toBe(true);
  });

  it("tells its error to who asked for it, and that one's to whoever records", async () => {
    const other = new Error("of the answer");
    launch(
      () => Promise.reject(broken),
      (error) => {
        heard.push(error);
        throw other;
      },
    );
    await vi.waitFor(() => {
      expect(heard).toEqual([broken, other]);
    });
  });
});

it("listens until it is told to stop, and the same listener once", () => {
  let count = 0;
  const listener = guarded(() => (count += 1));
  const stop = on(document, "click", listener);
  on(document, "click", listener);
  document.dispatchEvent(new Event("click"));
  stop();
  document.dispatchEvent(new Event("click"));
  expect(count).toBe(1);
});

it("gives the page what its own call gives, whatever becomes of what is told of it", () => {
  const owner = { add: (one: number, two: number) => one + two };
  const undo = wrapAfter(owner, "add", "value", fails);
  const [call, reflect] = [vi.spyOn(Function.prototype, "apply"), vi.spyOn(Reflect, "apply")];
  call.mockImplementation(fails);
  reflect.mockImplementation(fails);
  const result = owner.add(1, 2);
  call.mockRestore();
  reflect.mockRestore();
  undo();
  expect(result).toBe(3);
  expect(heard).toEqual([broken]);
  expect(apply(Math.max, null, [1, 2])).toBe(2);
});

it("bears some faults in a time, and no more; a broken clock forgets none", () => {
  const clock = vi.spyOn(performance, "now").mockReturnValue(0);
  const faults = new Faults();
  const some = Array.from({ length: FAULTS_MAX }, () => faults.note());
  expect(some).not.toContain(true);
  expect(faults.note()).toBe(true);
  clock.mockReturnValue(FAULTS_MS + 1);
  expect(faults.note()).toBe(false);
  clock.mockReturnValue(undefined as unknown as number);
  expect(Array.from({ length: FAULTS_MAX }, () => faults.note()).at(-1)).toBe(true);
  expect(fault(broken)).toBe(undefined);
});
