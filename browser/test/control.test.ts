/** What an agent who has control may set and choose: what a person could, and no more. */

// @vitest-environment jsdom

import { beforeEach, describe, expect, it } from "vitest";

import { Targeting } from "../src/assist/target.js";
import { type } from "../src/assist/typing.js";
import type { TypeCommand } from "../src/protocol/commands.js";
import type { Reach } from "../src/visitor/recorder.js";
import { parentsOf } from "../src/visitor/rules.js";

const masked = new Set<Element>();
const reach = { isOpen: (element: Element) => !masked.has(element), parentsOf } as unknown as Reach;
const targeting = new Targeting(reach, []);

function field<T extends Element>(html: string): T {
  document.body.innerHTML = html;
  return document.body.querySelector("input,select,textarea") as unknown as T;
}

function does(element: Element, what: TypeCommand["what"]): string | null {
  return type(element, what, targeting);
}

beforeEach(() => {
  masked.clear();
});

describe("an agent in control", () => {
  it("sets the values of fields, and of none whose value is the page's own", () => {
    for (const name of ["text", "date", "range", "color", "number"]) {
      const text = name === "date" ? "2026-01-31" : name === "color" ? "#102030" : "7";
      const input = field<HTMLInputElement>(`<input type="${name}">`);
      expect([does(input, { do: "value", text }), input.value], name).toEqual([null, text]);
    }
    for (const name of ["button", "submit", "reset", "image", "checkbox", "radio", "hidden"]) {
      const input = field<HTMLInputElement>(`<input type="${name}" value="basic">`);
      expect([does(input, { do: "value", text: "gold" }), input.value], name).toEqual(["disabled", "basic"]);
    }
  });

  it("chooses nothing that is masked or that its group disables", () => {
    const html =
      "<select><option>a</option><optgroup disabled><option>b</option></optgroup><option>c</option><option>d</option></select>";
    const select = field<HTMLSelectElement>(html);
    masked.add(select.options[2] as Element);
    expect(does(select, { do: "choose", options: [1] })).toBe("disabled");
    expect(does(select, { do: "choose", options: [2] })).toBe("masked");
    expect(select.selectedIndex).toBe(0);
    expect(does(select, { do: "choose", options: [3] })).toBeNull();
    expect(select.selectedIndex).toBe(3);
  });

  it("acts upon nothing inert, though a shadow tree stands between", () => {
    document.body.innerHTML = "<div inert><p></p></div>";
    const host = document.body.querySelector("p") as HTMLElement;
    const button = document.createElement("button");
    host.attachShadow({ mode: "open" }).append(button);
    button.getClientRects = () => [new DOMRect(0, 0, 10, 10)] as unknown as DOMRectList;
    expect(targeting.refusal(button)).toBe("disabled");
    document.body.firstElementChild?.removeAttribute("inert");
    expect(targeting.refusal(button)).toBeNull();
  });

  it("acts upon nothing behind a modal dialog, wherever that stands, and upon what is in the one in front", () => {
    const dialog = "<dialog><button></button></dialog>";
    document.body.innerHTML = `<main></main><button></button>${dialog}${dialog}<p></p>`;
    const host = document.querySelector("main") as HTMLElement;
    host.attachShadow({ mode: "open" }).innerHTML = dialog;
    const roots = [document, host.shadowRoot as ShadowRoot];
    const dialogs = roots.flatMap((root) => [...root.querySelectorAll("dialog")]);
    const buttons = roots.flatMap((root) => [...root.querySelectorAll("button")]);
    for (const button of buttons) {
      button.getClientRects = () => [new DOMRect(0, 0, 10, 10)] as unknown as DOMRectList;
    }
    const open = new Set<Element>();
    for (const one of dialogs) {
      one.matches = (selector) =>
        selector === ":modal" ? open.has(one) : Element.prototype.matches.call(one, selector);
    }
    let front: Element | null = null;
    for (const root of roots) {
      root.elementFromPoint = () => (front && root.contains(front) ? front : null);
    }
    const refusals = (): (string | null)[] => buttons.map((button) => targeting.refusal(button));
    expect(refusals()).toEqual([null, null, null, null]);
    // Those of the page: the button beside the dialogs, one in each dialog, one in the dialog of the shadow tree.
    open.add(dialogs[0] as Element);
    expect(refusals()).toEqual(["disabled", null, "disabled", "disabled"]);
    open.add(dialogs[1] as Element);
    front = dialogs[0] as Element;
    expect(refusals(), "the first was opened last").toEqual(["disabled", null, "disabled", "disabled"]);
    front = dialogs[1] as Element;
    expect(refusals()).toEqual(["disabled", "disabled", null, "disabled"]);
    open.clear();
    open.add(dialogs[2] as Element);
    expect(refusals()).toEqual(["disabled", "disabled", "disabled", null]);
  });
});
