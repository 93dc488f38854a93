/**
 * What the widget says to the visitor, in one place.
 *
 * Owns the sentences for each state, each way a session ends and each way a start fails.
 */

import type { SessionState } from "./session.js";

/** The sentence for a state. */
export function stateWords(state: SessionState, agents: readonly string[]): string {
  switch (state) {
    case "connecting":
      return "Connecting…";
    case "live":
      return agents.length > 0
        ? `Screen shared with ${list(agents)}`
        : "Ready to share. Tell the agent your code.";
    case "reconnecting":
      return "Connection lost. Trying again…";
    case "passive":
      return "Sharing is paused here: another tab is shown.";
    case "ended":
      return "Screen sharing has ended.";
  }
}

/** The sentence for an end. */
export function endWords(reason: string | null): string {
  return ENDS[reason ?? ""] ?? "Screen sharing has ended.";
}

/** The sentence for a start that failed. */
export function errorWords(error: string): string {
  return ERRORS[error] ?? "Screen sharing could not be started. Please try again later.";
}

/** The sentence for a page that no keyframe can hold. */
export const TOO_LARGE_WORDS = "This page is too large to be shared.";

/** The sentence for a page that cannot be read. */
export const FAILED_WORDS = "This page cannot be shared.";

const ENDS: Record<string, string> = {
  stopped: "You have ended screen sharing.",
  session_ended_visitor: "You have ended screen sharing.",
  session_ended_agent: "The agent has ended screen sharing.",
  session_ended_timeout: "Screen sharing has ended, because this page was away for too long.",
  not_found: "Screen sharing has ended: the session no longer exists.",
  not_allowed: "Screen sharing has ended: it is not allowed on this site.",
  superseded: "Screen sharing goes on in another session.",
  incompatible: "Screen sharing has ended: please reload the page.",
  unreachable: "Screen sharing has ended: the server could not be reached.",
};

const ERRORS: Record<string, string> = {
  not_allowed: "Screen sharing is not allowed on this site.",
  group_not_allowed: "Screen sharing is not allowed on this page.",
  key_in_use: "A session with this code is running already. Please try again.",
  no_server: "All servers are busy. Please try again in a minute.",
  too_many: "Too many attempts. Please try again in a minute.",
  bad_request: "The code is not valid.",
  unreachable: "The server could not be reached. Please check the connection and try again.",
};

function list(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${String(rest)} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1) ?? ""}`;
}

/** More names would hide the page. */
const NAMES_MAX = 3;
