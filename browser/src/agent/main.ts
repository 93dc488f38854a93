/**
 * `window.GLANCE.Cobrowse.Agent` for applications that show the viewer in a frame: a CRM page listens to it here.
 *
 * Owns the listening and the calls. The viewer's side is `viewer/parent.ts`; `watch.ts` takes a view away that stopped.
 */

import type { ParentEvents } from "../viewer/parent.js";
import { FrameWatch } from "./watch.js";

type Listener = (event: object) => void;

/** Events, those of the viewer and one of our own. */
export interface AgentEvents extends ParentEvents {
  /** The view did not answer any more. Its frame is loaded anew by now. */
  viewstopped: object;
}

/** Their names. */
export type AgentEventName = keyof AgentEvents;

/** What an application can do with a framed viewer. */
export interface AgentApi {
  /** Listens to the viewer in this frame, and to no other. */
  init(frame: HTMLIFrameElement): void;
  addEventListener<N extends AgentEventName>(name: N, listener: (event: AgentEvents[N]) => void): void;
  removeEventListener<N extends AgentEventName>(name: N, listener: (event: AgentEvents[N]) => void): void;
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
  const emit = (name: string, event: object): void => {
    for (const listener of listeners.get(name) ?? []) listener({ type: name, ...event });
  };
  const watch = new FrameWatch(page, () => {
    viewer = "";
    emit("viewstopped", {});
  });
  const call = (name: "end" | "leave" | "accessibility" | "addguest", more: object = {}): void => {
    // Until the viewer has spoken nobody knows at which server it is.
    if (viewer) frame?.contentWindow?.postMessage({ cobrowse: { call: name, ...more } }, viewer);
  };
  page.addEventListener("message", (message) => {
    if (!message.source || message.source !== frame?.contentWindow) return;
    const told = (message.data as { cobrowse?: { event?: unknown; wait_ms?: unknown } } | null)?.cobrowse;
    if (typeof told?.event !== "string") return;
    viewer = message.origin;
    if (told.event === "alive") watch.hear(told.wait_ms);
    else emit(told.event, told);
  });
  return {
    init(given) {
      frame = given;
      viewer = "";
      watch.over(given);
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
