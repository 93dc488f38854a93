/**
 * What a group's selectors depend on: whether they can be read, and which changes of a page can make one match anew.
 *
 * Owns the grammar as far as that needs. What it is not sure of depends on everything: then the whole page is looked at
 * again with each change, which is slow and never wrong. Used by `rules.ts`, and by `watch.ts` to look no further.
 */

/** What may make a selector match an element that it did not match before. */
export interface Dependence {
  /** Attributes by name, as written and in lower case; `null`: any change of anything, also of states. */
  readonly attributes: ReadonlySet<string> | null;
  /** A match depends on the element and what stands above it in its tree, never on what stands beside or below. */
  readonly looksUpOnly: boolean;
}

/** Reads what a selector that parses depends on. */
export function dependenceOf(selector: string): Dependence {
  const bare = selector.replace(STRINGS, '""');
  const names = [...bare.matchAll(/:+([\w-]*)/g)].map((match) => match[0].toLowerCase());
  if (/[\\|&]|\/\*/.test(bare) || names.some((name) => !UPWARD.has(name))) {
    return { attributes: null, looksUpOnly: false };
  }
  const attributes = new Set<string>();
  for (const [, name = ""] of bare.matchAll(/\[\s*([^\s\]=~^$*]+)/g)) {
    attributes.add(name).add(name.toLowerCase());
  }
  const outside = bare.replace(/\[[^\]]*\]/g, "[]");
  if (outside.includes(".")) attributes.add("class");
  if (outside.includes("#")) attributes.add("id");
  return { attributes, looksUpOnly: !/[+~]/.test(outside) };
}

/** The two together. */
export function together(one: Dependence, other: Dependence): Dependence {
  const attributes =
    one.attributes && other.attributes ? new Set([...one.attributes, ...other.attributes]) : null;
  return { attributes, looksUpOnly: one.looksUpOnly && other.looksUpOnly };
}

/** Whether a value that an attribute had was a mark by itself: a class, an id or an attribute that a selector names alone. */
export function marksOf(selectors: readonly string[]): (name: string, value: string | null) => boolean {
  const marks = new Set<string>();
  for (const one of selectors.flatMap((selector) => selector.split(","))) {
    const [, sign, word = "", value = ""] = MARK.exec(one.trim().toLowerCase()) ?? [];
    if (sign === "[") marks.add(value === "" ? `[${word}` : `[${word}=${value}`);
    else if (sign) marks.add(sign + word);
  }
  // Old documents do not tell capitals apart.
  const is = (mark: string): boolean => marks.has(mark.toLowerCase());
  return (name, value) => {
    if (value === null) return false;
    if (is(`[${name}`) || is(`[${name}=${value}`)) return true;
    if (name === "id") return is(`#${value}`);
    return name === "class" && value.split(/\s+/).some((word) => is(`.${word}`));
  };
}

/** Whether a selector can be read, alone and as a part of a list. */
export function isSelector(selector: string, page: Document): boolean {
  try {
    // In a fragment nothing matches, so that only the grammar is tried.
    page.createDocumentFragment().querySelector(selector);
    return selector.trim() !== "" && isClosed(selector);
  } catch {
    return false;
  }
}

/**
 * Selectors are joined to one list. A parser forgives what is left open at the end, and then an open string, bracket or
 * comment would swallow the selectors behind it. A part of an element that is none (`::before`) masks nothing, whatever
 * its author meant.
 */
function isClosed(selector: string): boolean {
  const bare = selector.replace(/\\[^]/g, "").replace(STRINGS, "");
  if (/["'\\]|\/\*|::/.test(bare)) return false;
  let depth = 0;
  for (const letter of bare) {
    if (letter === "(" || letter === "[") depth += 1;
    if (letter === ")" || letter === "]") depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

const STRINGS = /"[^"]*"|'[^']*'/g;

/** A single class, id or attribute, also with one value. */
const MARK = /^([.#[])([\w-]+)(?:=["']?([\w-]+)["']?)?\]?$/;

/** Pseudo-classes that look at the element and what is above it only. */
const UPWARD = new Set([":not", ":is", ":where", ":root"]);
