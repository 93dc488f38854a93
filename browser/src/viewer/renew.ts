/**
 * The way back to the web tier for a new ticket: the agent's browser goes there, and is sent on to the right CServer.
 *
 * Owns the address and the guard against a loop, which has to outlive the page.
 */

import { RENEW_INTERVAL_MS } from "./limits.js";

/** Where the guard is kept. */
export interface Memory {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
}

/** Whether the web tier may be asked now; notes that it was. */
export function mayRenew(open: () => Memory, key: string, now: number): boolean {
  return mayLeave(open, `cobrowse.renewed.${key}`, now, RENEW_INTERVAL_MS);
}

/** Whether the page may be left for what `name` says; notes that it was. Opening the memory may fail: some browsers forbid it. */
export function mayLeave(open: () => Memory, name: string, now: number, intervalMs: number): boolean {
  try {
    const memory = open();
    const last = Number(memory.getItem(name) ?? 0);
    if (now - last < intervalMs && now >= last) return false;
    memory.setItem(name, String(now));
    return true;
  } catch {
    // Without a memory there is no guard against a loop.
    return false;
  }
}

/** The agent view at the web tier, or `null` for an address that is none. */
export function renewUrl(webTier: string, key: string, group: string): string | null {
  try {
    const url = new URL("/cobrowse/AgentView", webTier);
    if (url.protocol !== "https:") return null;
    url.searchParams.set("SessionKey", key);
    url.searchParams.set("Group", group);
    return url.href;
  } catch {
    return null;
  }
}
