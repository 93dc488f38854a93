/** Rules that a script has put in before anybody listened: their values are those that an open element shows. */
import { beforeEach, expect, test } from "vitest";

import { learnRules } from "../src/mirror/sources.js";

const TEXT = ".card { padding-top: ; padding-left: 4px; font-family: ; background-image: ; }";

const LONGHANDS: Readonly<Record<string, string>> = {
  "padding-top": "",
  "padding-left": "4px",
  "font-family": "",
  "background-image": "",
  "--nothing": "",
};

/** A rule as browsers show it, three of whose longhands come from shorthands with variables. */
function rule(selectorText: string, longhands = LONGHANDS, cssText = TEXT) {
  const style = {
    [Symbol.iterator]: () => Object.keys(longhands)[Symbol.iterator](),
    getPropertyValue: (name: string) => longhands[name] ?? "",
    getPropertyPriority: (name: string) => (name === "padding-left" ? "important" : ""),
  };
  return { cssText, selectorText, style };
}

/** What is learnt of one such rule, where only elements without the class `masked` are open. */
async function learnt(one: object): Promise<string | undefined> {
  const sheet = { href: null, ownerNode: null, parentStyleSheet: null, cssRules: [{ cssRules: [one] }] };
  const root = {
    styleSheets: [sheet],
    querySelectorAll: (words: string) => document.querySelectorAll(words),
  };
  const written = new Map<string, string>();
  const isNew = await learnRules(window, {
    unread: new Set([sheet as unknown as CSSStyleSheet]),
    written,
    put: new Set(),
    roots: () => [root as unknown as Document],
    isOpen: (element) => !element.classList.contains("masked"),
  });
  expect(isNew).toBe(written.size > 0);
  return written.get(TEXT);
}

beforeEach(() => {
  document.body.innerHTML = `<p class="card masked" style="font-family: canary"></p>
    <p class="card" style="padding-top: 7px; font-family: shown; background-image: url(https://a.example/secret)"></p>`;
});

test("a value that stands nowhere is that of the first open element", async () => {
  expect(await learnt(rule(".card"))).toBe(
    ".card {padding-top: 7px; padding-left: 4px !important; font-family: shown; --nothing: ; }",
  );
});

test("a variable that has nothing is as it was written", async () => {
  expect(await learnt(rule(".card", { "padding-left": "4px", "--nothing": "" }))).toBeUndefined();
});

test("a masked element tells nothing, nor does a selector that is another's to read", async () => {
  expect(await learnt(rule(".masked"))).toBeUndefined();
  expect(await learnt(rule("& .card"))).toBeUndefined();
  expect(await learnt(rule(".nobody"))).toBeUndefined();
});
