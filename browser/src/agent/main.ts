/**
 * `window.GLANCE.Cobrowse.Agent` for applications that show the viewer in a frame: a CRM page listens to it here.
 *
 * Owns the listening and the two calls. The viewer's side is `viewer/parent.ts`.
 */

import type { ParentEvents } from "../viewer/parent.js";

type Listener = (event: object) => void;

/** Names of events, those of the viewer. */
export type AgentEventName = keyof ParentEvents;

/** What an application can do with a framed viewer. */
export interface AgentApi {
  /** Listens to the viewer in this frame, and to no other. */
  init(frame: HTMLIFrameElement): void;
  addEventListener<N extends AgentEventName>(name: N, listener: (event: ParentEvents[N]) => void): void;
  removeEventListener<N extends AgentEventName>(name: N, listener: (event: ParentEvents[N]) => void): void;
  /** Ends the session for everybody, if this agent may. */
  endSession(): void;
  /** Leaves it. */
  leaveSession(): void;
  /** Whether the visitor's screen reader shall say what this agent highlights. */
  enableAccessibility(enabled?: boolean): void;
  /** Asks for the address by which another agent of the group gets in: it comes with `addguest`. */
  addGuest(): void;
}

/** Makes the interface for a page. */
export function createAgent(page: Window): AgentApi {
  const listeners = new Map<string, Set<Listener>>();
  let frame: HTMLIFrameElement | null = null;
  let viewer = "";
  const call = (name: "end" | "leave" | "accessibility" | "addguest", more: object = {}): void => {
    // Until the viewer has spoken nobody knows at which server it is.
    if (viewer) frame?.contentWindow?.postMessage({ cobrowse: { call: name, ...more } }, viewer);
  };
  page.addEventListener("message", (message) => {
    if (!message.source || message.source !== frame?.contentWindow) return;
    const told = (message.data as { cobrowse?: { event?: unknown } } | null)?.cobrowse;
    if (typeof told?.event !== "string") return;
    viewer = message.origin;
    for (const listener of listeners.get(told.event) ?? []) listener({ type: told.event, ...told });
  });
  return {
    init(given) {
      frame = given;
      viewer = "";
    },
    addEventListener(name, listener) {
      const known = listeners.get(name) ?? new Set();
      listeners.set(name, known.add(listener as Listener));
    },
    removeEventListener(name, listener) {
      listeners.get(name)?.delete(listener as Listener);
    },
    endSession: () => {
      call("end");
    },
    leaveSession: () => {
      call("leave");
    },
    enableAccessibility: (enabled = true) => {
      call("accessibility", { enabled });
    },
    addGuest: () => {
      call("addguest");
    },
  };
}
