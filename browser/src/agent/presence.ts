/**
 * `window.GLANCE.Presence.Agent` for applications of agents: looks up whether a visitor is there, and offers a session.
 *
 * Owns the two calls. Who may see and offer what is the web tier's to say: the agent by its roles, the application by the
 * groups that list its origin. PROTOCOL.md section 7.2.
 */

import { isRecord } from "../protocol/payloads.js";

/** Which visitor. */
export interface PresenceAgentOptions {
  /** The visitor's id, as the website tells it. */
  readonly visitorid?: string;
  /** The same, in another spelling. */
  readonly uniqueid?: string;
  /** Address of the web tier; without it the one from which this script came. */
  readonly presenceserver?: string;
}

/** A page on which the visitor is. */
export interface PresentVisitor {
  readonly visitorid: string;
  readonly groupid: string;
  /** Without query and fragment; empty where the page does not say. */
  readonly url: string;
  /** Whether it is looked at. */
  readonly visible: boolean;
  /** Milliseconds since 1970. */
  readonly since_ms: number;
  readonly active_ms: number;
}

/** Why a call failed: not logged in, or no role in such a group; not there; anything else. */
export type PresenceFault = "authorization" | "visitornotpresent" | "service";

/** Callbacks, for those who like them better than promises. */
export interface PresenceCallbacks<T> {
  onsuccess?: (result: T) => void;
  onfail?: (code: PresenceFault) => void;
}

/** An error of these calls. */
export interface PresenceError extends Error {
  readonly code: PresenceFault;
}

/** One visitor, for an agent. */
export class PresenceAgent {
  private readonly visitor: string;
  private readonly server: string;

  constructor({ visitorid, uniqueid, presenceserver }: PresenceAgentOptions, loadedFrom = "") {
    this.visitor = visitorid ?? uniqueid ?? "";
    this.server = new URL(presenceserver ?? loadedFrom, window.location.href).origin;
  }

  /** The page that the visitor was active on last. */
  lookupVisitor(callbacks: PresenceCallbacks<PresentVisitor> = {}): Promise<PresentVisitor> {
    const path = `/api/v1/agent/presence?VisitorId=${encodeURIComponent(this.visitor)}`;
    const asked = this.ask(path, {}).then((answer) => {
      const pages: unknown = isRecord(answer) ? answer.visitors : null;
      const page: unknown = Array.isArray(pages) ? pages[0] : null;
      if (!isRecord(page)) throw faultOf("visitornotpresent");
      const { visitor: visitorid, group: groupid, url, visible, since_ms, active_ms } = page;
      return { visitorid, groupid, url, visible, since_ms, active_ms } as PresentVisitor;
    });
    return told(asked, callbacks);
  }

  /** Offers the visitor a session; the address at which the agent waits for it, to be opened in the frame of the viewer. */
  signalVisitor(
    options: PresenceCallbacks<{ view: string }> & { groupid?: string } = {},
  ): Promise<{ view: string }> {
    const body = JSON.stringify({ visitor: this.visitor, session: options.groupid });
    const headers = { "Content-Type": "application/json" };
    const asked = this.ask("/api/v1/agent/offers", { method: "POST", headers, body }).then((answer) => {
      if (!isRecord(answer) || typeof answer.view !== "string") throw faultOf("service");
      return { view: answer.view };
    });
    return told(asked, options);
  }

  private async ask(path: string, how: RequestInit): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(this.server + path, {
        ...how,
        credentials: "include",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw faultOf("service");
    }
    if (response.ok) return response.json();
    throw faultOf(FAULTS[response.status] ?? "service");
  }
}

/** Whoever gave callbacks has answered, and need not look at the promise. */
function told<T>(asked: Promise<T>, { onsuccess, onfail }: PresenceCallbacks<T>): Promise<T> {
  asked.then(onsuccess, (error: unknown) => onfail?.((error as PresenceError).code ?? "service"));
  return asked;
}

function faultOf(code: PresenceFault): PresenceError {
  return Object.assign(new Error(`Cobrowse: ${code}`), { code });
}

const FAULTS: Readonly<Record<number, PresenceFault>> = {
  400: "visitornotpresent",
  401: "authorization",
  403: "authorization",
  404: "visitornotpresent",
};
