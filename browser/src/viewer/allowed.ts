/**
 * What may stand in a picture of a page: tags, attributes and their values.
 *
 * Owns the lists and the leaving out. The shape of events is `validate.ts`'s.
 */

import { readAnimations } from "../protocol/animations.js";
import { isRecord } from "../protocol/payloads.js";

type Fields = Record<string, unknown>;

/** The tag that an element gets: its own, or an inert one. */
export function safeTag(asked: string): { readonly tagName: string; readonly isBarred: boolean } {
  const tagName = asked.toLowerCase();
  const isBarred = BARRED_TAGS.has(tagName) || !TAG_NAME.test(tagName);
  return { tagName: isBarred ? "div" : tagName, isBarred };
}

/** Whether an element of that tag may hold a shadow tree. The DOM refuses others, and with them the whole rebuild. */
export function mayHost(tagName: string): boolean {
  return MAY_HOST.has(tagName) || isCustomName(tagName);
}

/** A doctype's name, or the usual one. */
export function safeDoctype(name: string): string {
  return DOCTYPE_NAME.test(name) ? name : "html";
}

/** Attributes that may stand in a picture of a page. An unknown tag, `""`, gets the strictest rules of all. */
export function attributes(tagName: string, given: Fields): Fields {
  const kept: Fields = {};
  const isPlayed = tagName === "video" || tagName === "audio";
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    // What is no film cannot be told to play: the rebuild would end there.
    if (!isPlayed && /^rr_media./.test(lower)) continue;
    if (!ATTRIBUTE_NAME.test(name) || lower.startsWith("on") || BARRED_ATTRIBUTES.has(lower)) continue;
    if (tagName === "meta" && !(lower === "charset" || META_NAMES.has(String(given.name)))) continue;
    if ((tagName === "iframe" || tagName === "") && FRAME_ATTRIBUTES.has(lower)) continue;
    if ((tagName === "link" || tagName === "") && lower === "rel" && value !== "stylesheet" && value !== null)
      continue;
    if (lower === "rr_dataurl" && !(typeof value === "string" && value.startsWith("data:image/"))) continue;
    if (lower === "rr_canvas" && !(typeof value === "string" && PICTURE.test(value))) continue;
    if (lower === "rr_animations" && value !== null && value !== true) {
      const told = readAnimations(value);
      if (told) kept[name] = told;
    } else if (typeof value === "string") {
      if (!isScriptUrl(value)) kept[name] = name === "_cssText" ? prefixed(value) : value;
    } else if (value === null || value === true) {
      kept[name] = value;
    } else if (typeof value === "number") {
      if (isInRange(lower, value)) kept[name] = value;
    } else if (lower === "style" && isRecord(value)) {
      kept[name] = styles(value);
    }
  }
  if (isPlayed) kept.rr_mediaMuted = true;
  return kept;
}

/** Of one property an agent's older browser knows another name than the visitor's. */
function prefixed(css: string): string {
  return css.includes("-webkit-background-clip: text")
    ? css
    : css.replace(/(\s)(background-clip:\s*text;)/g, "$1-webkit-$2 $2");
}

/** Changed properties of a style: a value, a value with its priority, or `false` for a removed one. */
function styles(given: Fields): Fields {
  const kept: Fields = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === false || typeof value === "string") kept[name] = value;
    else if (Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "string") {
      kept[name] = [value[0], value[1]];
    }
  }
  return kept;
}

function isScriptUrl(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^(javascript|vbscript):/i.test(value.slice(0, 128).replace(/[\u0000-\u0020]/g, ""));
}

/** Whether a number may stand in that attribute. */
export function isInRange(name: string, value: unknown): boolean {
  const [min, max] = NUMBER_RANGES[name.toLowerCase()] ?? [-COUNT_MAX, COUNT_MAX];
  return typeof value === "number" && value >= min && value <= max;
}

export function isCustomName(name: string): boolean {
  return CUSTOM_NAME.test(name) && !RESERVED_NAMES.has(name);
}

const COUNT_MAX = 0x7fffffff;

/** A canvas's picture goes into a style, so nothing may stand in it that could end an address. */
const PICTURE = /^data:image\/(?:png|webp);base64,[A-Za-z0-9+/=]+$/;
const TAG_NAME = /^[a-z][a-z0-9_.:-]*$/;
const CUSTOM_NAME = /^[a-z][a-z0-9_.]*-[a-z0-9_.-]*$/;
/** Also names that only a parser of markup makes: `@click`, `(tap)`, `*if`. */
// eslint-disable-next-line no-control-regex
const ATTRIBUTE_NAME = /^[^\u0000-\u0020"'<>/=]+$/;
const DOCTYPE_NAME = /^[A-Za-z][A-Za-z0-9-]*$/;

const RESERVED_NAMES = new Set([
  "annotation-xml",
  "color-profile",
  "font-face",
  "font-face-src",
  "font-face-uri",
  "font-face-format",
  "font-face-name",
  "missing-glyph",
]);

/** Elements besides custom ones that may hold a shadow tree. */
const MAY_HOST = new Set(
  "article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span".split(" "),
);

/** What runs, loads documents, or asks the agent for rights of the viewer's origin. */
const BARRED_TAGS = new Set(
  "script noscript base object embed applet frame frameset portal fencedframe template webview controlledframe permission geolocation usermedia install".split(
    " ",
  ),
);

const BARRED_ATTRIBUTES = new Set(
  "srcdoc nonce integrity ping attributionsrc http-equiv referrerpolicy action formaction formtarget manifest target download autofocus is".split(
    " ",
  ),
);

/** Numbers that a media element refuses outside these ranges, by an error that would end the whole rebuild. */
const NUMBER_RANGES: Record<string, readonly [number, number]> = {
  rr_mediavolume: [0, 1],
  rr_mediaplaybackrate: [0.1, 16],
  rr_mediacurrenttime: [0, COUNT_MAX],
};

/** A frame's content comes as nodes; what it would load by itself does not. */
const FRAME_ATTRIBUTES = new Set("src sandbox allow allowfullscreen csp credentialless loading".split(" "));

/** Metadata that changes how a page looks. */
const META_NAMES = new Set(["viewport", "color-scheme"]);
