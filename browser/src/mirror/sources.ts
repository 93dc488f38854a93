/**
 * Finds what was written in rules that the browser does not write as they were written (`visitor/written.ts`).
 *
 * Owns finding the rules in a source: each candidate is given to the browser's own parser, and what comes out says which of
 * the page's rules it is. Rules that a script has put in before anybody listened have no source: they are told with what an
 * element shows that they are for.
 */

import { SOURCE_CHARS_MAX, WRITTEN_RULES_MAX } from "../visitor/limits.js";
import { NO_VALUE } from "../visitor/written.js";

/** What is known, and who may be looked at. */
export interface Sources {
  /** Sheets with rules of which nobody knows what was written, and what is known of others. */
  readonly unread: Set<CSSStyleSheet>;
  readonly written: Map<string, string>;
  /** Texts with variables that scripts have put into sheets. */
  readonly put: Set<string>;
  /** The trees that are recorded. */
  readonly roots: () => Iterable<Document | ShadowRoot>;
  /** Whether nothing of an element is masked: only then may a rule tell what it shows. */
  readonly isOpen: (element: Element) => boolean;
}

/** Learns what was written in these sheets, and takes them out; whether anything new was learnt. */
export async function learnRules(page: Window & typeof globalThis, sources: Sources): Promise<boolean> {
  const { unread, written, put } = sources;
  const before = written.size;
  for (const text of put) learnText(page, text, written);
  put.clear();
  for (const sheet of [...unread]) {
    unread.delete(sheet);
    if (!read.has(sheet)) {
      read.add(sheet);
      learnText(page, await sourceOf(page, sheet), written);
    }
    learnShown(page, sheet, sources);
  }
  return written.size > before;
}

/** Learns what stands in a text, where the browser would not say it again. */
function learnText(page: Window & typeof globalThis, source: string, written: Map<string, string>): void {
  if (source.length > SOURCE_CHARS_MAX) return;
  for (const [rule, body] of source.replace(COMMENTS, "").matchAll(RULES)) {
    if (!body?.includes("var(") || written.size >= WRITTEN_RULES_MAX) continue;
    const probe = new page.CSSStyleSheet();
    probe.replaceSync(rule);
    const text = probe.cssRules[0]?.cssText ?? "";
    if (!text.includes(NO_VALUE)) continue;
    written.set(text, rule.trim());
    // Below another rule the browser writes its selector in another way.
    probe.replaceSync(`a{${rule}}`);
    const [nested] = (probe.cssRules[0] as CSSStyleRule | undefined)?.cssRules ?? [];
    if (nested) written.set(nested.cssText, rule.trim());
  }
}

/** A sheet of the page's own, or one that its site lets it read: it lies in the browser's cache. */
async function sourceOf(page: Window & typeof globalThis, sheet: CSSStyleSheet): Promise<string> {
  if (!sheet.href) return sheet.ownerNode?.textContent ?? "";
  try {
    const answer = await page.fetch(sheet.href, { cache: "force-cache" });
    return answer.ok ? await answer.text() : "";
  } catch {
    return "";
  }
}

/** Rules of a sheet that are still not known, each with what an open element has come to by it. */
function learnShown(page: Window, sheet: CSSStyleSheet, { written, roots, isOpen }: Sources): void {
  const trees = [...roots()].filter((root) =>
    [...root.styleSheets, ...(root.adoptedStyleSheets ?? [])].includes(outermost(sheet)),
  );
  for (const rule of unvalued(sheet.cssRules)) {
    if (written.has(rule.cssText) || written.size >= WRITTEN_RULES_MAX) continue;
    const [, selector = "", pseudo] = PSEUDO.exec(rule.selectorText) ?? [];
    const element = trees.flatMap((root) => [...root.querySelectorAll(selector)]).find((one) => isOpen(one));
    if (!element) continue;
    const shown = page.getComputedStyle(element, pseudo);
    written.set(rule.cssText, `${rule.selectorText} {${filled(rule.style, shown, pseudo ? null : element)}}`);
  }
}

/** Style rules with longhands that have no value, and no rules within. */
function* unvalued(rules: Iterable<CSSRule>): Generator<CSSStyleRule> {
  for (const rule of rules) {
    const { cssRules, selectorText } = rule as Partial<CSSStyleRule>;
    if (cssRules?.length) yield* unvalued(cssRules);
    else if (selectorText && !selectorText.includes("&") && rule.cssText.includes(NO_VALUE)) {
      const { style } = rule as CSSStyleRule;
      if ([...style].some((name) => isUnvalued(style, name))) yield rule as CSSStyleRule;
    }
  }
}

/** Whether the browser does not say what a longhand has. A variable may have nothing. */
const isUnvalued = (style: CSSStyleDeclaration, name: string): boolean =>
  !name.startsWith("--") && style.getPropertyValue(name) === "";

/** A rule's declarations, of which those without a value have the one that is shown. Addresses are nobody's to tell here. */
function filled(style: CSSStyleDeclaration, shown: CSSStyleDeclaration, element: Element | null): string {
  const computed = element?.computedStyleMap?.();
  return [...style]
    .map((name) => {
      const end = `${style.getPropertyPriority(name) && " !important"}; `;
      if (!isUnvalued(style, name)) return `${name}: ${style.getPropertyValue(name)}${end}`;
      // What is computed stays right in other widths, where the browser tells it.
      const found = computed?.get(name)?.toString() ?? shown.getPropertyValue(name);
      const isOwn = name.endsWith("-color") && found === shown.color;
      const value = isOwn ? "currentcolor" : found.includes("url(") ? "" : found;
      return value && `${name}: ${value}${end}`;
    })
    .join("");
}

/** The sheet that a tree has, of one that others take in. */
function outermost(sheet: CSSStyleSheet): CSSStyleSheet {
  let at = sheet;
  while (at.parentStyleSheet) at = at.parentStyleSheet;
  return at;
}

const read = new WeakSet<CSSStyleSheet>();

const COMMENTS = /\/\*[^]*?\*\//g;

/** Rules that hold no others. */
const RULES = /[^{};]+\{([^{}]*)\}/g;

/** One selector's elements, and the part of them that it is for. */
const PSEUDO = /^([^]*?)(::[-\w]+)?$/;
