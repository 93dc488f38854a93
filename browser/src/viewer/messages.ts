/**
 * What the viewer does and says for each way a connection can end: one table over the close codes.
 *
 * Owns the sentences. `session.ts` carries out what stands here.
 */

import { CLOSE_CODES, type CloseName } from "../protocol/close.js";
import type { ControlState, Refusal } from "../protocol/commands.js";

/** What follows an end. */
export interface Ending {
  /**
   * `stay`: nothing more comes. `retry`: connect again. `renew`: fetch a new ticket from the web tier. `cross`: the view goes on
   * under the other protocol.
   */
  readonly then: "stay" | "retry" | "renew" | "cross";
  /** With `stay`: whether the session came to its end, or something failed. */
  readonly state: "ended" | "failed";
  /** What the agent reads. */
  readonly words: string;
}

/** Every close code. */
export const ENDINGS: Record<CloseName, Ending> = {
  session_ended_visitor: stay("ended", "The visitor has ended the session."),
  session_ended_agent: stay("ended", "The session was ended by an agent."),
  session_ended_timeout: stay("ended", "The session has ended: the visitor did not come back in time."),
  superseded: stay("ended", "This view was opened again in another window, and goes on there."),
  moved: renew("The session has moved to another server. Going there…"),
  draining: renew("This server is being stopped. Looking for the session elsewhere…"),
  revoked: stay("failed", "Your access to this session was withdrawn. Ask your administrator."),
  secure_page: { then: "cross", state: "failed", words: "The visitor's page is secure. Going there…" },
  bad_frame: retry("The connection was broken by a message that is not valid. Connecting again…"),
  unauthorized: renew("Your access to this server is no longer valid. Getting a new one…"),
  not_allowed: stay("failed", "You may not do that here. Open the session again from your session list."),
  not_found: stay("ended", "This session does not exist any more."),
  unknown_kind: retry(
    "The connection was broken by a message that the server does not know. Connecting again…",
  ),
  already_live: retry("The session is taken already. Connecting again…"),
  out_of_order: retry("The connection was broken by a message out of order. Connecting again…"),
  too_long: retry("The connection was broken by a message that is too long. Connecting again…"),
  incompatible: stay("failed", "This page is older or newer than the server. Reload it."),
  flooding: retry("Too many messages in a short time. Connecting again…"),
  head_too_long: stay(
    "failed",
    "Your browser sends too many cookies to this server. Close other session views, then reload.",
  ),
  internal: retry("The server had a fault. Connecting again…"),
  too_slow: retry("Your connection was too slow. Connecting again…"),
  overload: retry("The server is at its limit. Connecting again…"),
};

/** The visitor's page came over plain HTTP, and its view is about to. */
export const PLAIN_WORDS = "The visitor's page is not secure. Going there…";

/** The connection is gone and nobody said why. */
export const LOST_WORDS = "The connection was lost. Connecting again…";

/** Something between holds streamed answers back, and refuses WebSockets. */
export const HELD_BACK_WORDS =
  "Your network lets neither WebSockets nor streamed answers of this server pass, so nothing can be shown. Whoever runs it can allow either. Trying again…";

/** The server cannot be reached for a while. */
export const UNREACHABLE_WORDS = "The server cannot be reached. Trying again…";

/** A trip to the web tier was made a moment ago and did not help. */
export const RENEWED_WORDS = "A new access did not help. Open the session again from your session list.";

/** Epochs failed in a row. */
export const BROKEN_WORDS =
  "The visitor's page cannot be shown at the moment: its data could not be read. It will be tried again.";

/** An epoch is larger than the viewer takes in. */
export const TOO_LARGE_WORDS = "The visitor's page is too large to be shown.";

/** The page is shown as it was, until a new copy comes. */
export const REPAIRING_WORDS = "The view is being refreshed…";

/** The view that was here before did not survive this page. */
export const HELD_WORDS =
  "This page stopped the view that showed it from answering, so nothing is shown before you ask for it.";

/** The agent left by the button. */
export const LEFT_WORDS = "You have left the session. You can close this window.";

/** The address of the session is on the clipboard. */
export const INVITED_WORDS = "The address for other agents of your group was copied.";

/** The page itself lacks what it needs. */
export const BAD_PAGE_WORDS =
  "This page was not delivered whole. Open the session again from your session list.";

/** How a state reads in the bar. */
export function stateWords(state: string, sinceMs: number): string {
  switch (state) {
    case "connecting":
      return "Connecting…";
    case "waiting":
      return "Waiting for the visitor's page…";
    case "live":
      return "Live";
    case "leaving":
      return "The visitor is changing page…";
    case "offline":
      return `The visitor has been offline for ${duration(sinceMs)}`;
    case "reconnecting":
      return "Reconnecting…";
    case "ended":
      return "Ended";
    default:
      return "Failed";
  }
}

/** What is said while the visitor has paused the session; `message` is the page's own. */
export function pausedWords(message: string): string {
  return message === ""
    ? "The visitor has paused the session."
    : `The visitor has paused the session: ${message}`;
}

/** What is said while the website hides its page from agents. */
export const HIDES_WORDS = "The website hides this page from agents.";

/** Why a command of this agent was not carried out. */
export const REFUSAL_WORDS: Record<Refusal, string> = {
  malformed: "The visitor's page did not understand this.",
  not_allowed: "You may not do this here.",
  not_in_control: "Ask the visitor for control first.",
  denied: "The visitor did not allow it.",
  busy: "Another agent has control, or asks for it.",
  suspended: "The visitor is using the page. Wait a moment.",
  paused: "The visitor has paused the session.",
  stale: "The page has just changed. Look again, then repeat it.",
  gone: "This is no longer on the page.",
  masked: "This is masked: only the visitor may use it.",
  refused: "The group lets no agent use this.",
  in_frame: "This belongs to another site: only the visitor may use it.",
  disabled: "This cannot be used now.",
};

/** How control stands, for the agent. */
export function controlWords(state: ControlState | null, own: number, name: string): string {
  if (!state) return "";
  const isOwn = state.agent === own;
  if (state.state === "asked") return isOwn ? "The visitor is asked…" : `${name} asks for control.`;
  if (!isOwn) return `${name} has control.`;
  return state.state === "suspended"
    ? "You have control; the visitor is using the page."
    : "You have control.";
}

/** What the badge means. */
export const VERIFIED_TITLE = "The picture was compared with the visitor's page, after masking.";

/** How the proof of the picture reads; `without` so many frames of other sites, in which something was masked on the way. */
export function verifiedWords(seconds: number, without: number): string {
  const words = seconds < 1 ? "Verified now" : `Verified ${String(seconds)} s ago`;
  return without === 0
    ? words
    : `${words}, without ${without === 1 ? "a frame" : `${String(without)} frames`}`;
}

function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 60) return seconds === 1 ? "1 second" : `${String(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  return minutes === 1 ? "1 minute" : `${String(minutes)} minutes`;
}

function stay(state: "ended" | "failed", words: string): Ending {
  return { then: "stay", state, words };
}

function retry(words: string): Ending {
  return { then: "retry", state: "failed", words };
}

function renew(words: string): Ending {
  return { then: "renew", state: "failed", words };
}

/** Whether a retry after this close should be counted as a fault of the peer. */
export function isPeerFault(name: CloseName): boolean {
  return CLOSE_CODES[name].fault === "peer";
}
