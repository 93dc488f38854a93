/**
 * What leaves of an address: no parameters of query and path but those that the group names, and no fragment but one that
 * names a part of a drawing; and in place of one that agents cannot reach, the name of what travels along.
 *
 * Owns addresses in attributes, in lists of pictures and in CSS. Tokens of logins, searches and one's own files stand in
 * parameters and fragments; an agent's browser rarely needs them to load a resource, and where it does the group says so.
 */

import { PARAMETERS } from "../protocol/paths.js";
import { wordsOf } from "./names.js";
import type { Resources } from "../mirror/resources.js";

/** Cleans the addresses of one page. */
export class Addresses {
  private readonly names: ReadonlySet<string>;

  /** `names`: parameters that stay, exactly as they are written. */
  constructor(
    names: readonly string[],
    private readonly page: Pick<Document, "URL">,
    public resources: Resources | null = null,
  ) {
    this.names = new Set(names);
  }

  /** One address. */
  clean(url: string, keepsFragment = false): string {
    if (INLINE.test(url)) return url;
    const [, path = "", query, fragment = ""] = PARTS.exec(url.replace(LOGIN, "$1")) ?? [];
    const isNamed = (pair: string): boolean => this.names.has(pair.split("=", 1)[0] ?? "");
    const kept = (query ?? "").slice(1).split("&").filter(isNamed);
    return (
      path.replace(PARAMETERS, (all, pair: string) => (isNamed(pair) ? all : "")) +
      (kept.length > 0 ? `?${kept.join("&")}` : "") +
      (keepsFragment ? fragment : "")
    );
  }

  /** An attribute's value: addresses by its name, and whatever is an address as a whole. */
  attribute(tagName: string, name: string, value: string): string {
    if (name === "srcset" || name === "imagesrcset") {
      // One picture travels, and not one for every screen.
      if (this.resources?.covers(value)) return "";
      return value.replace(/\S+/g, (part) =>
        part.endsWith(",") ? `${this.clean(part.slice(0, -1))},` : this.clean(part),
      );
    }
    if (STYLED.has(name)) return this.css(value);
    const known = PICTURED[tagName]?.includes(name) ? this.resources?.nameOf(value) : null;
    if (known) return known;
    if (LISTED.has(name)) return this.clean(value, HREFS.has(name) && DRAWN.has(tagName));
    if (ABSOLUTE.test(value)) return this.clean(value);
    if (value.includes("url(")) return this.css(value);
    // Data of the page's scripts: an address in a list, or in JSON. What an element says is no address.
    return SAID.test(name) ? value : value.replace(QUERIES, (url) => this.clean(url));
  }

  /** A style sheet, a rule or a value. */
  css(text: string): string {
    if (!(this.resources || /[?#;%\\]/.test(text)) || !/url\(|@import|image-set\(/i.test(text)) return text;
    return text
      .replace(CSS_URL, (_, inner: string) => `url(${this.cssWord(inner)})`)
      .replace(CSS_NAMED, (all) =>
        /^url\(/i.test(all) ? all : all.replace(CSS_STRING, (word) => this.cssWord(word)),
      );
  }

  /** A string or a bare word of CSS that is an address. */
  private cssWord(word: string): string {
    const quote = /^["']/.exec(word)?.[0] ?? "";
    const bare = quote ? word.slice(1, word.endsWith(quote) ? -1 : undefined) : word.trim();
    const url = bare.replace(CSS_ESCAPE, (_, code: string | undefined, letter: string | undefined) =>
      code === undefined ? (letter ?? "") : String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff)),
    );
    const known = this.resources?.nameOf(url);
    if (known) return `"${known}"`;
    const base = url.split(/[?#]/, 1)[0] ?? "";
    const isDrawing = base === "" || base.endsWith(".svg") || base === this.page.URL.split(/[?#]/, 1)[0];
    const clean = this.clean(url, isDrawing);
    return clean === url
      ? word
      : `"${clean.replace(/["\\\n]/g, (sign) => `\\${sign.charCodeAt(0).toString(16)} `)}"`;
  }
}

/** Addresses that hold what they name: there is no query in them. */
const INLINE = /^\s*(data|blob|resource|javascript):/i;
const PARTS = /^([^?#]*)(\?[^#]*)?(#.*)?$/s;
const ABSOLUTE = /^\s*(https?:)?\/\/[^\s]+$/i;
/** Name and password in an address. */
const LOGIN = /^(\s*(?:\w+:)?\/\/)[^/?#@\s]*@/;
/** A query, or a fragment that is one, or a session's number in a path, wherever it stands. */
const QUERIES = /(?:[?#]|;(?=\w*s(?:ess\w*)?id=))[\w.~%[\]-]+=(?:&amp;|[^\s"'<>;])*/gi;
/** Attributes whose words an agent may read, and names that styles go by. */
const SAID = /^(?:title|alt|placeholder|label|value|summary|class|id|aria-.*)$/;

const CSS_URL = /url\(\s*("(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|(?:\\[^]|[^)"'\\])*)\s*\)/gi;
/** Where a string is an address without `url()`. Whole `url()`s are taken along, to be passed over. */
const CSS_NAMED =
  /url\([^)]*\)|@import\s+(?:"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*')|image-set\((?:[^()]|\([^()]*\))*\)/gi;
/** Attributes that hold styles. */
export const STYLED = new Set(["style", "_csstext", "rr_animations"]);

/** A string of CSS. */
export const CSS_STRING = /"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'/g;
const CSS_ESCAPE = /\\(?:([0-9a-f]{1,6})\s?|([^]))/gi;

const HREFS = new Set(["href", "xlink:href"]);

/** Attributes that are pictures, by their element. */
const PICTURED: Readonly<Record<string, readonly string[]>> = {
  img: ["src"],
  input: ["src"],
  video: ["poster"],
  object: ["data"],
  image: [...HREFS],
};

/** Attributes that are addresses whatever they look like. */
const LISTED = wordsOf(
  "href xlink:href src poster action formaction cite longdesc background data manifest rr_src",
);

/** Elements of drawings whose address names a part of one. */
const DRAWN = wordsOf(
  "use textPath textpath linearGradient lineargradient radialGradient radialgradient pattern mpath feImage feimage filter",
);
