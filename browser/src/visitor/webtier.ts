/**
 * The visitor's questions over HTTPS: start and continue at the web tier, status at the CServer.
 *
 * Owns the requests and the reading of answers: PROTOCOL.md sections 7.1 and 7.2. What follows from them is decided in
 * `decide.ts` and `session.ts`.
 */

import { isCloseName, type CloseName } from "../protocol/close.js";
import { isRecord, readStartAnswer, type StartAnswer } from "../protocol/payloads.js";
import { REQUEST_MS_MAX } from "./limits.js";
import { jsonOf } from "../protocol/json.js";

/** An answer that is not the wanted one. `status` is `null` when nobody answered. */
export interface Refusal {
  readonly status: number | null;
  readonly error: string;
  readonly retryAfterMs: number | null;
}

/** How a session is, by the CServer's own word. */
export type StatusAnswer =
  { readonly live: true } | { readonly live: false; readonly name: CloseName } | null;

/** Starts a session. A group with terms answers `terms` until the visitor has accepted them. */
export function start(
  origin: string,
  group: string,
  key: string | null,
  accepted: boolean,
): Promise<StartAnswer | Refusal> {
  return ask(`${origin}/api/v1/sessions`, { group, key, accepted });
}

/** Asks where a running session is to go on; `unreachable` is the number of a home that was tried several times in vain. */
export function continueAt(
  origin: string,
  resume: string,
  unreachable?: number,
): Promise<StartAnswer | Refusal> {
  return ask(`${origin}/api/v1/sessions/continue`, { resume, unreachable });
}

/** Asks with JSON; `null` for every answer that is not the wanted one. */
export async function postJson(url: string, body: object): Promise<unknown> {
  try {
    const response = await post(url, "application/json", jsonOf(body));
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** Whether an answer is a refusal. */
export function isRefusal(answer: StartAnswer | Refusal): answer is Refusal {
  return "error" in answer;
}

/** Asks a CServer why an upgrade failed; `null` when nobody answered in a way that can be read. */
export async function askStatus(url: string, credential: string): Promise<StatusAnswer> {
  try {
    const response = await post(url, "text/plain", credential);
    if (response.ok) return { live: true };
    const body: unknown = await response.json();
    return isRecord(body) && isCloseName(body.error) ? { live: false, name: body.error } : null;
  } catch {
    return null;
  }
}

async function ask(url: string, body: object): Promise<StartAnswer | Refusal> {
  try {
    const response = await post(url, "application/json", jsonOf(body));
    const answer = await bodyOf(response);
    const good = response.ok ? readStartAnswer(answer) : null;
    if (good) return good;
    const error = isRecord(answer) && typeof answer.error === "string" ? answer.error : "unreachable";
    const after = Number(response.headers.get("Retry-After"));
    return { status: response.status, error, retryAfterMs: after > 0 ? after * 1_000 : null };
  } catch {
    return { status: null, error: "unreachable", retryAfterMs: null };
  }
}

/** What is no JSON says nothing. */
async function bodyOf(response: Response): Promise<unknown> {
  try {
    return (await response.json()) as unknown;
  } catch {
    return null;
  }
}

function post(url: string, type: string, body: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": type },
    body,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  });
}
