/**
 * The parts of the visitor's script that are loaded only when they are needed, and what they are given.
 *
 * Owns their faces and their loading. `assist` shows what agents do and carries out what they may; its code is in
 * `assist/`. `requests` carries frames where WebSockets are blocked; its code is `protocol/channel.ts`.
 * `deflate` makes epochs short, `mirror` tells what rrweb does not and proves the page: both are loaded while a session connects. `canvas` reads canvases where a group allows it, and `uploads`
 * what agents' browsers cannot reach; their code is in `mirror/`. `frames` lets frames of other origins join; its code is in
 * `frames/`.
 */

import { guarded, launch, warn } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import type { eventWithTime } from "@rrweb/types";

import { loadModule } from "../loader/parts.js";
import type { Tag } from "../loader/tag.js";
import type { Answer, ControlState, InkItem } from "../protocol/commands.js";
import type { Frame } from "../protocol/frame.js";
import type { Participant } from "../protocol/payloads.js";
import type { Fallback } from "../protocol/ways.js";
import type { AssistWords } from "../words/types.js";
import type { Continuity } from "./continuity.js";
import { MIRROR_MS_MAX, REQUEST_MS_MAX } from "./limits.js";
import type { Reach } from "./recorder.js";
import type { Shell } from "./widget.js";

/** What `assist` needs from the session. */
export interface AssistHost {
  readonly page: Window & typeof globalThis;
  readonly shell: Shell;
  /** Which session it is, and which of its homes: agents' numbers are a home's own. */
  at(): Pick<Continuity, "session" | "home">;
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

/** What `frames` needs of the page that it joins frames to. */
export interface ForeignHost {
  /** The session that frames may join. */
  readonly session: FrameSession;
  /** Frame elements that are recorded. */
  readonly frames: ReadonlySet<HTMLIFrameElement>;
  /** Whether the line is free for more. */
  isFree(): boolean;
  /** The id by which agents know a node. */
  idOf(node: Node): number;
  /** Whether what stands in that element may be shown: nothing around it is masked, nor ever was. */
  admits(frame: HTMLIFrameElement): boolean;
  /**
   * Hands on what a frame has recorded of itself. `altered`: without copies of what the page masks. `later`: there is no picture at
   * the moment; the frame is asked again for the next.
   */
  send(
    frame: HTMLIFrameElement,
    events: readonly eventWithTime[],
  ): "sent" | "altered" | "later" | "too_large";
  /** Tells of attributes of a frame's element. */
  say(frame: HTMLIFrameElement, attributes: Record<string, unknown>): void;
  /** The pointer is in a frame, at that place of the page. */
  point(frame: HTMLIFrameElement, x: number, y: number, id: number): void;
  /** The agents' picture has to begin anew; `isPurge`: something that a frame had sent is masked now. */
  renew(isPurge: boolean): void;
}

/** A session that frames may join. */
export interface FrameSession {
  /** Origin of the web tier. */
  readonly webTier: string;
  readonly group: string;
  readonly resume: string;
}

/** Where something in a frame is. */
export interface Place {
  readonly frame: HTMLIFrameElement;
  /** The id by which agents know it now: the frame's own where they do not see it. */
  id(): number;
  /** In the page's viewport, cut to the frame; the whole frame while it is not known. */
  box(): DOMRect;
  /** Follows it no longer. */
  end(): void;
}

/** Frames of other origins, as the recorder knows them. */
export interface Foreign {
  /** A frame element was recorded. */
  met(frame: HTMLIFrameElement): void;
  hear(event: MessageEvent): void;
  /** The agents' picture has begun anew. */
  begin(): void;
  /** Whether what all of them show is proven. */
  readonly isProven: boolean;
  /** The frame that has a node in it; `null` for a node of none that has joined. */
  frameOf(id: number): HTMLIFrameElement | null;
  /** Follows a node of a frame; `null` likewise. */
  place(id: number): Place | null;
  /** The proof of what a frame shows; `null` where it shows nothing. */
  proofOf(frame: Node): string | null;
  stop(): void;
}

/** What completes the mirror: `mirror/main.ts`, and the parts of it that only some pages and groups need. */
export interface MirrorModules {
  readonly deflate: typeof import("../mirror/deflate.js");
  readonly mirror: typeof import("../mirror/main.js");
  readonly canvas: typeof import("../mirror/canvas.js");
  readonly uploads: typeof import("../mirror/uploads.js");
  readonly frames: typeof import("../frames/main.js");
}

/** What completes one recorder's mirror. */
export type Mirror = InstanceType<MirrorModules["mirror"]["Mirror"]>;

/** Loads one of them; `null` where it does not load: the page is shown without. */
export async function loadMirror<N extends keyof MirrorModules>(
  tag: Tag,
  name: N,
): Promise<MirrorModules[N] | null> {
  try {
    return await loadOnce(name, () => loadPart(tag, `${name}.js`) as Promise<MirrorModules[N]>);
  } catch (error) {
    warn(`${name}.js did not load: the page is shown without what it does.`, error);
    return null;
  }
}

/** What a session begins with. */
export interface FirstParts {
  /** Makes epochs short; without it they are sent as they are. */
  readonly deflate: MirrorModules["deflate"] | null;
  readonly mirror: MirrorModules["mirror"] | null;
  /** The mirror, where it is still on its way. */
  readonly late: Promise<MirrorModules["mirror"] | null> | null;
}

/** Loads that; `null` where something is not there in time. */
export async function loadFirst(tag: Tag): Promise<FirstParts> {
  const mirror = loadMirror(tag, "mirror");
  const tooLate = after(MIRROR_MS_MAX);
  const deflate = await sooner(loadMirror(tag, "deflate"), after(REQUEST_MS_MAX));
  const first = await sooner(mirror, tooLate);
  return { deflate: deflate ?? null, mirror: first ?? null, late: first === undefined ? mirror : null };
}

function after(ms: number): Promise<undefined> {
  return new OwnPromise(
    guarded((resolve: (none: undefined) => void) => {
      setTimeout(guarded(resolve), ms);
    }),
  );
}

/** What comes first of two that are never rejected. */
function sooner<M>(loading: Promise<M>, late: Promise<undefined>): Promise<M | undefined> {
  return new OwnPromise(
    guarded((resolve: (part: M | undefined) => void) => {
      launch(async () => {
        resolve(await loading);
      });
      launch(async () => {
        await late;
        resolve(undefined);
      });
    }),
  );
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
  launch(
    () => loading,
    () => {
      loaded.delete(name);
    },
  );
  return loading;
}

const loaded = new Map<string, Promise<unknown>>();
