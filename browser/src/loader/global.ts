/**
 * The global that the customer's page sees: `window.GLANCE.Cobrowse.Visitor`.
 *
 * Owns its two shapes: the loader's queue, and the full one that the visitor script puts in its place.
 */

/** A call that waits for the visitor script. */
export type QueuedCall = readonly [method: keyof VisitorApi, args: readonly unknown[]];

/** What the visitor script offers. */
export interface VisitorApi {
  startSession(options?: string | { sessionKey?: string; groupId?: string; groupid?: string }): void;
  stopSession(): void;
  /** Stops sharing, or goes on; `message` is what the agents are told. */
  pauseSession(options?: boolean | { pause: boolean; message?: string }): void;
  getStatus(): VisitorStatus;
  inSession(): boolean;
  getKey(): string | null;
  addEventListener(name: string, listener: (event: object) => void): void;
  removeEventListener(name: string, listener: (event: object) => void): void;
}

/** How the session of this page is. */
export interface VisitorStatus {
  readonly state: "idle" | "connecting" | "live" | "reconnecting" | "passive" | "ended";
  readonly key: string | null;
  readonly group: string | null;
  readonly agents: number;
}

/** The loader's stand-in: the same calls, which wait in `queue`. */
export interface LoaderQueue extends VisitorApi {
  readonly queue: QueuedCall[];
  /** URL that the loader came from. */
  readonly loadedFrom: string;
  /** Closed shadow roots that were noted; `null` where the tag does not ask for it. */
  readonly closedRoots: WeakMap<Node, ShadowRoot> | null;
}

declare global {
  interface Window {
    GLANCE?: { Cobrowse?: { Visitor?: VisitorApi | LoaderQueue } };
  }
}

/** Puts a visitor object in its place, beside whatever else the page keeps there. */
export function publish(page: Window, visitor: VisitorApi | LoaderQueue): void {
  page.GLANCE = page.GLANCE ?? {};
  page.GLANCE.Cobrowse = page.GLANCE.Cobrowse ?? {};
  page.GLANCE.Cobrowse.Visitor = visitor;
}
