/**
 * Three of rrweb's observers, written anew: presses and focus, rules of style sheets, properties of rules.
 *
 * They emit what rrweb's do. Unlike those they let an error of the page's own call through to the page, and tell of a
 * change once it has been made: in a microtask, as the page's mutations are, so that both come in the order in which the
 * page made them. The build puts them in their place (`browser/rrweb.mjs`); `patches.ts` lists what they wrap.
 */

import { guarded, on } from "../guard/guard.js";
import { apply } from "../guard/own.js";
import { MouseInteractions } from "@rrweb/types";

import { WRITTEN_RULES_MAX } from "./limits.js";
import { WIDGET_TAG } from "./names.js";
import type { Ids } from "./tree.js";
import { put } from "./written.js";

/** What rrweb gives its observers. */
interface Observed {
  readonly doc: Document;
  readonly mirror: Ids;
  readonly stylesheetManager: { readonly styleMirror: { getId(sheet: CSSStyleSheet): number } };
  mouseInteractionCb(press: { type: MouseInteractions; id: number; x?: number; y?: number }): void;
  styleSheetRuleCb(change: object): void;
  styleDeclarationCb(change: object): void;
}

/** Tells who presses, clicks and focuses what. */
export function observePresses(observed: Observed): () => void {
  const { doc, mirror } = observed;
  const ended = new AbortController();
  for (const [name, type] of Object.entries(PRESSES)) {
    const listener = guarded((event: Event) => {
      const target = event.composedPath()[0] as Partial<Element> | undefined;
      if (!target || target.closest?.(WIDGET_TAG)) return;
      // Pages send the focus of a part on in the name of the whole, which has none.
      if ((name === "focus" || name === "blur") && !event.isTrusted) return;
      const { clientX: x, clientY: y, pointerType } = event as PointerEvent;
      const touch = pointerType === "touch" ? TOUCHES[type] : undefined;
      if (type === MouseInteractions.TouchCancel && touch === undefined) return;
      observed.mouseInteractionCb({ type: touch ?? type, id: mirror.getId(target as Node), x, y });
    });
    on(doc, name, listener, { capture: true, passive: true, signal: ended.signal });
  }
  return () => {
    ended.abort();
  };
}

