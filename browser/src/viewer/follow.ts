/**
 * Following the visitor's protocol: pages that came over plain HTTP are shown over plain HTTP, in groups that want it so.
 *
 * Owns when the view over HTTPS leaves for the other, and the addresses of both. The way back is the server's word: it closes
 * the view over plain HTTP with `secure_page`. PROTOCOL.md section 7.4.
 */

import { FOLLOW_INTERVAL_MS } from "./limits.js";
import { mayLeave, type Memory } from "./renew.js";

/** What of a window this needs. */
export interface Place {
  readonly location: { readonly protocol: string; readonly host: string; readonly hash: string };
  /** Not itself in a frame. */
  readonly top: unknown;
  readonly sessionStorage: Memory;
}

/** Where the page's frames come from. */
export function framesUrl(page: Place, join: string): string {
  const scheme = page.location.protocol === "http:" ? "ws" : "wss";
  return `${scheme}://${page.location.host}/agent/${join}`;
}

/**
 * Whether to leave for the view over plain HTTP: `later` when it was left for it a moment ago. A frame stays, since a page over
 * HTTPS shows no frame over HTTP.
 */
export function mayFollow(page: Place, other: string, join: string, now: number): "now" | "later" | "never" {
  const { protocol, hash } = page.location;
  if (protocol !== "https:" || hash === STAY || page.top !== page || !other.startsWith("http://"))
    return "never";
  const open = (): Memory => page.sessionStorage;
  return mayLeave(open, `cobrowse.followed.${join}`, now, FOLLOW_INTERVAL_MS) ? "now" : "later";
}

/** Where plain HTTP leads back to when this browser has sent no cookie there. */
const STAY = "#stay";
