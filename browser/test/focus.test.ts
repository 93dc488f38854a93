/** Who has the focus, as an epoch tells it. */

// @vitest-environment jsdom

import type { eventWithTime } from "@rrweb/types";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { tellFocus } from "../src/mirror/focus.js";

let ids: Map<Node, number>;
let isOver: boolean;
let told: eventWithTime[];

const known = { getId: (node: Node | null) => (node && ids.get(node)) ?? -1, rootOf: () => null };
const tell = (): void => {
  tellFocus(
    document,
    known,
    () => isOver,
    (event) => told.push(event),
  );
};
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function add(name: string): HTMLElement {
  return document.body.appendChild(document.createElement(name));
}

beforeEach(() => {
  document.body.innerHTML = "";
  ids = new Map();
  isOver = false;
  told = [];
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
});

describe("the focus", () => {
  it("is told of what had none of the agents' numbers when it came", async () => {
    tell();
    const field = add("input");
    field.focus();
    ids.set(field, 7);
    await rest();
    expect(told).toMatchObject([{ data: { id: 7 } }]);
    // One that is known is the event's own to tell.
    const other = add("input");
    ids.set(other, 8);
    other.focus();
    await rest();
    expect(told).toHaveLength(1);
  });

  it("is told no more once its epoch is over", async () => {
    tell();
    isOver = true;
    const field = add("input");
    field.focus();
    ids.set(field, 7);
    await rest();
    expect(told).toEqual([]);
  });

  it.each([true, false])("comes with a place where no ring is shown (ring: %s)", (isRinged) => {
    const button = add("button");
    ids.set(button, 9);
    button.focus();
    vi.spyOn(button, "matches").mockReturnValue(isRinged);
    tell();
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told).includes('"x":')).toBe(!isRinged);
  });
});
