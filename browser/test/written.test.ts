/** Rules as they were written, from what a browser tells of them: a shorthand with a variable whose longhand a script has set. */
import { expect, test } from "vitest";
import { textOf, unread } from "../src/visitor/written.js";

const RIM = ".card { --rim: 4px solid red; border: var(--rim); }";

/** A rule as browsers show it: its text, and its longhands, of which those that a variable decides have no value. */
function rule(cssText: string, longhands: Record<string, string> = {}) {
  const style = {
    [Symbol.iterator]: () => Object.keys(longhands)[Symbol.iterator](),
    getPropertyValue: (name: string) => longhands[name] ?? "",
    getPropertyPriority: (name: string) => (name === "border-left-color" ? "important" : ""),
  };
  return { cssText, style, parentStyleSheet: {} };
}

const text = (of: object): string => textOf(of as CSSRule);

test("what a script sets stands behind the shorthand that was written", () => {
  const card = rule(RIM);
  expect(text(card)).toBe(RIM);
  const now = rule(
    ".card { --rim: 4px solid red; border-top-color: ; border-left-color: blue !important; }",
    {
      "--rim": "4px solid red",
      "border-top-color": "",
      "border-left-color": "blue",
    },
  );
  Object.assign(card, { cssText: now.cssText, style: now.style });
  const told = text(card);
  expect(told).toContain("border: var(--rim)");
  expect(told.indexOf("border-left-color:blue!important")).toBeGreaterThan(
    told.indexOf("border: var(--rim)"),
  );
  expect(unread.size).toBe(0);
});

test("a rule that nobody has met, or whose longhands are of another shorthand, is looked for in its source", () => {
  const stranger = rule(".card { border-top-color: ; }");
  expect(text(stranger)).toBe(stranger.cssText);
  const other = rule(RIM);
  text(other);
  other.cssText = ".card { padding-top: ; }";
  expect(text(other)).toBe(other.cssText);
  expect(unread).toEqual(new Set([stranger.parentStyleSheet, other.parentStyleSheet]));
  unread.clear();
});
