/**
 * Names: group ids, session keys and session ids, PROTOCOL.md section 1.
 *
 * Owns what is valid. The servers check again; here it keeps a bad value from leaving at all.
 */

/** Parts of a session id. */
export interface SessionId {
  readonly group: string;
  readonly key: string;
  readonly number: string;
}

/** Whether a text may be a group id. */
export function isGroupId(text: unknown): text is string {
  return typeof text === "string" && /^[A-Za-z0-9\-._~]{1,32}$/.test(text);
}

/** Whether a text may be a session key. */
export function isSessionKey(text: unknown): text is string {
  return typeof text === "string" && /^[A-Za-z0-9\-._~]{1,63}$/.test(text);
}

/** Reads `group:key:number`, or gives `null`. */
export function parseSessionId(text: unknown): SessionId | null {
  if (typeof text !== "string") return null;
  const [group, key, number, ...rest] = text.split(":");
  if (rest.length > 0 || !isGroupId(group) || !isSessionKey(key)) return null;
  if (number === undefined || !/^[0-9a-f]{32}$/.test(number)) return null;
  return { group, key, number };
}
