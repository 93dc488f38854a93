/**
 * Changes of style sheets that rrweb's wrappers do not see: setters on a rule's style, steps of an animation, and lists changed
 * in place.
 *
 * Owns finding them. Told they are through what rrweb has wrapped: a property is set once more to what it is already,
 * a list assigned once more, which changes nothing in the page and gives the change its event with its ids.
 */

import { guarded } from "../guard/guard.js";
import { RULES_WATCHED_MAX, RULE_WATCH_MS, STYLE_CHECK_MS } from "../visitor/limits.js";
import { windowOf } from "../visitor/root.js";
import { wrapAfter } from "../visitor/wrap.js";

/** What changes a sheet in a way that no event tells, besides a rule's map of properties: calls and setters, and the getters of styles with setters of their own; by who has them. */
export function untold(page: Window & typeof globalThis): Untold[] {
  const rules: Partial<typeof page> & { CSSNestedDeclarations?: { prototype: object } } = page;
  const { CSSStyleRule, CSSKeyframesRule, CSSKeyframeRule, CSSNestedDeclarations, MediaList } = rules;
  return [
    ...[CSSStyleRule, CSSKeyframeRule, CSSNestedDeclarations].map((type): Untold => [
      type?.prototype,
      ["style"],
      "get",
    ]),
    [CSSStyleRule?.prototype, ["selectorText"], "set"],
    [CSSKeyframesRule?.prototype, ["name"], "set"],
    [CSSKeyframesRule?.prototype, ["appendRule", "deleteRule"], "value"],
    [CSSKeyframeRule?.prototype, ["keyText"], "set"],
    [rules.StyleSheet?.prototype, ["disabled"], "set"],
    [page.HTMLStyleElement.prototype, ["disabled"], "set"],
    [MediaList?.prototype, ["mediaText"], "set"],
    [MediaList?.prototype, ["appendMedium", "deleteMedium"], "value"],
  ];
}

type Untold = [owner: object | undefined, names: string[], side: "get" | "set" | "value"];

/** Watches the style sheets of one page. */
export class StyleWatcher {
  private readonly rules = new Map<CSSStyleDeclaration, { known: Map<string, string>; until: number }>();
  private readonly lists = new Map<Document | ShadowRoot, readonly CSSStyleSheet[]>();
  private isCheckPlanned = false;
  private isStopped = false;

  /** `onUnknown`: something changed that no event can tell; a keyframe can. */
  constructor(private readonly onUnknown: () => void) {}

  /** Begins to look; gives the way back. */
  start(): () => void {
    const timer = setInterval(
      guarded(() => {
        this.check();
      }),
      STYLE_CHECK_MS,
    );
    return () => {
      this.isStopped = true;
      clearInterval(timer);
      this.rules.clear();
    };
  }

  /** Watches the list of a tree, and what stands in the window of a document; gives the way back. */
  readonly watch = (root: Document | ShadowRoot): (() => void) => {
    if (root.adoptedStyleSheets) this.lists.set(root, [...root.adoptedStyleSheets]);
    const view = windowOf(root);
    const undo = view ? this.wrap(view) : [];
    return () => {
      this.lists.delete(root);
      for (const one of undo) one();
    };
  };

  /** A list was told: what is put into it later is held against it. */
  noteList(root: Document | ShadowRoot | null): void {
    if (root && this.lists.has(root)) this.lists.set(root, [...root.adoptedStyleSheets]);
  }

  private wrap(view: Window & typeof globalThis): (() => void)[] {
    const touch = (rule: object, style: unknown): void => {
      this.touch(rule as CSSRule, style as CSSStyleDeclaration);
    };
    return [
      ...untold(view).flatMap(([owner, names, side]) =>
        names.map((name) => wrapAfter(owner, name, side, side === "get" ? touch : this.onUnknown)),
      ),
      // Whoever asks for the one way to a rule's properties is watched as who asks for the other.
      wrapAfter(view.CSSStyleRule.prototype, "styleMap", "get", (rule) => (rule as CSSStyleRule).style),
    ];
  }

  private touch(rule: CSSRule, style: CSSStyleDeclaration): void {
    if (this.isStopped || !rule.parentStyleSheet) return;
    const until = performance.now() + RULE_WATCH_MS;
    const watched = this.rules.get(style);
    if (watched) watched.until = until;
    else this.rules.set(style, { known: read(style), until });
    if (this.rules.size > RULES_WATCHED_MAX) {
      for (const oldest of this.rules.keys()) {
        this.rules.delete(oldest);
        break;
      }
    }
    if (this.isCheckPlanned) return;
    this.isCheckPlanned = true;
    setTimeout(
      guarded(() => {
        this.isCheckPlanned = false;
        this.check();
      }),
      0,
    );
  }

  private check(): void {
    if (this.isStopped) return;
    const now = performance.now();
    for (const [style, watched] of this.rules) {
      const found = read(style);
      const isSame =
        found.size === watched.known.size &&
        [...found].every(([name, value]) => watched.known.get(name) === value);
      // A sheet that another takes in is told with that one only.
      if (!isSame && style.parentRule?.parentStyleSheet?.ownerRule) this.onUnknown();
      for (const [name, value] of found) {
        if (watched.known.get(name) === value) continue;
        style.setProperty(name, style.getPropertyValue(name), style.getPropertyPriority(name));
      }
      for (const name of watched.known.keys()) if (!found.has(name)) style.removeProperty(name);
      watched.known = found;
      if (now > watched.until) this.rules.delete(style);
    }
    for (const [root, known] of this.lists) {
      if (!root.isConnected) continue;
      const list = root.adoptedStyleSheets;
      if (list.length === known.length && list.every((sheet, at) => sheet === known[at])) continue;
      this.lists.set(root, [...list]);
      root.adoptedStyleSheets = [...list];
    }
  }
}

function read(style: CSSStyleDeclaration): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of style) found.set(name, style.getPropertyValue(name) + style.getPropertyPriority(name));
  return found;
}
