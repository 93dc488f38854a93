/**
 * What the visitor's script does when its connection ends: decisions without timers or sockets.
 *
 * Owns the table over the close codes, and what else follows from a word alone. `session.ts` carries it out.
 */

import { CLOSE_CODES, closeNameOf, type CloseName } from "../protocol/close.js";
import { PEER_FAULTS_MAX } from "./limits.js";

/** What follows. */
export type Next =
  /** Connect again after a pause, with the resume secret where the ticket is spent. */
  | { readonly do: "retry"; readonly isSpent?: boolean }
  /** Ask the CServer why the upgrade failed. */
  | { readonly do: "ask" }
  /** Ask the web tier where the session is to go on: here, or at another CServer. */
  | { readonly do: "move" }
  /** Another tab took over: wait until this one is looked at again. */
  | { readonly do: "rest" }
  /** The session is over. */
  | { readonly do: "over"; readonly reason: string };

/** After a close. `wasHeard`: the connection had carried a frame. `peerFaults`: closes in a row that say that we broke a rule. */
export function afterClose(code: number, wasHeard: boolean, peerFaults: number): Next {
  const name = closeNameOf(code);
  if (name) return afterName(name, peerFaults);
  return wasHeard ? { do: "retry" } : { do: "ask" };
}

/** After a close code's name, from a close or from an answer to the status question. */
export function afterName(name: CloseName, peerFaults: number): Next {
  switch (name) {
    case "session_ended_visitor":
    case "session_ended_agent":
    case "session_ended_timeout":
    case "not_allowed":
    case "incompatible":
    case "revoked":
      return { do: "over", reason: name };
    case "superseded":
      return { do: "rest" };
    case "moved":
    case "draining":
    case "unauthorized":
    case "not_found":
      return { do: "move" };
    case "already_live":
      // The ticket was used by a connection that we have lost sight of: the resume secret gets in.
      return { do: "retry", isSpent: true };
    default:
      return CLOSE_CODES[name].fault === "peer" && peerFaults >= PEER_FAULTS_MAX
        ? { do: "over", reason: name }
        : { do: "retry" };
  }
}

/** After the web tier's answer to "continue" that was no new server. `null` is no answer at all. */
export function afterContinue(status: number | null): Next {
  if (status === 404 || status === 410) return { do: "over", reason: "not_found" };
  if (status === 403 || status === 400) return { do: "over", reason: "not_allowed" };
  return { do: "retry" };
}

/** Who ended a session, as the page hears it. */
export function reasonOf(reason: string | null): "visitor" | "agent" | "error" {
  if (reason === "stopped" || reason === "session_ended_visitor") return "visitor";
  return reason === "session_ended_agent" ? "agent" : "error";
}

/** Whether a close says that this script has broken the protocol. */
export function isPeerFault(code: number): boolean {
  const name = closeNameOf(code);
  return name !== null && CLOSE_CODES[name].fault === "peer";
}