/** Tells of rules and properties that scripts put into style sheets and take out of them. */
export function observeSheets(observed: Observed, page: Window & typeof globalThis): () => void {
  const { mirror, stylesheetManager } = observed;
  const undo: (() => void)[] = [];

  const wrap = (
    type: { readonly prototype: object } | undefined,
    name: string,
    change: (self: never, words: unknown[]) => readonly [CSSStyleSheet | null | undefined, object] | null,
    tell: (change: object) => void,
  ): void => {
    const owner = type?.prototype as Record<string, Method> | undefined;
    const found = owner?.[name];
    // What is inherited is wrapped where it stands.
    if (!owner || !found || !Object.hasOwn(owner, name)) return;
    // A frame's window outlives its first, empty document: the watch over the next one takes the place of the first's.
    const inner = wrapped.get(found) ?? found;
    const say = guarded((self: never, words: unknown[]) => {
      const text = String(words[0]);
      if (text.includes("var(") && put.size < WRITTEN_RULES_MAX) put.add(text);
      const [sheet, what] = change(self, words) ?? [];
      const id = sheet?.ownerNode ? mirror.getId(sheet.ownerNode) : undefined;
      const styleId = sheet && id === undefined ? stylesheetManager.styleMirror.getId(sheet) : undefined;
      const isKnown = (id ?? 0) > 0 || (styleId ?? 0) > 0;
      if (!isKnown) return;
      queueMicrotask(
        guarded(() => {
          tell({ id, styleId, ...what });
        }),
      );
    });
    const ours = new Proxy(inner, {
      apply(target, self, words) {
        const result: unknown = apply(target, self, words);
        say(self as never, words);
        return result;
      },
    });
    wrapped.set(ours, inner);
    owner[name] = ours;
    undo.push(() => {
      if (owner[name] === ours) owner[name] = inner;
    });
  };

  const onRule = (change: object): void => {
    observed.styleSheetRuleCb(change);
  };
  const sheets = page.CSSStyleSheet;
  wrap(sheets, "insertRule", (self, [rule, index]) => [self, { adds: [{ rule, index }] }], onRule);
  wrap(sheets, "deleteRule", (self, [index]) => [self, { removes: [{ index }] }], onRule);
  wrap(sheets, "replace", (self, [replace]) => [self, { replace }], onRule);
  wrap(sheets, "replaceSync", (self, [replaceSync]) => [self, { replaceSync }], onRule);
  wrap(
    sheets,
    "addRule",
    (self: CSSStyleSheet, [selector, style, index]) => {
      const rule = `${String(selector)} { ${String(style)} }`;
      return [self, { adds: [{ rule, index: index ?? self.cssRules.length - 1 }] }];
    },
    onRule,
  );
  wrap(sheets, "removeRule", (self, [index]) => [self, { removes: [{ index: index ?? 0 }] }], onRule);
  // A rule that holds others: a group, or one with rules nested in it.
  for (const type of [page.CSSGroupingRule, page.CSSStyleRule]) {
    wrap(
      type,
      "insertRule",
      (self: CSSRule, [rule, index]) => [
        self.parentStyleSheet,
        { adds: [{ rule, index: [...placeOf(self), index ?? 0] }] },
      ],
      onRule,
    );
    wrap(
      type,
      "deleteRule",
      (self: CSSRule, [index]) => [
        self.parentStyleSheet,
        { removes: [{ index: [...placeOf(self), index] }] },
      ],
      onRule,
    );
  }
  const onProperty = (change: object): void => {
    observed.styleDeclarationCb(change);
  };
  const ofRule = (
    { parentRule }: CSSStyleDeclaration,
    what: object,
  ): readonly [CSSStyleSheet | null, object] | null =>
    parentRule && [parentRule.parentStyleSheet, { ...what, index: placeOf(parentRule) }];
  wrap(
    page.CSSStyleDeclaration,
    "setProperty",
    (self, [property, value, priority]) => ofRule(self, { set: { property, value, priority } }),
    onProperty,
  );
  wrap(
    page.CSSStyleDeclaration,
    "removeProperty",
    (self, [property]) => ofRule(self, { remove: { property } }),
    onProperty,
  );
  return () => {
    for (const one of undo) one();
  };
}

type Method = (...words: unknown[]) => unknown;

/** What this module has wrapped, and what it was before. */
const wrapped = new WeakMap<Method, Method>();

/** Where a rule stands, from its sheet down. */
function placeOf(rule: CSSRule): number[] {
  const outer = rule.parentRule;
  const list = (outer as CSSGroupingRule | null)?.cssRules ?? rule.parentStyleSheet?.cssRules ?? [];
  return [...(outer ? placeOf(outer) : []), [...list].indexOf(rule)];
}

/** What is told, by the event's name. */
const PRESSES: Readonly<Record<string, MouseInteractions>> = {
  pointerup: MouseInteractions.MouseUp,
  pointerdown: MouseInteractions.MouseDown,
  click: MouseInteractions.Click,
  contextmenu: MouseInteractions.ContextMenu,
  dblclick: MouseInteractions.DblClick,
  focus: MouseInteractions.Focus,
  blur: MouseInteractions.Blur,
  pointercancel: MouseInteractions.TouchCancel,
};

/** What a finger's press is told as; a click stays one. */
const TOUCHES: Readonly<Partial<Record<MouseInteractions, MouseInteractions>>> = {
  [MouseInteractions.MouseUp]: MouseInteractions.TouchEnd,
  [MouseInteractions.MouseDown]: MouseInteractions.TouchStart,
  [MouseInteractions.TouchCancel]: MouseInteractions.TouchCancel,
};
