/**
 * Tells states that stand in no attribute: those that custom elements give themselves (`:state(on)`), fields that were judged once
 * a person had used them (`:user-invalid`), custom elements that wait for their script (`:not(:defined)`). PROTOCOL.md section 4.
 *
 * Owns finding them: style sheets say which there are to ask for, and the page is asked a few times in a second. No page's
 * call is wrapped. What is told passes the choke point as an attribute: of a masked element nothing.
 */

import { guarded } from "../guard/guard.js";
import { ANIMATIONS_LOOK_MS, STATES_MAX } from "../visitor/limits.js";
import type { Known } from "./living.js";

type Root = Document | ShadowRoot;

/** Looks through the trees that are recorded until `isOver`. `send` hears of elements without a number, too, once they have gone. */
export function tellCustomStates(
  roots: () => Iterable<Root>,
  known: Pick<Known, "getId">,
  isOver: () => boolean,
  send: (id: number, states: string | null) => void,
): void {
  const names = new Set<string>();
  /** Sheets whose rules were looked through, and how many those were. */
  const read = new WeakMap<CSSStyleSheet, number>();
  let told = new Map<Element, string>();

  const look = (): void => {
    if (isOver()) {
      clearInterval(timer);
      return;
    }
    const trees = [...roots()];
    for (const root of trees)
      for (const sheet of [...root.styleSheets, ...(root.adoptedStyleSheets ?? [])])
        readNames(sheet, names, read);
    if (names.size === 0) return;
    const now = new Map<Element, string>();
    const any = selectorOf([...names]);
    for (const root of trees)
      for (const element of found(root, any)) {
        const id = known.getId(element);
        if (id > 0)
          now.set(element, [...names].filter((name) => element.matches(selectorOf([name]))).join(" "));
      }
    for (const [element, states] of now) if (told.get(element) !== states) send(known.getId(element), states);
    for (const element of told.keys())
      if (!now.has(element) && element.isConnected) send(known.getId(element), null);
    told = now;
  };
  const timer = setInterval(guarded(look), ANIMATIONS_LOOK_MS);
  look();
}

function found(root: Root, selector: string): Iterable<Element> {
  try {
    return root.querySelectorAll(selector);
  } catch {
    // A browser without such states.
    return [];
  }
}

/** The names that a sheet asks for. One that is read once is read again when it has more rules, or fewer. */
function readNames(sheet: CSSStyleSheet, names: Set<string>, read: WeakMap<CSSStyleSheet, number>): void {
  try {
    const { length } = sheet.cssRules;
    if (read.get(sheet) === length) return;
    read.set(sheet, length);
    readRules(sheet.cssRules, names);
  } catch {
    // A sheet of another site says nothing.
  }
}

function readRules(rules: CSSRuleList, names: Set<string>): void {
  for (const rule of rules) {
    const { selectorText, cssRules } = rule as Partial<CSSStyleRule>;
    for (const [, custom, own] of selectorText?.matchAll(STATE) ?? [])
      if (names.size < STATES_MAX) names.add(custom ?? (own === ":defined" ? UNDEFINED : (own ?? "")));
    if (cssRules?.length) readRules(cssRules, names);
  }
}

/** What asks for any of the states; a browser that does not know one of them asks for the others. */
function selectorOf(names: readonly string[]): string {
  const asked = names.map((name) =>
    name === UNDEFINED ? ":not(:defined)" : name.startsWith(":") ? name : `:state(${name})`,
  );
  return `:is(${asked.join()})`;
}

/** Most elements are defined: told is which are not. */
const UNDEFINED = ":undefined";

const STATE = /:state\(\s*([-\w]+)\s*\)|(:user-(?:in)?valid|:defined)(?![-\w])/g;
