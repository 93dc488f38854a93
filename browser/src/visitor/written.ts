/**
 * Rules as they were written, where the browser does not tell.
 *
 * A shorthand with a variable, and a longhand of it behind (`border: var(--w) solid; border-right-color: transparent`), are
 * written by browsers as longhands without values. What stood there is in the sheet's source only: `mirror/sources.ts`
 * reads it. rrweb asks here for every rule through a line that the build puts into it (`browser/rrweb.mjs`).
 */

/** What was written, by what the browser makes of it. */
export const written = new Map<string, string>();

/** Texts with variables that scripts have put into sheets since somebody listens: those have no source. */
export const put = new Set<string>();

/** Sheets with rules of which nobody knows yet what was written. */
export const unread = new Set<CSSStyleSheet>();

/** The text of a rule. */
export function textOf(rule: CSSRule): string {
  let text = rule.cssText;
  if (!text.includes(NO_VALUE)) {
    if (text.includes("var(")) met.set(rule, text);
    return text;
  }
  const known = written.get(text);
  if (known !== undefined) {
    met.set(rule, known);
    return known;
  }
  const inside = (rule as Partial<CSSGroupingRule>).cssRules;
  if (!inside?.length) {
    const source = met.get(rule);
    if (source !== undefined && covers(source, text)) return changed(source, (rule as CSSStyleRule).style);
    if (rule.parentStyleSheet) unread.add(rule.parentStyleSheet);
    return text;
  }
  for (const one of inside) text = text.replace(one.cssText, () => textOf(one));
  return text;
}

/** What was written, and behind it what scripts have set since: the browser tells the values of that. */
function changed(source: string, style: CSSStyleDeclaration): string {
  const set = [...style].flatMap((name) => {
    const value = style.getPropertyValue(name);
    return value ? `${name}:${value}${style.getPropertyPriority(name) && "!important"};` : [];
  });
  return source.replace(/;?\s*}$/, () => `;${set.join("")}}`);
}

/** Whether each longhand that has no value may come from a shorthand that was written. */
function covers(source: string, now: string): boolean {
  return (now.match(/(?<![\w-])[a-z]+(?=[\w-]*: ;)/g) ?? []).every((first) => source.includes(first));
}

/** What was written where rules with variables were met last. */
const met = new WeakMap<CSSRule, string>();

/** Rules of a sheet with what is said where it is taken in: `@import url(a.css) layer(b) print` is no `@import url(a.css)`. */
export function around(sheet: CSSStyleSheet, css: string): string {
  const rule = sheet.ownerRule as CSSImportRule | null;
  if (!rule) return css;
  const { media, layerName } = rule;
  const layered = layerName == null ? css : `@layer ${layerName}{${css}}`;
  return media.length > 0 ? `@media ${media.mediaText}{${layered}}` : layered;
}

/** All rules of a sheet, as rrweb tells of one that is adopted. */
export function rulesOf(sheet: CSSStyleSheet | undefined): { rule: string; index: number }[] {
  return Array.from(sheet?.cssRules ?? [], (rule, index) => ({ rule: textOf(rule), index }));
}

/** How a longhand without its value looks. */
export const NO_VALUE = ": ;";
