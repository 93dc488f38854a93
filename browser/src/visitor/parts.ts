/**
 * The parts of the visitor's script that are loaded only when they are needed, and what they are given.
 *
 * Owns their faces and their loading. `assist` shows what agents do and carries out what they may; its code is in
 * `assist/`.
 */

import { loadModule } from "../loader/parts.js";
import type { Tag } from "../loader/tag.js";
import type { Answer, ControlState, InkItem } from "../protocol/commands.js";
import type { Frame } from "../protocol/frame.js";
import type { Participant } from "../protocol/payloads.js";
import type { AssistWords } from "../words/types.js";
import type { Reach } from "./recorder.js";
import type { Shell } from "./widget.js";

/** What `assist` needs from the session. */
export interface AssistHost {
  readonly page: Window & typeof globalThis;
  readonly shell: Shell;
  /** Text of the session id. */
  readonly session: string;
  /** Sentences; `null` for English. */
  readonly words: AssistWords | null;
  /** Selectors of what no agent may act upon; `null` refuses everything. */
  refuses(): readonly string[] | null;
  /** How commands reach the page; `null` while nothing is shared. */
  reach(): Reach | null;
  isPaused(): boolean;
  /** Tells the agents who controls the page, and what was refused. */
  say(control: ControlState | null, answers: readonly Answer[]): void;
  /** Tells the agents what all of them have drawn and highlighted since it was told last. */
  sayInk(ink: readonly InkItem[]): void;
  /** Tells the page's own code. */
  emit(name: "rc" | "rcrequested" | "accessibility", event: object): void;
}

/** What `assist` offers. */
export interface Assist {
  setAgents(agents: readonly Participant[]): void;
  /** One frame of an agent. */
  take(frame: Frame): void;
  /** The connection is lost, or sharing is paused: nobody controls the page meanwhile. */
  rest(): void;
  stop(): void;
  /** The agents' pictures begin anew: what is drawn is told again. */
  beginEpoch(): void;
}

/** A dialog that asks the visitor something before a session. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly link: { readonly url: string; readonly text: string } | null;
  readonly yes: string;
  readonly no: string;
}

/** The module. */
export interface AssistModule {
  createAssist(host: AssistHost): Assist;
  ask(shell: Shell, name: string, question: Question): { answer: Promise<boolean>; close(): void };
  /** Shows a button that asks for help, until the element is taken away. */
  showButton(page: Document, words: AssistWords | null, onPress: () => void): HTMLElement;
  readonly english: AssistWords;
}

/** Loads the module; the second call gives the first one's. */
export function loadAssist(tag: Tag): Promise<AssistModule> {
  loading ??= (loadModule(tag, "assist.js") as Promise<AssistModule>).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

let loading: Promise<AssistModule> | null = null;
