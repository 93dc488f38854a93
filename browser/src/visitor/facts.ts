/**
 * Facts of the page, for the agent's title bar and stage: PROTOCOL.md section 4.
 *
 * Owns when they have changed. Their texts come from the choke point.
 */

import { ANSWERS_MAX, type Answer } from "../protocol/commands.js";
import type { MaskedFacts } from "./epoch.js";
import { TITLE_CHARS_MAX, URL_CHARS_MAX } from "./limits.js";
import type { Masked, Masker } from "./mask.js";

/** Watches the facts of one page. */
export class FactsWatcher {
  private last = "";
  private said: Readonly<Record<string, unknown>> = {};
  /** Answers that no frame has carried yet. */
  private answers: readonly Answer[] = [];

  constructor(
    private readonly page: Window,
    private readonly masker: Pick<Masker, "address" | "title">,
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

  /** Words of this script's own, which travel with the facts. Answers travel once: those given while the page is read anew follow it. */
  say(words: Readonly<Record<string, unknown>>, answers: readonly Answer[]): void {
    this.said = words;
    this.answers = [...this.answers, ...answers].slice(-ANSWERS_MAX);
  }

  /** The facts with a proof of the page. */
  proven(proof: string): MaskedFacts {
    return { ...this.read(), proof };
  }

  /** The facts to be sent now: if they are no longer the ones that were read last, or if there are answers. */
  changed(): MaskedFacts | null {
    const { last, answers } = this;
    const facts = this.read();
    if (answers.length === 0) return this.last === last ? null : facts;
    this.answers = [];
    return { ...facts, answers };
  }
}

/** A part of what passed the choke point has passed it too. */
function cutText(text: Masked<string>, charsMax: number): Masked<string> {
  return text.slice(0, charsMax) as Masked<string>;
}
