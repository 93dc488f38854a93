/**
 * What the visitor is asked before a session: whether they accept the group's terms, or an agent's offer.
 *
 * Owns the sentences' choice. The dialog itself is `dialog.ts`'s.
 */

import { fill } from "../visitor/fill.js";
import type { Shell } from "../visitor/widget.js";
import { assist as english } from "../words/en.js";
import type { AssistWords } from "../words/types.js";
import { ask } from "./dialog.js";

/** Shows the group's terms, or the usual ones; whether they are accepted. */
export function askTerms(
  shell: Shell,
  words: AssistWords | null,
  terms: { readonly text: string; readonly url: string | null } | null,
  termsUrl: string | null,
): Promise<boolean> {
  const text = words ?? english;
  const url = terms?.url ?? termsUrl;
  return ask(shell, "terms", {
    title: text.termsTitle,
    text: terms?.text ?? text.termsText,
    link: url ? { url, text: text.termsMore } : null,
    yes: text.accept,
    no: text.decline,
  }).answer;
}

/** Asks whether an agent may help; whether the visitor accepts. */
export function askOffer(shell: Shell, words: AssistWords | null, name: string): Promise<boolean> {
  const text = words ?? english;
  return ask(shell, "offer", {
    title: fill(text.offerTitle, { name }),
    text: fill(text.offerText, { name }),
    link: null,
    yes: text.accept,
    no: text.decline,
  }).answer;
}
