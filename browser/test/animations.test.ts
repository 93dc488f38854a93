/**
 * Animations of scripts: what of them leaves, what a viewer takes, and how it brings them about. Finding them takes a real
 * browser: pages `sheets` and `images` of the mirror suite, leak case "animations of scripts".
 */

import { expect, it } from "vitest";

import { readAnimations } from "../src/protocol/animations.js";
import { isUnshown, showAnimations } from "../src/viewer/animations.js";
import { Addresses } from "../src/visitor/addresses.js";
import { cleanAttributes } from "../src/visitor/attributes.js";
import type { Verdict } from "../src/visitor/rules.js";

const PAGE = new Addresses([], { URL: "https://shop.example/cart" });
const TIMING = {
  delay: 0,
  endDelay: 0,
  duration: 300,
  iterations: null,
  iterationStart: 0,
  easing: "linear",
  direction: "normal",
  fill: "forwards",
} as const;
const FRAME = { offset: 0, easing: "linear", composite: "replace", style: {} } as const;
const MOVE = { frames: [FRAME], timing: TIMING, at: 3, rate: 1, held: true, pseudo: null } as const;

function leaving(verdict: Verdict, style: object, scrub = (text: string): string => text): string {
  const told = { rr_animations: [{ ...MOVE, frames: [{ ...FRAME, style }] }] };
  return JSON.stringify(cleanAttributes("p", told, verdict, scrub, PAGE));
}

it("of a masked element leaves its layout only, of one whose texts are masked no words", () => {
  const style = { opacity: "0.5", transform: "none", "--x": "CANARY1", content: '"CANARY2"' };
  expect(leaving("open", style).match(/CANARY/g)).toHaveLength(2);
  for (const verdict of ["full", "text"] as const) {
    expect(leaving(verdict, style)).toContain('"style":{"opacity":"0.5","transform":"none"}');
    expect(leaving(verdict, style)).not.toContain("CANARY");
  }
});

it("is not taken for text that the page has put under that name, nor is any other of the recorder's names", () => {
  for (const verdict of ["full", "text"] as const)
    for (const name of ["rr_animations", "rr_width", "rr_height", "rr_open_mode"])
      expect(cleanAttributes("p", { [name]: "CANARY" }, verdict, (text) => text, PAGE)).toEqual({});
  const size = { rr_width: "120px", rr_open_mode: "non-modal" };
  expect(cleanAttributes("dialog", size, "full", (text) => text, PAGE)).toEqual(size);
});

it("leaves without copies of what is masked, and without queries", () => {
  const style = { "background-image": 'url("/OPEN.png?CANARY1")', "--x": "CANARY2" };
  const open = leaving("open", style, (text) => text.replace("CANARY2", ""));
  expect(open).toContain("OPEN");
  expect(open).not.toContain("CANARY");
});

it("is taken in its own form only", () => {
  expect(readAnimations([MOVE])).toEqual([MOVE]);
  for (const wrong of [
    { ...MOVE, at: null },
    { ...MOVE, pseudo: "::before{}" },
    { ...MOVE, frames: [{ ...FRAME, style: { color: 1 } }] },
    { ...MOVE, frames: [{ ...FRAME, composite: "none" }] },
    { ...MOVE, frames: Array<unknown>(65).fill(FRAME) },
    { ...MOVE, timing: { ...TIMING, fill: "auto" } },
  ])
    expect(readAnimations([wrong])).toBeNull();
  expect(readAnimations(Array<unknown>(17).fill(MOVE))).toBeNull();
});

it("is begun at its place, replaced by what is told next, and marked where the browser refuses it", () => {
  const element = document.createElement("p");
  const begun: { cancelled: boolean; currentTime: number; options: unknown; frames: unknown }[] = [];
  element.animate = (frames, options) => {
    const animation = { cancelled: false, currentTime: 0, playbackRate: 1, options, frames };
    begun.push(animation);
    const cancel = (): void => void (animation.cancelled = true);
    return Object.assign(animation, { pause: () => undefined, cancel }) as unknown as Animation;
  };
  const style = { "margin-left": "3px", "-webkit-text-fill-color": "red", float: "left", "--at": "1" };
  showAnimations(element, [{ ...MOVE, frames: [{ ...FRAME, style }] }]);
  expect(begun[0]).toMatchObject({
    currentTime: 3,
    options: { iterations: Infinity, duration: 300 },
    frames: [{ marginLeft: "3px", webkitTextFillColor: "red", cssFloat: "left", "--at": "1", offset: 0 }],
  });
  showAnimations(element, null);
  expect([begun[0]?.cancelled, isUnshown(element)]).toEqual([true, false]);
  showAnimations(element, true);
  expect(isUnshown(element)).toBe(true);
  element.animate = () => {
    throw new TypeError("offsets do not rise");
  };
  showAnimations(element, [MOVE]);
  expect(isUnshown(element)).toBe(true);
  showAnimations(element, []);
  expect(isUnshown(element)).toBe(false);
});
