/**
 * What may leave of an element's attributes.
 *
 * Owns the lists and the cleaning of values, for masked and for ordinary elements. Whether an element is masked is
 * `rules.ts`'s question; which events carry attributes is `mask.ts`'s.
 */

import { MASK } from "../protocol/masked.js";
import { CSS_STRING, STYLED, type Addresses } from "./addresses.js";
import { wordsOf } from "./names.js";
import type { Verdict } from "./rules.js";
import { jsonOf } from "../protocol/json.js";

/** A value as rrweb records it: text, flag, number, or changed style properties. */
export type AttributeValue = string | number | true | null | Record<string, unknown>;

/** Takes out copies of what is masked: `text` may be words, a name that styles go by, or a style. */
export type Scrub = (text: string, kind?: "name" | "style") => string;

/** Attributes of one element, cleaned. Never adds one, except the mask in place of a field's value. */
export function cleanAttributes(
  tagName: string,
  attributes: Record<string, unknown>,
  verdict: Verdict,
  scrub: Scrub,
  addresses: Addresses,
): Record<string, AttributeValue> {
  const clean: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const lower = name.toLowerCase();
    const kept = cleanOne(tagName, lower, value, verdict, attributes);
    if (kept === undefined || scrub(name) !== name) continue;
    const kind = STYLED.has(lower) ? "style" : isName(tagName, lower) ? "name" : undefined;
    const change = (text: string): string => scrub(addresses.attribute(tagName, lower, text), kind);
    // In pixels nothing is found but by chance.
    const isPixels =
      name === "rr_canvas" && tagName === "canvas" && typeof kept === "string" && PIXELS.test(kept);
    clean[name] = isPixels ? kept : typeof kept === "string" ? change(kept) : mapTexts(kept, change, scrub);
  }
  return clean;
}

/** Whether an attribute's value is of use to styles and shapes and is no text. */
function isName(tagName: string, name: string): boolean {
  return isKeptOfMasked(name) || (KEPT_OF_TEXT.has(name) && (!name.endsWith("href") || isLoaded(tagName)));
}

function isKeptOfMasked(name: string): boolean {
  return NAMES_OF_MASKED.has(name) || PLAIN_OF_MASKED.has(name);
}

/** Whether what an element's `href` names is loaded, and is nowhere to go. */
function isLoaded(tagName: string): boolean {
  return tagName === "link" || tagName === "use" || tagName === "image";
}

/** Changes a text, or each that stands in something, by its name there; a name that holds a copy goes. */
export function mapTexts<T>(value: T, change: (text: string, name: string) => string, scrub?: Scrub): T {
  return JSON.parse(jsonOf(value), (name, part: unknown) =>
    scrub && scrub(name, "name") !== name ? undefined : typeof part === "string" ? change(part, name) : part,
  ) as T;
}

function cleanOne(
  tagName: string,
  name: string,
  value: unknown,
  verdict: Verdict,
  all: Record<string, unknown>,
): AttributeValue | undefined {
  if (isNever(tagName, name, all)) return undefined;
  if (name === "rr_animations") {
    // Text under that name is the page's own, and none of ours.
    if (typeof value === "object" && value !== null)
      return cleanAnimations(value as Record<string, unknown>, verdict);
    return value === null || value === true ? value : undefined;
  }
  if (verdict !== "open") {
    if (name === "value" && FIELD_TAGS.has(tagName)) return MASK;
    if (!isKeptOfMasked(name) && !(verdict === "text" && KEPT_OF_TEXT.has(name))) return undefined;
    // Of a name that is the recorder's the page may have made an attribute of its own.
    if (name.startsWith("rr_") && typeof value === "string" && !RECORDERS.test(value)) return undefined;
    if (name.endsWith("href") && !isLoaded(tagName)) return undefined;
    if (name === "style" && value !== null) return cleanStyle(value, verdict);
    if (name === "_csstext" && typeof value === "string") return wordlessCss(value);
    if (typeof value === "string" && PLAIN_OF_MASKED.has(name) && !OF_HTML.test(value)) return "";
  }
  // A removed attribute tells only that it is gone.
  if (value === null) return null;
  if (typeof value === "string") {
    if (!isScriptUrl(value)) return value;
    // A link without an address would not look like one.
    return tagName === "a" && name === "href" ? "about:blank" : undefined;
  }
  if (name === "style" && typeof value === "object") return value as Record<string, unknown>;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  // `selected` and `checked` of an option or field that is open; a link's flags.
  return value === true ? true : undefined;
}

