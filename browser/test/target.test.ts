/** Which element the page's address points at. */

// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { tellTarget } from "../src/mirror/target.js";
import { applyStates } from "../src/viewer/states.js";
import { standIns } from "../src/viewer/stand-ins.js";

let at: Element | null;

beforeEach(() => {
  document.body.innerHTML = "<p id='one'></p><p id='two'></p>";
  at = null;
  Object.defineProperty(document, "querySelector", { configurable: true, value: () => at });
});

afterEach(() => {
  Reflect.deleteProperty(document, "querySelector");
});

describe("the element that an address points at", () => {
  it("is told when an epoch begins and when it is another one", () => {
    const [one, two] = [...document.querySelectorAll("p")];
    const send = vi.fn();
    let isOver = false;
    at = one ?? null;
    const known = { getId: (node: Node | null) => (node === one ? 4 : node === two ? 5 : -1) };
    tellTarget(document, known, () => isOver, send);
    at = two ?? null;
    window.dispatchEvent(new Event("hashchange"));
    window.dispatchEvent(new Event("hashchange"));
    expect(send.mock.calls).toEqual([
      [4, true],
      [4, null],
      [5, true],
    ]);
    isOver = true;
    at = null;
    window.dispatchEvent(new Event("hashchange"));
    expect(send).toHaveBeenCalledTimes(3);
  });

  it("has a mark that style sheets ask for in its place", () => {
    const [one] = document.querySelectorAll("p");
    applyStates([{ id: 4, name: "rr_target", value: true }], () => one ?? null);
    const selector = standIns("p:target, ::target-text, :target-within");
    expect(selector).toBe("p[rr_target], ::target-text, :target-within");
    expect(one?.matches("p[rr_target]")).toBe(true);
    applyStates([{ id: 4, name: "rr_target", value: null }], () => one ?? null);
    expect(one?.matches("p[rr_target]")).toBe(false);
  });
});
