/** What fills the screen. */

// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi, type Mock } from "vitest";

import { tellFullscreen } from "../src/mirror/fullscreen.js";
import { proofOf } from "../src/viewer/proof.js";
import { applyStates } from "../src/viewer/states.js";

let one: HTMLElement;
let inside: HTMLElement;
let raise: Mock;

beforeEach(() => {
  document.body.innerHTML = "<p id='one'></p>";
  one = document.querySelector("#one") as HTMLElement;
  inside = one.attachShadow({ mode: "open" }).appendChild(document.createElement("i"));
  raise = vi.fn();
  HTMLElement.prototype.showPopover = raise;
});

afterEach(() => {
  Reflect.deleteProperty(HTMLElement.prototype, "showPopover");
});

describe("what fills the screen", () => {
  it("is told with its host when an epoch begins and when nothing does any more", () => {
    const trees = [{ fullscreenElement: one }, { fullscreenElement: inside }, {}];
    const ids = new Map<Node | null, number>([
      [one, 4],
      [inside, 5],
    ]);
    const send = vi.fn();
    let isOver = false;
    const known = { getId: (node: Node | null) => ids.get(node) ?? -1 };
    tellFullscreen(
      document,
      () => trees as never[],
      known,
      () => isOver,
      send,
    );
    trees.splice(0);
    one.dispatchEvent(new Event("fullscreenchange", { bubbles: true }));
    one.dispatchEvent(new Event("fullscreenchange", { bubbles: true }));
    const calls = [
      [4, true],
      [5, true],
      [4, null],
      [5, null],
    ];
    expect(send.mock.calls).toEqual(calls);
    isOver = true;
    trees.push({ fullscreenElement: one });
    one.dispatchEvent(new Event("fullscreenchange", { bubbles: true }));
    expect(send.mock.calls).toEqual(calls);
  });

  it("stands above all else in the view, and the proof knows nothing of it", () => {
    const nodeOf = (id: number): Node => (id === 4 ? one : inside);
    const idOf = (node: Node): number => (node === one ? 4 : 1);
    const before = proofOf(document, idOf);
    applyStates([{ id: 4, name: "rr_fullscreen", value: true }], nodeOf);
    applyStates([{ id: 5, name: "rr_fullscreen", value: true }], nodeOf);
    expect(raise.mock.instances).toEqual([one]);
    expect([one, inside].every((element) => element.matches("[rr_fullscreen]"))).toBe(true);
    expect(inside.popover ?? null).toBe(null);
    one.setAttribute("popover", "manual");
    expect(proofOf(document, idOf)).toBe(before);
    applyStates([{ id: 4, name: "rr_fullscreen", value: null }], nodeOf);
    expect(one.matches("[rr_fullscreen]")).toBe(false);
    expect(one.popover).toBe(null);
  });
});