/** What leaves of no element: handlers, scripts, nonces, documents in attributes, and rrweb's own marks. */
function isNever(tagName: string, name: string, all: Record<string, unknown>): boolean {
  if (name.startsWith("on") || NEVER.has(name)) return true;
  if (tagName !== "meta") return false;
  // Tokens stand in a page's meta elements; what an agent's browser needs of them is little.
  return !KEPT_OF_META.has(name) || (name === "content" && !META_NAMES.has(String(all.name).toLowerCase()));
}

/** Layout may show; pictures, texts and names that are free to choose may not. Of texts alone, only contents and custom properties are taken. */
function cleanStyle(value: unknown, verdict: Verdict): AttributeValue | undefined {
  if (typeof value === "string") return cleanDeclarations(value, verdict);
  if (typeof value !== "object" || value === null) return undefined;
  const kept: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    if (mayShow(name, part, verdict)) kept[name] = part;
  }
  return kept;
}

/** What moves a masked element is kept as its style is. */
function cleanAnimations(value: Record<string, unknown>, verdict: Verdict): Record<string, unknown> {
  if (verdict === "open") return value;
  return JSON.parse(jsonOf(value), (name, part: unknown) =>
    name === "style" ? cleanStyle(part, verdict) : part,
  ) as Record<string, unknown>;
}

/** The browser's own parser says what is a declaration, and drops what is no value of its property. */
function cleanDeclarations(text: string, verdict: Verdict): string {
  const parser = document.createElement("i").style;
  parser.cssText = text;
  const kept: string[] = [];
  for (let at = 0; at < parser.length; at += 1) {
    const name = parser.item(at);
    const value = parser.getPropertyValue(name);
    if (!mayShow(name, value, verdict)) continue;
    kept.push(`${name}: ${value}${parser.getPropertyPriority(name) ? " !important" : ""};`);
  }
  return kept.join(" ");
}

function mayShow(property: string, value: unknown, verdict: Verdict): boolean {
  return verdict === "full" ? LAYOUT.test(property) && !NAMING.test(String(value)) : !isWords(property);
}

/** Properties whose strings show. */
export function isWords(property: string): boolean {
  return WORDS.test(property);
}

/** A style sheet without words of its own. Signs of icon fonts are no words: they stay, as do names of what is loaded. */
export function wordlessCss(css: string): string {
  const bare = css.replace(CSS_COMMENT, (part) => (part.startsWith("/") ? " " : part));
  return bare.replace(CSS_STRING, (string, at: number) => {
    const isWord = /\p{L}{2}|\p{N}/u.test(string.replace(/\\[0-9a-f]{1,6}\s?/gi, ""));
    return isWord && !NAMED.test(bare.slice(Math.max(0, at - 200), at)) ? '""' : string;
  });
}

/** What stands for an element; for a plug-in: the picture that it shows, or a place with what is there for browsers that cannot show it. */
export function shownAs(tagName: string, attributes: Record<string, unknown>): string {
  if (!PLUGINS.has(tagName)) return tagName;
  const { type, data, src = data } = attributes;
  if (typeof src !== "string" || !IS_PICTURE.test(`${String(type)} ${src}`)) return "div";
  attributes.src = src;
  return "img";
}

