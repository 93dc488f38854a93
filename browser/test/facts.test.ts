/** What the agents are told besides the page: each change once, and each answer once, though no epoch may be open when it is given. */

// @vitest-environment jsdom

import { expect, test } from "vitest";

import { ANSWERS_MAX, type Answer } from "../src/protocol/commands.js";
import { FactsWatcher } from "../src/visitor/facts.js";
import type { Masked } from "../src/visitor/mask.js";

const answer = (n: number): Answer => ({ agent: 1, n, refused: "masked" });

function watcher(): FactsWatcher {
  const masker = {
    address: () => "https://shop.example/" as Masked<string>,
    title: () => document.title as Masked<string>,
  };
  return new FactsWatcher(window, masker);
}

test("facts are told when they have changed, and not again", () => {
  const facts = watcher();
  expect(facts.changed()).not.toBeNull();
  expect(facts.changed()).toBeNull();
  document.title = "another";
  expect(facts.changed()?.title).toBe("another");
  expect(facts.changed()).toBeNull();
});

test("an answer waits for the next facts that leave, through a keyframe that carries none, and leaves once", () => {
  const facts = watcher();
  facts.read();
  facts.say({}, [answer(1)]);
  // The page is read anew meanwhile: its facts belong to a keyframe that may yet be given up.
  expect(facts.read().answers).toBeUndefined();
  facts.say({}, [answer(2)]);
  expect(facts.changed()?.answers).toEqual([answer(1), answer(2)]);
  expect(facts.changed()).toBeNull();
  expect(facts.proven("0123456789abcdef").answers).toBeUndefined();
});

test("of more answers than one frame holds the newest are told", () => {
  const facts = watcher();
  facts.say(
    {},
    Array.from({ length: ANSWERS_MAX + 3 }, (_, n) => answer(n)),
  );
  const told = facts.changed()?.answers;
  expect(told).toHaveLength(ANSWERS_MAX);
  expect(told?.at(-1)).toEqual(answer(ANSWERS_MAX + 2));
});
