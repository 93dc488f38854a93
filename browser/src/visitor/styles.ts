/**
 * Changes of style sheets that rrweb's wrappers do not see: setters on a rule's style, steps of an animation, and lists changed
 * in place.
 *
 * Owns finding them. Told they are through what rrweb has wrapped: a property is set once more to what it is already,
 * a list assigned once more, which changes nothing in the page and gives the change its event with its ids.
 */

import { rootOf } from "./closed.js";
import { RULES_WATCHED_MAX, RULE_WATCH_MS, STYLE_CHECK_MS } from "./limits.js";

/** What changes a sheet in a way that no event tells: setters and calls, by who has them. */
export function untold(page: Window & typeof globalThis): [object | undefined, string[]][] {
  return [
    [page.CSSStyleRule?.prototype, ["selectorText"]],
    [page.CSSKeyframesRule?.prototype, ["appendRule", "deleteRule"]],
    [page.StyleSheet?.prototype, ["disabled"]],
    [page.HTMLStyleElement.prototype, ["disabled"]],
    [page.MediaList?.prototype, ["mediaText"]],
  ];
}

/** Watches the style sheets of one page. */
export class StyleWatcher {
  private readonly rules = new Map<CSSStyleRule, { known: Map<string, string>; until: number }>();
  private readonly lists = new Map<Document | ShadowRoot, readonly CSSStyleSheet[]>();
  /** The getter that was wrapped: our own look at a rule is no touch. */
  private getStyle: (() => unknown) | undefined;
  private isPlanned = false;
  private isStopped = false;

  /** `onUnknown`: something changed that no event can tell; a keyframe can. */
  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly onUnknown: () => void,
  ) {}

  /** Begins to watch; gives the way back. Wrapped properties are put back by `patches.ts`. */
  start(): () => void {
    const { CSSStyleRule, document } = this.page;
    if (CSSStyleRule) {
      this.wrap(CSSStyleRule.prototype, "style", "get", (rule) => {
        this.touch(rule as CSSStyleRule);
      });
    }
    for (const [owner, names] of untold(this.page))
      if (owner) for (const name of names) this.wrap(owner, name, "set", this.onUnknown);
    this.watchList(document);
    const timer = setInterval(() => {
      this.check();
    }, STYLE_CHECK_MS);
    return () => {
      this.isStopped = true;
      clearInterval(timer);
      this.rules.clear();
      this.lists.clear();
    };
  }

  /** Watches the list of a host's shadow root too. */
  watchHost(host: Node): void {
    const root = rootOf(host);
    if (root) this.watchList(root);
  }

  private watchList(root: Document | ShadowRoot): void {
    if (root.adoptedStyleSheets && !this.lists.has(root)) this.lists.set(root, [...root.adoptedStyleSheets]);
  }

  private touch(rule: CSSStyleRule): void {
    if (this.isStopped || !rule.parentStyleSheet) return;
    const until = performance.now() + RULE_WATCH_MS;
    const watched = this.rules.get(rule);
    if (watched) watched.until = until;
    else this.rules.set(rule, { known: read(this.styleOf(rule)), until });
    if (this.rules.size > RULES_WATCHED_MAX) {
      for (const oldest of this.rules.keys()) {
        this.rules.delete(oldest);
        break;
      }
    }
    if (this.isPlanned) return;
    this.isPlanned = true;
    setTimeout(() => {
      this.isPlanned = false;
      this.check();
    }, 0);
  }

  private check(): void {
    if (this.isStopped) return;
    const now = performance.now();
    for (const [rule, watched] of this.rules) {
      const style = this.styleOf(rule);
      const found = read(style);
      for (const [name, value] of found) {
        if (watched.known.get(name) === value) continue;
        style.setProperty(name, style.getPropertyValue(name), style.getPropertyPriority(name));
      }
      for (const name of watched.known.keys()) if (!found.has(name)) style.removeProperty(name);
      watched.known = found;
      if (now > watched.until) this.rules.delete(rule);
    }
    for (const [root, known] of this.lists) {
      if (!root.isConnected) {
        this.lists.delete(root);
        continue;
      }
      const list = root.adoptedStyleSheets;
      if (list.length === known.length && list.every((sheet, at) => sheet === known[at])) continue;
      this.lists.set(root, [...list]);
      root.adoptedStyleSheets = [...list];
    }
  }

  private styleOf(rule: CSSStyleRule): CSSStyleDeclaration {
    return (this.getStyle?.call(rule) as CSSStyleDeclaration | undefined) ?? rule.style;
  }

  private wrap(owner: object, name: string, given: "get" | "set", then: (target: object) => void): void {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    const side = own?.value ? "value" : given;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its rule or sheet
    const inner = own?.[side] as ((this: object, value?: unknown) => unknown) | undefined;
    if (!own || !inner) return;
    if (name === "style") this.getStyle = inner;
    const hasEnded = (): boolean => this.isStopped;
    Object.defineProperty(owner, name, {
      ...own,
      [side](this: object, ...words: unknown[]) {
        const result = inner.apply(this, words as [unknown]);
        if (!hasEnded()) then(this);
        return result;
      },
    });
  }
}

function read(style: CSSStyleDeclaration): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of style) found.set(name, style.getPropertyValue(name) + style.getPropertyPriority(name));
  return found;
}
