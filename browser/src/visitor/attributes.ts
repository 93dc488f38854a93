/**
 * What may leave of an element's attributes.
 *
 * Owns the lists and the cleaning of values, for masked and for ordinary elements. Whether an element is masked is
 * `rules.ts`'s question; which events carry attributes is `mask.ts`'s.
 */

import type { Verdict } from "./rules.js";

/** A value as rrweb records it: text, flag, number, or changed style properties. */
export type AttributeValue = string | number | true | null | Record<string, unknown>;

/** Attributes of one element, cleaned. Never adds one, except the mask in place of a field's value. */
export function cleanAttributes(
  tagName: string,
  attributes: Record<string, unknown>,
  verdict: Verdict,
): Record<string, AttributeValue> {
  const clean: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const kept = cleanOne(tagName, name.toLowerCase(), value, verdict, attributes);
    if (kept !== undefined) clean[name] = kept;
  }
  return clean;
}

/** The mask: always as long, so that it tells nothing about the length of what is behind it. */
export const MASK = "••••••";

function cleanOne(
  tagName: string,
  name: string,
  value: unknown,
  verdict: Verdict,
  all: Record<string, unknown>,
): AttributeValue | undefined {
  // A removed attribute tells only that it is gone.
  if (value === null) return isNever(tagName, name) ? undefined : null;
  if (isNever(tagName, name)) return undefined;
  if (verdict !== "open") {
    if (name === "value" && FIELD_TAGS.has(tagName)) return MASK;
    const lists = verdict === "full" ? [KEPT_OF_MASKED] : [KEPT_OF_MASKED, KEPT_OF_TEXT];
    if (!lists.some((list) => list.has(name))) return undefined;
    if (name === "href" && !(tagName === "link" || tagName === "use" || tagName === "image"))
      return undefined;
    if (name === "style" && verdict === "full") return cleanStyle(value);
  }
  if (typeof value === "string") {
    if (isScriptUrl(value)) return undefined;
    if (name === "rr_src") return stripUrl(value);
    return value;
  }
  if (name === "style" && typeof value === "object") return value as Record<string, unknown>;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  // `selected` and `checked` of an option or field that is open; a link's flags.
  if (value === true) return true;
  if (value === false && name === "selected" && "selected" in all) return undefined;
  return undefined;
}

/** What leaves of no element: handlers, scripts, nonces, documents in attributes, and rrweb's own marks. */
function isNever(tagName: string, name: string): boolean {
  if (name.startsWith("on") || NEVER.has(name)) return true;
  if (tagName === "meta") return !KEPT_OF_META.has(name);
  if (tagName === "input" && name === "value") return false;
  return false;
}

/** Layout may show, pictures and texts in a style may not. */
function cleanStyle(value: unknown): AttributeValue | undefined {
  if (typeof value === "string") return hasContent(value) ? undefined : value;
  if (typeof value !== "object" || value === null) return undefined;
  const kept: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (name.startsWith("--") || hasContent(JSON.stringify(part))) continue;
    kept[name] = part;
  }
  return kept;
}

function hasContent(style: string): boolean {
  return /url\s*\(|image-set|content\s*:|--|\\/i.test(style) || /["'][^"']{12,}["']/.test(style);
}

/** Script in an address is still script. Browsers skip control characters and spaces before and in the scheme. */
export function isScriptUrl(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^(javascript|vbscript):/i.test(value.slice(0, 64).replace(/[\u0000-\u0020]/g, ""));
}

/** A URL without query and fragment; nothing of one that cannot be read. */
export function stripUrl(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

const FIELD_TAGS = new Set(["input", "textarea"]);

const NEVER = new Set([
  "srcdoc",
  "nonce",
  "integrity",
  "ping",
  "http-equiv",
  "data-rr-is-password",
  "glance-csrf",
  "csrf",
]);

const KEPT_OF_META = new Set(["charset", "name", "content"]);

/** Layout and state of a masked element; nothing that holds text, an address or a choice. */
const KEPT_OF_MASKED = new Set([
  "class",
  "id",
  "style",
  "type",
  "dir",
  "hidden",
  "disabled",
  "readonly",
  "required",
  "multiple",
  "rows",
  "cols",
  "size",
  "width",
  "height",
  "colspan",
  "rowspan",
  "span",
  "align",
  "valign",
  "slot",
  "part",
  "open",
  "viewbox",
  "glance_masked",
  "rr_width",
  "rr_height",
  "rr_open_mode",
]);

/** Besides those, where only texts are masked: pictures, styles and shapes. */
const KEPT_OF_TEXT = new Set([
  "src",
  "srcset",
  "sizes",
  "href",
  "xlink:href",
  "rel",
  "media",
  "_csstext",
  "d",
  "fill",
  "stroke",
  "stroke-width",
  "stroke-linecap",
  "stroke-linejoin",
  "fill-rule",
  "clip-rule",
  "clip-path",
  "transform",
  "points",
  "x",
  "y",
  "x1",
  "x2",
  "y1",
  "y2",
  "cx",
  "cy",
  "r",
  "rx",
  "ry",
  "offset",
  "stop-color",
  "opacity",
  "preserveaspectratio",
  "xmlns",
  "background",
  "bgcolor",
  "color",
  "rr_scrolltop",
  "rr_scrollleft",
]);