/** Script in an address is still script, and a text in it a text. Browsers skip control characters and spaces before and in the scheme. */
export function isScriptUrl(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^((java|vb)script:|data:(text|appl))/i.test(value.slice(0, 64).replace(/[\u0000-\u0020]/g, ""));
}

/** A comment, or a string, in which none begins. */
const CSS_COMMENT = new RegExp(`/\\*[^]*?(\\*/|$)|${CSS_STRING.source}`, "g");

/** What stands before a string that is a name: a selector's value, an address, a font, a place of a grid. */
const NAMED =
  /(?:\[[^\]="']*=|@[\w-]+|(?:url|src|format|local|lang)\(|image-set\([^)]*|(?:^|[;{\s])(?:font(?:-[\w-]+)?|grid[\w-]*|syntax)\s*:[^;{}]*)\s*$/i;

const WORDS =
  /^--|^content$|quotes$|list-style(-type)?$|counter-|locale$|text-(emphasis|overflow)|hyphenate-/i;

const PLUGINS = wordsOf("object embed applet frame frameset portal fencedframe");
const IS_PICTURE = /image\/|\.(?:svg|png|jpe?g|gif|webp|avif)\b/i;

const FIELD_TAGS = new Set(["input", "textarea"]);

const PIXELS = /^data:image\/(?:png|webp);base64,[A-Za-z0-9+/=]*$/;

const NEVER = wordsOf("srcdoc nonce integrity ping http-equiv data-rr-is-password glance-csrf csrf");

const KEPT_OF_META = new Set(["charset", "name", "content"]);

const META_NAMES = new Set(["viewport", "color-scheme", "theme-color"]);

/** Values of such properties that hold a name or a text all the same: strings, and whatever is looked up. */
const NAMING = /["'\\]|--|(?:url|env|attr)\(/i;

/** Properties whose values are numbers, colours and keywords, and never a name or a text. */
const LAYOUT =
  /^(display|position|visibility|opacity|float|clear|box-sizing|z-index|top|right|bottom|left|((min|max)-)?(width|height|inline-size|block-size)|(overflow|inset|margin|padding|border(?!-im)|outline|flex|white-space|transform|align|justify|place)(-.*)?|order|((row|column)-)?gap|vertical-align|text-(align|transform|decoration-line)|line-height|letter-spacing|font-(size|weight|style)|(background-)?color|cursor|pointer-events|translate|rotate|scale|object-fit|aspect-ratio|direction|table-layout)$/;

/** Sizes, and how a dialog was opened: all that the recorder says in words of a masked element. */
const RECORDERS = /^(?:\d{1,5}px|(?:non-)?modal)$/;

/** Layout and state of a masked element; nothing that holds text, an address or a choice. Names may be anything. */
const NAMES_OF_MASKED = wordsOf("class id style slot part rr_width rr_height rr_open_mode rr_animations");

/** The same, of which only words of HTML's own and sizes leave: of any other value, that the attribute is there. */
const PLAIN_OF_MASKED = wordsOf(
  "type dir hidden disabled readonly required multiple rows cols size width height colspan rowspan span align valign open viewbox glance_masked",
);

const OF_HTML =
  /^(?:text|search|tel|url|email|password|number|range|color|date|datetime-local|month|week|time|checkbox|radio|file|hidden|button|submit|reset|image|ltr|rtl|auto|until-found|left|right|center|justify|top|middle|bottom|(?:-?\d{1,5}(?:\.\d{1,3})?(?:px|%|em)?(?:[ ,]{1,2}|$)){0,4})$/i;

/** Besides those, where only texts are masked: pictures, styles and shapes. */
const KEPT_OF_TEXT = wordsOf(
  "src srcset sizes href xlink:href rel media _csstext d fill stroke stroke-width stroke-linecap stroke-linejoin fill-rule clip-rule clip-path transform points x y x1 x2 y1 y2 cx cy r rx ry offset stop-color opacity preserveaspectratio xmlns background bgcolor color rr_scrolltop rr_scrollleft",
);
