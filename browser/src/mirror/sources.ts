/**
 * Reads the sources of style sheets that the browser does not write as they were written (`visitor/written.ts`).
 *
 * Owns finding the rules in a source. Each candidate is given to the browser's own parser: what comes out says which of
 * the page's rules it is.
 */

import { SOURCE_CHARS_MAX, WRITTEN_RULES_MAX } from "../visitor/limits.js";
import { NO_VALUE } from "../visitor/written.js";

/** Learns what was written in these sheets, and takes them out; whether anything new was learnt. */
export async function learnRules(
  page: Window & typeof globalThis,
  sheets: Set<CSSStyleSheet>,
  written: Map<string, string>,
): Promise<boolean> {
  const before = written.size;
  for (const sheet of [...sheets]) {
    sheets.delete(sheet);
    if (read.has(sheet)) continue;
    read.add(sheet);
    const source = await sourceOf(page, sheet).catch(() => "");
    if (source.length > SOURCE_CHARS_MAX) continue;
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
  return written.size > before;
}

/** A sheet of the page's own, or one that its site lets it read: it lies in the browser's cache. */
async function sourceOf(page: Window & typeof globalThis, sheet: CSSStyleSheet): Promise<string> {
  if (!sheet.href) return sheet.ownerNode?.textContent ?? "";
  const answer = await page.fetch(sheet.href, { cache: "force-cache" });
  return answer.ok ? answer.text() : "";
}

const read = new WeakSet<CSSStyleSheet>();

const COMMENTS = /\/\*[^]*?\*\//g;

/** Rules that hold no others. */
const RULES = /[^{};]+\{([^{}]*)\}/g;
