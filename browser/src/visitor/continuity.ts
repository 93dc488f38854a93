/**
 * What carries a session over page changes: the cookie on the customer's site.
 *
 * Owns its form. It holds what is needed to come back and nothing that masks or settings depend on: those come anew with
 * each connection.
 */

import { COOKIE_NAME, type KeptIn } from "../loader/tag.js";
import { isCount, isRecord, isToken, isUrl } from "../protocol/payloads.js";
import { parseSessionId } from "../protocol/ids.js";
import { jsonOf } from "../protocol/json.js";

/** A running session. */
export interface Continuity {
  readonly session: string;
  readonly server: string;
  readonly status: string;
  readonly resume: string;
  readonly home: number;
}

/** Where the cookie is kept: `document`, or what stands in for it. */
export interface CookieJar {
  cookie: string;
}

/** The jar that the page's tag asks for. */
export function jarOf(page: Window, keptIn: KeptIn): CookieJar {
  const { document } = page;
  if (keptIn === "cookie") return document;
  const storage = storageOf(page);
  if (keptIn === "storage") return storage;
  return {
    get cookie() {
      return `${document.cookie}; ${storage.cookie}`;
    },
    set cookie(line) {
      document.cookie = line;
      storage.cookie = line;
    },
  };
}

/**
 * The page's local storage, written and read like `document.cookie`. It outlives the browser's window, so what is left
 * there may tell of a session that is long over: the server says so. Where it is full or forbidden nothing is kept.
 */
function storageOf(page: Window): CookieJar {
  return {
    get cookie() {
      try {
        const read = (name: string): string => `${name}=${page.localStorage.getItem(name) ?? ""}`;
        return `${read(COOKIE_NAME)}; ${read(PAUSED_NAME)}`;
      } catch {
        return "";
      }
    },
    set cookie(line) {
      const [pair = "", age] = line.split("; ");
      const [name = "", value = ""] = pair.split("=");
      try {
        if (age === "Max-Age=0") page.localStorage.removeItem(name);
        else page.localStorage.setItem(name, value);
      } catch {
        // Like a cookie that is refused.
      }
    },
  };
}

/** Reads the cookie; `null` when there is none, or when it is not ours. */
export function readCookie(jar: CookieJar): Continuity | null {
  for (const pair of jar.cookie.split("; ")) {
    if (pair.startsWith(`${COOKIE_NAME}=`)) return parse(pair.slice(COOKIE_NAME.length + 1));
  }
  return null;
}

/** Writes the cookie, for this browser session. */
export function writeCookie(jar: CookieJar, continuity: Continuity, domain: string): void {
  const { session, server, status, resume, home } = continuity;
  const value = encodeURIComponent(jsonOf({ v: 1, s: session, w: server, u: status, r: resume, h: home }));
  jar.cookie = `${COOKIE_NAME}=${value}${attributes(domain)}`;
}

/** Removes the cookies. */
export function clearCookie(jar: CookieJar, domain: string): void {
  writePaused(jar, false, domain);
  jar.cookie = `${COOKIE_NAME}=; Max-Age=0${attributes(domain)}`;
}

/** Notes whether the session is paused, for the pages and tabs that follow. */
export function writePaused(jar: CookieJar, isPaused: boolean, domain: string): void {
  jar.cookie = `${PAUSED_NAME}=${isPaused ? "1" : "; Max-Age=0"}${attributes(domain)}`;
}

/** Whether the session was paused on a page before, or in another tab. */
export function isPausedBy(jar: CookieJar): boolean {
  return jar.cookie.split("; ").includes(`${PAUSED_NAME}=1`);
}

function parse(text: string): Continuity | null {
  let value: unknown;
  try {
    value = JSON.parse(decodeURIComponent(text));
  } catch {
    return null;
  }
  if (!isRecord(value) || value.v !== 1) return null;
  const { s: session, w: server, u: status, r: resume, h: home } = value;
  if (typeof session !== "string" || !parseSessionId(session)) return null;
  if (!isUrl(server, "wss:") || !isUrl(status, "https:") || !isToken(resume) || !isCount(home)) return null;
  return { session, server, status, resume, home };
}

function attributes(domain: string): string {
  return `; Path=/; Secure; SameSite=Lax${domain ? `; Domain=${domain}` : ""}`;
}

/** Says that the session is paused. */
const PAUSED_NAME = `${COOKIE_NAME}_paused`;
