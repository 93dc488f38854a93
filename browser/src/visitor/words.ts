/**
 * Which sentence the widget says when, in the visitor's language.
 *
 * Owns the choice of language and of sentence. The sentences stand in `words/`.
 */

import type { Tag } from "../loader/tag.js";
import { widget as english } from "../words/en.js";
import type { WidgetWords, Words } from "../words/types.js";
import { fill } from "./fill.js";
import { loadPart } from "./parts.js";
import type { SessionState } from "./session.js";

/** Sentences of the widget. */
export class Sentences {
  constructor(readonly words: WidgetWords = english) {}

  /** For a state. */
  state(state: SessionState, agents: readonly string[], isPaused: boolean): string {
    const { words } = this;
    if (state !== "live") return words[state];
    if (isPaused) return words.paused;
    return agents.length > 0 ? fill(words.shared, { names: this.list(agents) }) : words.ready;
  }

  /** For an end. */
  end(reason: string | null): string {
    return this.words.ends[reason ?? ""] ?? this.words.ended;
  }

  /** For a start that failed. */
  error(error: string): string {
    return this.words.errors[error] ?? this.words.notStarted;
  }

  private list(names: readonly string[]): string {
    const shown = names.slice(0, NAMES_MAX);
    const count = String(names.length - shown.length);
    if (names.length > NAMES_MAX) return fill(this.words.more, { names: shown.join(", "), count });
    const last = shown.pop() ?? "";
    return shown.length > 0 ? `${shown.join(", ")} ${this.words.and} ${last}` : last;
  }
}

/** Code of the language that the visitor reads: the tag's, the page's or the browser's. English needs no file. */
export function languageOf(page: Document, asked: string | null): string {
  const wanted = asked ?? (page.documentElement.lang || navigator.language);
  const code = /^[a-z]{2,3}/.exec(wanted.toLowerCase())?.[0] ?? "en";
  return code === "en" ? "" : code;
}

/** Loads a language; `null` where it has no file. */
export async function loadWords(tag: Tag, language: string): Promise<Words | null> {
  if (language === "") return null;
  try {
    return (await loadPart(tag, `words/${language}.js`)) as Words;
  } catch {
    return null;
  }
}

/** More names would hide the page. */
const NAMES_MAX = 3;
