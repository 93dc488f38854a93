/**
 * The global that the customer's page sees: `window.GLANCE.Cobrowse.Visitor`.
 *
 * Owns its types, which are the npm package's too, and its two shapes: the loader's queue, and the full one that the
 * visitor script puts in its place.
 */

import type { Tag } from "./tag.js";

/** What a session may be started with. */
export interface StartOptions {
  /** 1-63 of letters, digits, `-._~`; `GLANCE_KEYTYPE_RANDOM` (the default) lets the server choose, `GLANCE_KEYTYPE_VISITORID` takes the visitor's id. */
  sessionKey?: string;
  /** A group that the page's tag lists; the tag's first one by default. */
  groupId?: string;
  /** The same, in the spelling of the tag. */
  groupid?: string;
}

/** A session that has begun. */
export interface StartedSession {
  readonly sessionKey: string;
  readonly group: string;
}

/** How the session of this page is. */
export interface VisitorStatus {
  readonly state: "idle" | "connecting" | "live" | "reconnecting" | "passive" | "ended";
  readonly key: string | null;
  readonly group: string | null;
  readonly agents: number;
}

/** Events by their names. */
export interface VisitorEvents {
  sessionstarting: object;
  sessionstart: StartedSession;
  sessioncontinue: StartedSession;
  sessionend: { readonly reason: "visitor" | "agent" | "error"; readonly detail: string | null };
  connection: { readonly status: "ok" | "reconnecting" };
  agents: {
    readonly count: number;
    readonly agentlist: readonly { readonly agent: number; readonly name: string }[];
  };
  pause: { readonly paused: boolean };
  rcrequested: { readonly agent: number; readonly name: string; decline(): void };
  rc: { readonly enabled: boolean; readonly suspended: boolean };
  /** What the servers know of the session is there, after a start, a page change or a loss. */
  statereceived: VisitorStatus;
  /** The session goes on in another tab of this browser; it is back in this one. */
  blur: StartedSession;
  focus: StartedSession;
  /** The session goes on elsewhere: at another domain, or as another one. */
  leavesession: { readonly detail: string };
  /** An agent wants what it highlights to be read out by the visitor's screen reader, or no longer. */
  accessibility: { readonly enabled: boolean };
  error: { readonly code: VisitorFault; readonly detail: string };
}

/** What went wrong: a start that failed, a key in use, a session lost, a mask that nobody can read, a script that did not come. */
export type VisitorFault = "service" | "dupkey" | "conndrop" | "maskingerror" | "SCRIPT_NOT_LOADED";

/** Why a promise of this interface is rejected: `code` is one of those of `data-error` (HOOKS.md). */
export interface CobrowseError extends Error {
  readonly code: string;
}

/** What the visitor script offers. */
export interface VisitorApi {
  /** Starts a session; rejected with a {@link CobrowseError}. */
  startSession(options?: string | StartOptions): Promise<StartedSession>;
  stopSession(): Promise<void>;
  /** Stops sharing, or goes on; `message` is what the agents are told. */
  pauseSession(options?: boolean | { pause: boolean; message?: string }): void;
  /** Asks the visitor to accept the terms, then starts. */
  showTerms(options?: string | StartOptions): Promise<StartedSession>;
  /** Shows a button that starts a session; hides it. */
  showButton(): void;
  toggleButton(): void;
  /** Gives the button and what else the visitor sees the look of a group that the tag lists; the first one's otherwise. */
  setStyle(group?: string): void;
  /** Goes to a page of another domain of the group, with the session. */
  continueSessionAt(
    options: string | { destination: string; oncomplete?: (url: string) => void },
  ): Promise<string>;
  /** The address that continues the session there once, within a minute; for pages that navigate by themselves. */
  crossDomain(destination: string): Promise<string>;
  getStatus(): VisitorStatus;
  getSessionState(): VisitorStatus;
  inSession(): boolean;
  getKey(): string | null;
  /** Fulfilled once the whole script is there. */
  loaded(): Promise<void>;
  addEventListener<N extends keyof VisitorEvents>(name: N, listener: (event: VisitorEvents[N]) => void): void;
  removeEventListener<N extends keyof VisitorEvents>(
    name: N,
    listener: (event: VisitorEvents[N]) => void,
  ): void;
}

