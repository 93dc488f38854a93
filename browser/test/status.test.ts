/** When a view takes a connection that nobody has closed for dead. */

import { expect, it } from "vitest";

import { Doubt } from "../src/viewer/status.js";

it("a question without an answer and silence up to the next one make a connection dead, answered or not", () => {
  for (const isAnswered of [false, true]) {
    const doubt = new Doubt();
    doubt.note();
    expect(doubt.isDead(false)).toBe(false);
    expect(doubt.isDead(isAnswered)).toBe(true);
    // The one that takes its place is judged anew.
    expect(doubt.isDead(isAnswered)).toBe(false);
  }
});

it("a connection on which anything comes lives, and so does a quiet one whose server answers", () => {
  const doubt = new Doubt();
  for (let round = 0; round < 3; round += 1) {
    expect(doubt.isDead(false)).toBe(false);
    doubt.note();
  }
  expect(doubt.isDead(true)).toBe(false);
  for (let round = 0; round < 3; round += 1) expect(doubt.isDead(true)).toBe(false);
});
