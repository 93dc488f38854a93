/**
 * The visitor's answers to media queries in the mirrored page, where the agent's browser would give others.
 *
 * Owns what becomes of a query: a question that both answer alike stays, each other is a constant. While all answers are the
 * same nothing is looked at.
 */

import { WISHES } from "../protocol/media.js";

/** The answers that one mirrored page is shown by. */
export class Wishes {
  /** Constants by what is asked, where the two browsers differ. */
  private constants = new Map<string, string>();

  /** Takes the visitor's answers: `1` or `0` for each of {@link WISHES}. */
  take(answers: string, view: Pick<Window, "matchMedia">): void {
    this.constants = new Map();
    WISHES.forEach((wish, at) => {
      const isSo = answers[at] === "1";
      if (answers[at] !== undefined && view.matchMedia(`(${wish})`).matches !== isSo)
        this.constants.set(wish, isSo ? ALWAYS : NEVER).set(...bare(wish, isSo));
    });
  }

  /** A query as the visitor's browser answers it. */
  query(text: string): string {
    if (this.constants.size === 0 || !QUESTION.test(text)) return text;
    return text.replace(QUESTION_EACH, (all, feature: string, value?: string) => {
      const asked = value === undefined ? feature : `${feature}: ${value}`;
      return this.constants.get(asked.toLowerCase()) ?? all;
    });
  }

  /** Goes through the sheets of a document, its shadow trees and frames. */
  apply(root: Document | ShadowRoot): void {
    if (this.constants.size === 0) return;
    for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets]) this.sheet(sheet);
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) this.apply(element.shadowRoot);
      const inside = element.localName === "iframe" ? (element as HTMLIFrameElement).contentDocument : null;
      if (inside) this.apply(inside);
    }
  }

  private sheet(sheet: CSSStyleSheet): void {
    this.list(sheet.media);
    try {
      this.rules(sheet.cssRules);
    } catch {
      // A sheet of another site, which nobody may look into.
    }
  }

  private rules(rules: CSSRuleList): void {
    for (const rule of rules) {
      const { media, styleSheet, cssRules } = rule as Partial<CSSImportRule & CSSMediaRule>;
      if (media) this.list(media);
      if (styleSheet) this.sheet(styleSheet);
      if (cssRules) this.rules(cssRules);
    }
  }

  private list(media: MediaList | undefined): void {
    const before = media?.mediaText ?? "";
    const after = this.query(before);
    if (media && after !== before) media.mediaText = after;
  }
}

/** A feature without a value asks whether it is anything but none. */
function bare(wish: string, isSo: boolean): [asked: string, constant: string] {
  const [feature = "", value = ""] = wish.split(": ");
  return NEUTRAL.has(value) ? [feature, isSo ? NEVER : ALWAYS] : [wish, isSo ? ALWAYS : NEVER];
}

const NEUTRAL = new Set(["none", "no-preference"]);
const ALWAYS = "(min-width: 0px)";
const NEVER = "(max-width: 0px)";
const QUESTION = /\(\s*(prefers-[-a-z]+|forced-colors|(?:any-)?(?:hover|pointer))\s*(?::\s*([-a-z]+)\s*)?\)/i;
const QUESTION_EACH = new RegExp(QUESTION.source, "gi");
