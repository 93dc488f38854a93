/**
 * What the visitor reads, in any language: one file for each beside this one.
 *
 * Owns the list of sentences. A language is added by a file like `de.ts`, whose name is the language's code; the build
 * takes it up and the type checker says what is missing in it. `{…}` stands for what is put in.
 */

/** Sentences of the box that every session has. */
export interface WidgetWords {
  readonly label: string;
  readonly code: string;
  readonly end: string;
  readonly endLabel: string;
  readonly close: string;
  readonly closeLabel: string;
  readonly pause: string;
  readonly pauseLabel: string;
  readonly resume: string;
  readonly resumeLabel: string;
  readonly agent: string;
  readonly and: string;
  readonly more: string;
  readonly connecting: string;
  readonly ready: string;
  readonly shared: string;
  readonly paused: string;
  readonly reconnecting: string;
  readonly passive: string;
  readonly ended: string;
  readonly tooLarge: string;
  readonly failed: string;
  readonly notStarted: string;
  /** By the reason of an end; others read as `ended`. */
  readonly ends: Readonly<Record<string, string>>;
  /** By the error of a start; others read as `notStarted`. */
  readonly errors: Readonly<Record<string, string>>;
}

/** Sentences about what agents do, and of dialogs. */
export interface AssistWords {
  readonly controls: string;
  readonly suspended: string;
  readonly takeBack: string;
  readonly askTitle: string;
  readonly askText: string;
  readonly allow: string;
  readonly deny: string;
  readonly released: string;
  readonly termsTitle: string;
  readonly termsText: string;
  readonly termsMore: string;
  readonly shows: string;
  readonly help: string;
  readonly accept: string;
  readonly decline: string;
  readonly offerTitle: string;
  readonly offerText: string;
}

/** A language. */
export interface Words {
  readonly widget: WidgetWords;
  readonly assist: AssistWords;
}
