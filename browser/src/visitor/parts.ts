/**
 * The parts of the visitor's script that are loaded only when they are needed, and what they are given.
 *
 * Owns their faces and their loading. `assist` shows what agents do and carries out what they may; its code is in
 * `assist/`. `requests` carries frames where WebSockets are blocked; its code is `protocol/channel.ts`.
 * `mirror` proves the page and reads its blob pictures, `canvas` reads canvases where a group allows it, and `uploads`
 * what agents' browsers cannot reach; their code is in `mirror/`.
 */

import { loadModule } from "../loader/parts.js";
import type { Tag } from "../loader/tag.js";
import type { Answer, ControlState, InkItem } from "../protocol/commands.js";
import type { Frame } from "../protocol/frame.js";
import type { Participant } from "../protocol/payloads.js";
import type { Fallback } from "../protocol/ways.js";
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

/** The module. */
export interface AssistModule {
  createAssist(host: AssistHost): Assist;
  /** Shows the group's terms, or the usual ones; whether the visitor accepts them. */
  askTerms(
    shell: Shell,
    words: AssistWords | null,
    terms: { readonly text: string; readonly url: string | null } | null,
    termsUrl: string | null,
  ): Promise<boolean>;
  /** Asks whether that agent may help. */
  askOffer(shell: Shell, words: AssistWords | null, name: string): Promise<boolean>;
  /** Shows a button that asks for help, until the element is taken away. */
  showButton(page: Document, words: AssistWords | null, onPress: () => void): HTMLElement;
}

/** Loads what carries frames where WebSockets are blocked; without it a WebSocket is all there is. */
export async function loadRequests(tag: Tag): Promise<Fallback | null> {
  try {
    return ((await loadPart(tag, "requests.js")) as { createFallback(): Fallback }).createFallback();
  } catch {
    return null;
  }
}

/** Loads the module. */
export function loadAssist(tag: Tag): Promise<AssistModule> {
  return loadOnce("assist", () => loadPart(tag, "assist.js") as Promise<AssistModule>);
}

/** What completes the mirror: `mirror/main.ts`, and the parts of it that only some groups need. */
export interface MirrorModules {
  readonly mirror: typeof import("../mirror/main.js");
  readonly canvas: typeof import("../mirror/canvas.js");
  readonly uploads: typeof import("../mirror/uploads.js");
}

/** Loads one of them; `null` where it does not load: the page is shown without. */
export async function loadMirror<N extends keyof MirrorModules>(
  tag: Tag,
  name: N,
): Promise<MirrorModules[N] | null> {
  try {
    return await loadOnce(name, () => loadPart(tag, `${name}.js`) as Promise<MirrorModules[N]>);
  } catch {
    return null;
  }
}

/** Loads a part. Only one hash stands in this script, that of the part which has the others'. */
export async function loadPart(tag: Tag, name: string): Promise<unknown> {
  return loadModule(tag, name, tag.isPinned ? (await loadWays(tag)).HASHES : {});
}

/** The ways into a session and to other domains: `ways/main.ts`. */
export type WaysModule = typeof import("../ways/main.js");

/** Loads them. */
export function loadWays(tag: Tag): Promise<WaysModule> {
  return loadOnce("ways", () => loadModule(tag, "ways.js") as Promise<WaysModule>);
}

/** The second call gives the first one's, unless that failed. */
function loadOnce<M>(name: string, load: () => Promise<M>): Promise<M> {
  const known = loaded.get(name) as Promise<M> | undefined;
  if (known) return known;
  const loading = load();
  loaded.set(name, loading);
  loading.catch(() => loaded.delete(name));
  return loading;
}

const loaded = new Map<string, Promise<unknown>>();
