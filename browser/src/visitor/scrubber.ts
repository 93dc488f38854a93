/**
 * Takes out of open texts what may not leave with them: copies of masked values, and queries of the page's own addresses.
 *
 * Owns texts, addresses and style sheets as words; which node is masked is `rules.ts`'s. Used by the choke point alone.
 */

import type { incrementalData } from "@rrweb/types";

import { CSS_STRING } from "./addresses.js";
import { mapTexts, wordlessCss, type Scrub } from "./attributes.js";
import type { Copies } from "./copies.js";
import type { Rules } from "./rules.js";

/** The scrubber of one page. */
export class Scrubber {
  /** Addresses of frames, without what may not leave. */
  private readonly frameUrls = new Set<string>();
  /** Those of them, and the page's own, that have a query at this moment. */
  private queried: string[] = [];

  constructor(
    private readonly rules: Rules,
    private readonly copies: Copies,
    private readonly page: Document,
  ) {}

  /** Looks at the page's addresses again. */
  refresh(): void {
    this.queried = [this.page.URL, ...this.frameUrls].filter((url) => url.includes("?"));
  }

  /** Notes the address of a frame of the page. */
  noteFrame(url: string | undefined): void {
    if (!url?.includes("?") || this.frameUrls.size >= FRAME_URLS_MAX) return;
    this.frameUrls.add(url);
    this.queried.push(url);
  }

  /** A text that is open, without copies of what is masked and without queries of the page's own address. */
  readonly scrub: Scrub = (text, kind) => {
    let open = text;
    for (const url of this.queried) {
      // rrweb makes relative addresses absolute by the page's, query and all.
      const at = url.indexOf("?");
      if (!open.includes(url.slice(0, at + 1))) continue;
      const base = url.slice(0, at);
      open = open
        .split(`${base}?`)
        .map((part, index) =>
          index === 0 ? part : part.replace(/^[^\s"')]*/, (query) => this.rules.addresses.clean(`?${query}`)),
        )
        .join(base);
    }
    const { copies } = this;
    if (copies.isEmpty) return open;
    open = copies.scrub(open, kind !== undefined);
    // A style's strings are words.
    return kind === "style"
      ? open.replace(CSS_STRING, (word) => word.charAt(0) + copies.scrub(word.slice(1, -1)) + word.charAt(0))
      : open;
  };

  /** An address as agents may see it: where the page comes from is no copy of anything. */
  url(url: string): string {
    const clean = this.rules.addresses.clean(url);
    const { length } = /^\w+:\/\/[^/]*/.exec(clean)?.[0] ?? "";
    return clean.slice(0, length) + this.copies.scrub(clean.slice(length));
  }

  /** A rule, or with `isRule` false the value of a property. */
  cssText(text: string, isRule = true): string {
    const open = this.scrub(this.rules.addresses.css(text), "style");
    return isRule && this.rules.masksWords ? wordlessCss(open) : open;
  }

  /** The texts in a change of style sheets: rules, or the value of a property. */
  css(data: incrementalData, areRules = true): incrementalData {
    return mapTexts(data, (part) => this.cssText(part, areRules));
  }
}

/** Frames whose addresses are remembered for a page. */
const FRAME_URLS_MAX = 64;
