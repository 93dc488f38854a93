/**
 * Facts of the page, for the agent's title bar and stage: PROTOCOL.md section 4.
 *
 * Owns when they have changed. Their texts come from the choke point.
 */

import type { MaskedFacts } from "./epoch.js";
import { TITLE_CHARS_MAX, URL_CHARS_MAX } from "./limits.js";
import type { Masked, Masker } from "./mask.js";

/** Watches the facts of one page. */
export class FactsWatcher {
  private last = "";
  private said: Readonly<Record<string, unknown>> = {};

  constructor(
    private readonly page: Window,
    private readonly masker: Masker,
  ) {}

  /** The facts now. */
  read(): MaskedFacts {
    const facts: MaskedFacts = {
      url: cutText(this.masker.address(), URL_CHARS_MAX),
      title: cutText(this.masker.title(), TITLE_CHARS_MAX),
      width: this.page.innerWidth,
      height: this.page.innerHeight,
      visible: this.page.document.visibilityState === "visible",
      ...this.said,
    };
    this.last = JSON.stringify(facts);
    return facts;
  }

  /** Words of this script's own, which travel with the facts. */
  say(words: Readonly<Record<string, unknown>>): void {
    this.said = words;
  }

  /** The facts with a proof of the page. */
  proven(proof: string): MaskedFacts {
    return { ...this.read(), proof };
  }

  /** The facts, if they are no longer the ones that were read last. */
  changed(): MaskedFacts | null {
    const before = this.last;
    const facts = this.read();
    return this.last === before ? null : facts;
  }
}

/** A part of what passed the choke point has passed it too. */
function cutText(text: Masked<string>, charsMax: number): Masked<string> {
  return text.slice(0, charsMax) as Masked<string>;
}
