/**
 * JSON in pages of old libraries, which have lists write themselves as texts.
 */

import { afterEach, describe, expect, it } from "vitest";

import { jsonOf } from "../src/protocol/json.js";
import { Recording } from "./recording.js";

interface Writes {
  toJSON?: unknown;
}

const LISTS = Array.prototype as Writes;
const OBJECTS = Object.prototype as Writes;

let recording: Recording | null = null;

afterEach(() => {
  recording?.end();
  recording = null;
  Reflect.deleteProperty(LISTS, "toJSON");
  Reflect.deleteProperty(OBJECTS, "toJSON");
});

function writesItself(this: unknown): string {
  return `a text of ${typeof this}`;
}

describe("what leaves is JSON as the browser writes it", () => {
  it.each([
    ["lists", LISTS],
    ["objects", OBJECTS],
  ])("where %s have a toJSON, which they keep", (_, owner) => {
    Object.defineProperty(owner, "toJSON", { value: writesItself, configurable: true, writable: true });
    expect(jsonOf({ a: [1, { b: ["x"] }] })).toBe('{"a":[1,{"b":["x"]}]}');
    expect(JSON.stringify([1])).toBe('"a text of object"');
    expect(Object.keys(owner)).toEqual([]);
  });

  it("and the mask sees all of it", () => {
    LISTS.toJSON = writesItself;
    document.body.innerHTML = `<p>shown</p><p class="glance_masked">CANARY1</p><input type="password" value="CANARY2">`;
    recording = new Recording({ masks: [], mask_default: "inputs" });
    Reflect.deleteProperty(LISTS, "toJSON");
    expect(recording.json).toContain('"textContent":"shown"');
    expect(recording.json).not.toContain("CANARY");
  });
});
