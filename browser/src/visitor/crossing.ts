/**
 * A session's way from one domain to another: the page that is left, and the page that is reached.
 *
 * Owns the code in the address and the clicks on links that lead across. A code is good once, for a minute, at one
 * origin, and leaves the address as soon as it was read. Who may cross is the web tier's to say. PROTOCOL.md section 7.2.
 */

import { COOKIE_NAME } from "../loader/tag.js";
import { parseSessionId } from "../protocol/ids.js";
import { isCount, isRecord, isToken, isUrl } from "../protocol/payloads.js";
import type { Continuity } from "./continuity.js";
import { postJson } from "./webtier.js";

/** The address that continues a session at another origin; `null` when it may not go there. */
export async function addressAt(origin: string, resume: string, destination: string): Promise<string | null> {
  const url = new URL(destination, document.baseURI);
  const answer = await postJson(`${origin}/api/v1/sessions/cross`, { resume, to: url.origin });
  const code = isRecord(answer) ? answer.code : null;
  if (!isToken(code)) return null;
  url.hash = `${url.hash ? `${url.hash}&` : ""}${COOKIE_NAME}=${code}`;
  return url.href;
}

/** Takes the code out of the page's address. */
export function takeCode(page: Window): string | null {
  const { hash, href } = page.location;
  const found = CODE.exec(hash);
  if (!found?.[1]) return null;
  const rest = hash.replace(CODE, "");
  page.history.replaceState(
    page.history.state,
    "",
    href.slice(0, href.length - hash.length) + (rest === "#" ? "" : rest),
  );
  return found[1];
}

/** The session of a code; `null` when the code is none any more. */
export async function arrive(origin: string, code: string): Promise<Continuity | null> {
  const answer = await postJson(`${origin}/api/v1/sessions/arrive`, { code });
  if (!isRecord(answer)) return null;
  const { session, server, status, resume, home } = answer;
  if (typeof session !== "string" || !parseSessionId(session) || !isCount(home)) return null;
  if (!isUrl(server, "wss:") || !isUrl(status, "https:") || !isToken(resume)) return null;
  return { session, server, status, resume, home };
}

/** Where a click leads that would leave this domain for one of these, in this tab; `null` for every other click. */
export function crossingOf(event: MouseEvent, origins: readonly string[]): string | null {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return null;
  const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement);
  if (!link?.href || (link.target !== "" && link.target !== "_self") || link.hasAttribute("download"))
    return null;
  const { origin } = new URL(link.href);
  return origin !== window.location.origin && origins.includes(origin) ? link.href : null;
}

const CODE = new RegExp(`(?:&|(?<=#))${COOKIE_NAME}=([A-Za-z0-9_-]+)`);
