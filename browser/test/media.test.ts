/** Media queries that ask for a person's wishes are answered in the view as the visitor's browser answers them. */

// @vitest-environment jsdom

import { beforeEach, expect, it, vi } from "vitest";

import { tellMedia } from "../src/mirror/media.js";
import { WISHES } from "../src/protocol/media.js";
import { Wishes } from "../src/viewer/media.js";

const LIGHT = "(prefers-color-scheme: light)";
const DARK = "(prefers-color-scheme: dark)";
/** A browser whose person wants it dark, or light. */
const browser = (wanted: string): Window =>
  ({
    matchMedia: (query: string) => ({
      matches: query === wanted,
      addEventListener: vi.fn(),
      removeEventListener: vi.fn(),
    }),
  }) as unknown as Window;
let told = "";

beforeEach(() => {
  tellMedia(
    browser(DARK),
    () => false,
    (answers) => (told = answers),
  );
});

it("tells one sign for each question", () => {
  expect(told).toHaveLength(WISHES.length);
  expect(told.startsWith("10")).toBe(true);
});

it("tells nothing where the page has put something else in its place, and harms it in no way", () => {
  const send = vi.fn();
  for (const matchMedia of [undefined, () => null, () => ({ matches: true })])
    tellMedia({ matchMedia } as unknown as Window, () => false, send);
  expect(send).not.toHaveBeenCalled();
});

it("makes constants of those that the agent's browser answers otherwise", () => {
  const wishes = new Wishes();
  wishes.take(told, browser(LIGHT));
  expect(wishes.query("screen and (prefers-color-scheme:dark)")).toBe("screen and (min-width: 0px)");
  expect(wishes.query(`not ${LIGHT}, print`)).toBe("not (max-width: 0px), print");
  expect(wishes.query("(prefers-reduced-motion: reduce)")).toBe("(prefers-reduced-motion: reduce)");
});

it("knows what a visitor points with, also where a query names no value", () => {
  const touch = (query: string): boolean => ["(hover: none)", "(pointer: coarse)"].includes(query);
  const mouse = (query: string): boolean => ["(hover: hover)", "(pointer: fine)"].includes(query);
  const by = (matches: (query: string) => boolean): Window =>
    ({
      matchMedia: (query: string) => ({ matches: matches(query), addEventListener: vi.fn() }),
    }) as unknown as Window;
  tellMedia(
    by(touch),
    () => false,
    (answers) => (told = answers),
  );
  const wishes = new Wishes();
  wishes.take(told, by(mouse));
  expect(wishes.query("(hover: hover) and (pointer:fine)")).toBe("(max-width: 0px) and (max-width: 0px)");
  expect(wishes.query("(hover)")).toBe("(max-width: 0px)");
  expect(wishes.query("(pointer)")).toBe("(pointer)");
  expect(wishes.query("(hover: none)")).toBe("(min-width: 0px)");
});

it("leaves all as it is where both answer alike", () => {
  const wishes = new Wishes();
  wishes.take(told, browser(DARK));
  expect(wishes.query(DARK)).toBe(DARK);
});

it("goes through groups of rules", () => {
  const style = document.head.appendChild(document.createElement("style"));
  style.textContent = `@media ${DARK} { p { color: red } } @media screen { @media ${LIGHT} { p { color: blue } } }`;
  const wishes = new Wishes();
  wishes.take(told, browser(LIGHT));
  Object.defineProperty(document, "adoptedStyleSheets", { value: [], configurable: true });
  wishes.apply(document);
  const [first, second] = style.sheet?.cssRules as unknown as [CSSMediaRule, CSSMediaRule];
  expect(first.media.mediaText).toBe("(min-width: 0px)");
  expect((second.cssRules[0] as CSSMediaRule).media.mediaText).toBe("(max-width: 0px)");
});
