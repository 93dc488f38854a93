/**
 * Why a connection ended: the table of PROTOCOL.md section 5.
 *
 * Owns names, numbers and whose fault it was. What a script does about it is decided in
 * `visitor/decide.ts` and `viewer/messages.ts`.
 */

/** Whose fault a close is. */
export type Fault = "none" | "peer" | "incompatible" | "overload" | "ours";

interface CloseRow {
  readonly code: number;
  readonly fault: Fault;
  readonly status: number;
}

/** Every close code by its name, with its fault and the HTTP status of the same name. */
export const CLOSE_CODES = {
  session_ended_visitor: { code: 4000, fault: "none", status: 410 },
  session_ended_agent: { code: 4001, fault: "none", status: 410 },
  session_ended_timeout: { code: 4002, fault: "none", status: 410 },
  superseded: { code: 4003, fault: "none", status: 409 },
  moved: { code: 4004, fault: "none", status: 409 },
  draining: { code: 4005, fault: "none", status: 503 },
  revoked: { code: 4006, fault: "none", status: 403 },
  secure_page: { code: 4007, fault: "none", status: 409 },
  bad_frame: { code: 4400, fault: "peer", status: 400 },
  unauthorized: { code: 4401, fault: "peer", status: 401 },
  not_allowed: { code: 4403, fault: "peer", status: 403 },
  not_found: { code: 4404, fault: "peer", status: 404 },
  unknown_kind: { code: 4405, fault: "peer", status: 400 },
  already_live: { code: 4409, fault: "peer", status: 409 },
  out_of_order: { code: 4411, fault: "peer", status: 400 },
  too_long: { code: 4413, fault: "peer", status: 413 },
  incompatible: { code: 4426, fault: "incompatible", status: 426 },
  flooding: { code: 4429, fault: "overload", status: 429 },
  head_too_long: { code: 4431, fault: "peer", status: 431 },
  internal: { code: 4500, fault: "ours", status: 500 },
  too_slow: { code: 4502, fault: "overload", status: 503 },
  overload: { code: 4503, fault: "overload", status: 503 },
} as const satisfies Record<string, CloseRow>;

/** Name of a close code. */
export type CloseName = keyof typeof CLOSE_CODES;

/** The name of a WebSocket close code, or `null` for one that is not ours (1006, a proxy's 1001 …). */
export function closeNameOf(code: number): CloseName | null {
  for (const name of Object.keys(CLOSE_CODES) as CloseName[]) {
    if (CLOSE_CODES[name].code === code) return name;
  }
  return null;
}

/** Whether an error name of an HTTP answer is a close code's name. */
export function isCloseName(name: unknown): name is CloseName {
  return typeof name === "string" && Object.hasOwn(CLOSE_CODES, name);
}
