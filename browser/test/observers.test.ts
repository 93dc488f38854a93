/** The observers that stand in for rrweb's: what they tell, and what they leave to the page. */

// @vitest-environment jsdom

import { MouseInteractions } from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { WIDGET_TAG } from "../src/visitor/names.js";
import { observePresses, observeSheets } from "../src/visitor/observers.js";

const page = window as Window & typeof globalThis;
let told: object[] = [];
const undo: (() => void)[] = [];

const observed = {
  doc: document,
  mirror: { getId: (node: Node | null) => (node ? 7 : -1), getNode: () => null },
  stylesheetManager: { styleMirror: { getId: () => 3 } },
  mouseInteractionCb: (press: object) => void told.push(press),
  styleSheetRuleCb: (change: object) => void told.push(change),
  styleDeclarationCb: (change: object) => void told.push(change),
};

beforeEach(() => {
  told = [];
  document.head.innerHTML = "<style>p { color: red } @media print { q { color: red } }</style>";
  document.body.innerHTML = `<button>one</button><${WIDGET_TAG}></${WIDGET_TAG}>`;
});

afterEach(() => {
  for (const one of undo.splice(0)) one();
});

function sheet(): CSSStyleSheet {
  return (document.querySelector("style") as HTMLStyleElement).sheet as CSSStyleSheet;
}

describe("presses", () => {
  it("are told with their place and what was pressed", () => {
    undo.push(observePresses(observed));
    document
      .querySelector("button")
      ?.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: 4, clientY: 5 }));
    expect(told).toEqual([{ type: MouseInteractions.Click, id: 7, x: 4, y: 5 }]);
  });

  it("of the visitor's own controls are nobody's business, and none is told after the end", () => {
    const stop = observePresses(observed);
    document.querySelector(WIDGET_TAG)?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    stop();
    document.querySelector("button")?.click();
    expect(told).toEqual([]);
  });

  it("go with the focus that the browser gives, and not with one that a script speaks of", () => {
    undo.push(observePresses(observed));
    const button = document.querySelector("button");
    button?.dispatchEvent(new FocusEvent("focus"));
    button?.dispatchEvent(new FocusEvent("blur"));
    expect(told).toEqual([]);
    button?.focus();
    button?.blur();
    const { Focus, Blur } = MouseInteractions;
    expect(told.map((one) => (one as { type: number }).type)).toEqual([Focus, Blur]);
  });

  it("of a finger are touches, and only a finger's can be called off", () => {
    undo.push(observePresses(observed));
    for (const pointerType of ["touch", "mouse"]) {
      for (const name of ["pointerdown", "pointercancel"]) {
        const event = Object.assign(new Event(name, { bubbles: true }), { pointerType });
        document.querySelector("button")?.dispatchEvent(event);
      }
    }
    const { TouchStart, TouchCancel, MouseDown } = MouseInteractions;
    expect(told.map((one) => (one as { type: number }).type)).toEqual([TouchStart, TouchCancel, MouseDown]);
  });
});

describe("style sheets", () => {
  it("tell of rules that were put in and taken out, behind what the page has done before", async () => {
    undo.push(observeSheets(observed, page));
    sheet().insertRule("b { color: red }", 1);
    sheet().deleteRule(0);
    expect(told).toEqual([]);
    await Promise.resolve();
    // jsdom's sheets do not know their element; so they are told as constructed ones.
    expect(told).toEqual([
      { styleId: 3, adds: [{ rule: "b { color: red }", index: 1 }] },
      { styleId: 3, removes: [{ index: 0 }] },
    ]);
  });

  it("leave the page its errors, and tell of no change that was none", async () => {
    undo.push(observeSheets(observed, page));
    expect(() => sheet().insertRule("p { color: red }", 99)).toThrow();
    await Promise.resolve();
    expect(told).toEqual([]);
  });

  it("are as they were afterwards", () => {
    const before = Object.getOwnPropertyDescriptors(page.CSSStyleSheet.prototype);
    const stop = observeSheets(observed, page);
    expect(Object.getOwnPropertyDescriptors(page.CSSStyleSheet.prototype)).not.toEqual(before);
    stop();
    expect(Object.getOwnPropertyDescriptors(page.CSSStyleSheet.prototype)).toEqual(before);
  });
});
