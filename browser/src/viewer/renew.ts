/**
 * The way back to the web tier for a new ticket: the agent's browser goes there, and is sent on to the right CServer.
 *
 * Owns the address and the guard against a loop, which has to outlive the page.
 */

import { REACH_MS_MAX, RENEW_INTERVAL_MS, RENEWS_MAX } from "./limits.js";

/** Where the guard is kept. */
export interface Memory {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
}

/**
 * A frame's own name, as a memory: it outlives the frame's page, also where browsers keep nothing for frames of other sites. The name that
 * the page around has given it is the frame's again once the next page begins.
 */
export class FrameName implements Memory {
  private readonly kept: Map<string, string>;
  private readonly given: string;

  constructor(private readonly frame: { name: string }) {
    const [mark, given = "", ...kept] = frame.name.split(SEPARATOR).map(readable);
    const isOurs = mark === MARK;
    this.given = isOurs ? given : frame.name;
    this.kept = new Map(isOurs ? pairs(kept) : []);
    if (isOurs) frame.name = given;
  }

  getItem(name: string): string | null {
    return this.kept.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.kept.set(name, value);
    const all = [MARK, this.given, ...[...this.kept].flat()];
    this.frame.name = all.map(encodeURIComponent).join(SEPARATOR);
  }
}

/** Where this page remembers what has to outlive it. A window by itself that may keep nothing has no such place: its name is taken away. */
export function memoryOf(page: Window, name: FrameName): Memory {
  try {
    return page.sessionStorage;
  } catch (forbidden) {
    if (page.parent === page) throw forbidden;
    return name;
  }
}

/** Whether the web tier may be asked now; notes that it was. */
export function mayRenew(open: () => Memory, key: string, now: number): boolean {
  return mayLeave(open, `cobrowse.renewed.${key}`, now, RENEW_INTERVAL_MS, RENEWS_MAX);
}

/**
 * Whether the page may be left for what `name` says, which may be so often within that time; notes that it was.
 * Opening the memory may fail: some browsers forbid it.
 */
export function mayLeave(
  open: () => Memory,
  name: string,
  now: number,
  intervalMs: number,
  timesMax = 1,
): boolean {
  try {
    const memory = open();
    const times = (memory.getItem(name) ?? "").split(" ").map(Number);
    const recent = times.filter((at) => at > now - intervalMs && at <= now);
    if (recent.length >= timesMax) return false;
    memory.setItem(name, [...recent, now].join(" "));
    return true;
  } catch {
    // Without a memory there is no guard against a loop.
    return false;
  }
}

/** Whether the web tier is there. Leaving the page for one that is not would end in an error of the browser's own, from which nothing returns. */
export async function isThere(webTier: string): Promise<boolean> {
  try {
    // The one address there that this page's policy allows. What it answers cannot be read, and need not be. Without CORS a browser
    // takes no other redirect mode than to follow; the policy holds for where a redirect leads, too.
    await fetch(new URL("/healthz", webTier), {
      mode: "no-cors",
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(REACH_MS_MAX),
    });
    return true;
  } catch {
    return false;
  }
}

/** The agent view at the web tier, or `null` for an address that is none. `away` is the origin of a server that cannot be reached. */
export function renewUrl(webTier: string, key: string, group: string, away?: string): string | null {
  try {
    const url = new URL("/cobrowse/AgentView", webTier);
    if (url.protocol !== "https:") return null;
    url.searchParams.set("SessionKey", key);
    url.searchParams.set("Group", group);
    if (away) url.searchParams.set("Away", away);
    return url.href;
  } catch {
    return null;
  }
}

function pairs(all: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < all.length; at += 2) found.push([all[at] ?? "", all[at + 1] ?? ""]);
  return found;
}

/** A name may be anybody's. */
function readable(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Stands in no text that is encoded for a URL. */
const SEPARATOR = "|";
const MARK = "cobrowse-kept";
