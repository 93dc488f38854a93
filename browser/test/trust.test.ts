/** The policy of Trusted Types vouches for scripts of the loader's origin, and for nothing else. */

import { afterEach, expect, it, vi } from "vitest";

import { trustIn } from "../src/loader/trust.js";

const HOME = "https://www.example/cobrowse/loader.js";

interface Rules {
  createScriptURL(url: string): string;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A browser with Trusted Types; `names` are those that the page's policy lists. */
function withTypes(names: readonly string[]): string[] {
  const made: string[] = [];
  vi.stubGlobal("trustedTypes", {
    createPolicy: (name: string, rules: Rules) => {
      if (!names.includes(name) || made.includes(name)) throw new TypeError("the policy is not listed");
      made.push(name);
      return { createScriptURL: (url: string) => ({ vouched: rules.createScriptURL(url) }) };
    },
  });
  return made;
}

it("vouches for the loader's origin only, by one policy", () => {
  const made = withTypes(["glance-cobrowse"]);
  const trust = trustIn(HOME);
  expect(trust("https://www.example/cobrowse/visitor.js")).toEqual({
    vouched: "https://www.example/cobrowse/visitor.js",
  });
  for (const url of [
    "https://evil.example/visitor.js",
    "https://www.example.evil.example/x.js",
    "https://www.example@evil.example/x.js",
    "//evil.example/x.js",
    "data:text/javascript,1",
    "javascript:1",
  ])
    expect(trust(url)).toEqual({ vouched: "" });
  expect(made).toEqual(["glance-cobrowse"]);
});

it("takes the origin of the first script where the loader came in a bundle", () => {
  withTypes(["glance-cobrowse"]);
  const trust = trustIn("");
  expect(trust("https://www.example/cobrowse/visitor.js")).toEqual({
    vouched: "https://www.example/cobrowse/visitor.js",
  });
  expect(trust("https://evil.example/visitor.js")).toEqual({ vouched: "" });
});

it("leaves addresses alone where there are no Trusted Types, or the page lists no such policy", () => {
  const url = "https://www.example/cobrowse/visitor.js";
  expect(trustIn(HOME)(url)).toBe(url);
  withTypes([]);
  expect(trustIn(HOME)(url)).toBe(url);
});
