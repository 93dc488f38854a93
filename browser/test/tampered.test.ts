/**
 * A page that has replaced what the mask looks with: then everything is masked.
 */

import { record } from "@rrweb/record";
import { afterEach, describe, expect, it, vi } from "vitest";

import { rootOf } from "../src/visitor/closed.js";
import { Recording } from "./recording.js";

let recording: Recording | null = null;

afterEach(() => {
  recording?.end();
  recording = null;
  vi.restoreAllMocks();
});

/** What leaves of a page that is changed once it is shown. */
async function leaving(tamper: () => void, isBefore: boolean): Promise<string> {
  document.body.innerHTML = `<p class="glance_masked">CANARY1</p><input id="f" type="password"><p id="q">x</p>`;
  if (isBefore) tamper();
  recording = new Recording({ masks: [], mask_default: "inputs" });
  if (!isBefore) tamper();
  const field = document.getElementById("f") as HTMLInputElement;
  field.value = "CANARY2";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  (document.getElementById("q") as HTMLElement).innerHTML = `<b class="glance_masked">CANARY3</b>`;
  await new Promise((resolve) => setTimeout(resolve, 5));
  record.takeFullSnapshot();
  return recording.json;
}

const TAMPERINGS: [string, () => void][] = [
  ["no element matches", () => vi.spyOn(Element.prototype, "matches").mockReturnValue(false)],
  ["everything counts as unmasked", () => vi.spyOn(DOMTokenList.prototype, "contains").mockReturnValue(true)],
  [
    "every field is of text",
    () => vi.spyOn(HTMLInputElement.prototype, "type", "get").mockReturnValue("text"),
  ],
  ["no list has anything", () => vi.spyOn(Array.prototype, "some").mockReturnValue(false)],
  ["nothing has a parent", () => vi.spyOn(Node.prototype, "parentNode", "get").mockReturnValue(null)],
];

describe("what is masked does not leave where", () => {
  it.each(TAMPERINGS)("%s from the start", async (_, tamper) => {
    expect(await leaving(tamper, true)).not.toContain("CANARY");
  });

  it.each(TAMPERINGS)("%s from some moment on", async (_, tamper) => {
    expect(await leaving(tamper, false)).not.toContain("CANARY");
  });
});

it("takes the browser's word for a component's shadow tree, whatever that one says itself", () => {
  const host = document.body.appendChild(document.createElement("x-own"));
  const root = host.attachShadow({ mode: "open" });
  Object.defineProperty(host, "shadowRoot", {
    get: () => {
      throw new Error("the page's own");
    },
  });
  expect(rootOf(host)).toBe(root);
  expect(rootOf(document)).toBe(null);
});