/** What the script understands besides its public face. */
export interface Receiver {
  /** A message of another window, with its origin. */
  receive(origin: string, data: unknown): void;
  /** An agent offers a session; whether the visitor accepts. */
  offer(offer: { readonly agent: string; readonly group: string }): Promise<boolean>;
}

/** A call that waits for the visitor script. */
export interface QueuedCall {
  readonly method: keyof VisitorApi | keyof Receiver;
  readonly args: readonly unknown[];
  readonly settle: (result: unknown) => void;
}

/** The loader's stand-in: the same calls, which wait in `queue`. */
export interface LoaderQueue extends VisitorApi {
  readonly queue: QueuedCall[];
  /** Reads the page's tag as it is now; throws a sentence that says what is wrong with it. */
  readonly readTag: () => Tag;
  /** Closed shadow roots that were noted; `null` where the tag does not ask for it. */
  readonly closedRoots: WeakMap<Node, ShadowRoot> | null;
}

/** Names of the interface for parts of the widget. */
export interface VisitorUi {
  showButton(): void;
  toggleButton(): void;
  showTerms(): unknown;
  setStyle(group?: string): void;
  promptCrossDomain(destination: string): unknown;
}

/** Presence for pages whose tag has `data-presence="api"`: they say by themselves when their visitor is there. */
export interface PresenceVisitor {
  /** Says that the visitor is there, until `disconnect` or the page's end. */
  connect(): Promise<unknown>;
  disconnect(): unknown;
}

/** What a page knows of its visitor, before a session: shown to agents. Longer texts are left out, and said on the console. */
export interface VisitorIdentity {
  /** 63 characters at most. */
  visitorid?: string;
  /** 63 characters at most. */
  name?: string;
  /** 127 characters at most. */
  email?: string;
  /** 31 characters at most. */
  phone?: string;
  /**
   * What shall be masked besides the group's masks, or that the whole page shall be hidden. Asked when agents have come or
   * gone; nothing of the page leaves before its first answer. It cannot unmask anything.
   */
  getMaskingDescriptor?: (params: {
    readonly agents: { readonly count: number; readonly agentlist: readonly WatchingAgent[] };
  }) => MaskingDescriptor | Promise<MaskingDescriptor>;
}

/** An agent who sees the page. */
export interface WatchingAgent {
  readonly agent: number;
  readonly name: string;
  readonly privileges: readonly string[];
}

/** What a page hides from agents. */
export interface MaskingDescriptor {
  /** CSS selectors, 256 at most. What was masked once stays masked until the next page. */
  maskedelements?: readonly string[];
  /** Hides the whole page. */
  maskpage?: boolean;
}

declare global {
  interface Window {
    GLANCE?: {
      Cobrowse?: { Visitor?: (VisitorApi & Receiver) | LoaderQueue; VisitorUI?: VisitorUi };
      Presence?: { Visitor?: new (options?: { visitorid?: string }) => PresenceVisitor };
    };
    GLANCE_COBROWSE?: VisitorIdentity;
  }
}

/** Puts a visitor object in its place, beside whatever else the page keeps there. */
export function publish(page: Window, visitor: (VisitorApi & Receiver) | LoaderQueue): void {
  const cobrowse = ((page.GLANCE ??= {}).Cobrowse ??= {});
  cobrowse.Visitor = visitor;
  cobrowse.VisitorUI = {
    showButton: () => visitor.showButton(),
    toggleButton: () => visitor.toggleButton(),
    showTerms: () => visitor.showTerms(),
    setStyle: (group) => visitor.setStyle(group),
    promptCrossDomain: (destination) => visitor.continueSessionAt(destination),
  };
}

/** Puts `GLANCE.Presence.Visitor` there. `connect` gives what ends it. */
export function publishPresence(
  page: Window,
  connect: (visitorId: string | null) => Promise<() => void>,
  known: string | null,
): void {
  (page.GLANCE ??= {}).Presence = {
    Visitor: class implements PresenceVisitor {
      end: Promise<() => void> | undefined;
      constructor(readonly id?: { visitorid?: string }) {}
      connect = (): Promise<unknown> => (this.end ??= connect(this.id?.visitorid ?? known));
      disconnect = async (): Promise<void> => {
        const { end } = this;
        this.end = undefined;
        (await end)?.();
      };
    },
  };
}
