/** What leaves of typing: of an open field each change, of a masked one that there is something, once. */

import { EventType, IncrementalSource } from "@rrweb/types";
import { expect, it } from "vitest";

import { MASK } from "../src/protocol/masked.js";
import { Recording } from "./recording.js";

it("in a masked field is told once, and in an open one each time", async () => {
  document.body.innerHTML = '<input class="glance_masked"><textarea></textarea>';
  const recording = new Recording({ masks: [], mask_default: "passwords" });
  for (const field of document.querySelectorAll<HTMLInputElement>("input, textarea"))
    for (const value of ["a", "ab", "a", "a"]) {
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  await new Promise((resolve) => setTimeout(resolve, 20));
  recording.end();
  const texts = recording.sent.flatMap(({ type, data }) =>
    type === EventType.IncrementalSnapshot && data.source === IncrementalSource.Input ? [data.text] : [],
  );
  expect(texts.filter((text) => text === MASK)).toHaveLength(1);
  const open = texts.filter((text) => text !== MASK);
  expect(open).toEqual(expect.arrayContaining(["a", "ab"]));
  expect(open.length).toBeGreaterThanOrEqual(4);
});
