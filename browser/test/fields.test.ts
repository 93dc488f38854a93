/** What fields hold though nobody says so. */

// @vitest-environment jsdom

import type { eventWithTime } from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { tellFields } from "../src/mirror/fields.js";
import { ANIMATIONS_LOOK_MS } from "../src/visitor/limits.js";

let isOver: boolean;
let told: eventWithTime[];
const fields: HTMLInputElement[] = [];
const known = { getId: (node: Node | null) => fields.indexOf(node as HTMLInputElement) + 1 };

beforeEach(() => {
  vi.useFakeTimers();
  isOver = false;
  told = [];
  document.body.innerHTML = `<input type="checkbox"><input value="a"><div></div><input type="hidden">`;
  const root = document.querySelector("div")?.attachShadow({ mode: "open" });
  if (root) root.innerHTML = "<textarea>x</textarea>";
  const inside = root?.firstElementChild as HTMLInputElement;
  fields.splice(0, 9, ...document.querySelectorAll("input"), inside);
  tellFields(
    () => (root ? [document, root] : [document]),
    known,
    () => isOver,
    (event) => told.push(event),
  );
});

afterEach(() => {
  isOver = true;
  vi.runOnlyPendingTimers();
  vi.useRealTimers();
});

const look = (): void => void vi.advanceTimersByTime(ANIMATIONS_LOOK_MS);

describe("what a field holds", () => {
  it("is told once it is something else, whoever has set it", () => {
    look();
    expect(told).toEqual([]);
    const [box, , , area] = fields;
    if (box) box.checked = true;
    if (area) area.value = "set";
    look();
    look();
    expect(told.map(({ data }) => data)).toEqual([
      { source: 5, id: 1, text: "on", isChecked: true },
      { source: 5, id: 4, text: "set", isChecked: false },
    ]);
  });

  it("is not told again of what somebody types, nor of what is never shown, nor when the epoch is over", () => {
    const [box, field, hidden] = fields;
    if (field) field.value = "typed";
    field?.dispatchEvent(new Event("input", { bubbles: true }));
    if (hidden) hidden.value = "token";
    look();
    expect(told).toEqual([]);
    isOver = true;
    if (box) box.checked = true;
    look();
    expect(told).toEqual([]);
  });
});
