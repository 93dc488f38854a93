/**
 * Asks the server how this view's join stands, and tells by it whether a connection that nobody has closed is dead.
 *
 * Owns the question and that judgement. What follows is `session.ts`'s.
 */

import { isCloseName, type CloseName } from "../protocol/close.js";
import { isRecord } from "../protocol/payloads.js";
import { STATUS_MS_MAX } from "./limits.js";

/** Asks why an upgrade failed: `live`, a close code's name, or `null` when nobody answered. */
export async function askStatus(join: string): Promise<"live" | CloseName | null> {
  try {
    const response = await fetch(`/view/${join}/status`, {
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(STATUS_MS_MAX),
    });
    if (response.ok) return "live";
    const body: unknown = await response.json();
    return isRecord(body) && isCloseName(body.error) ? body.error : null;
  } catch {
    return null;
  }
}

/**
 * A network that is lost closes nothing, and a view that only looks sends nothing that could fail: an old picture would count as
 * the visitor's page for ever. A question without an answer makes a connection doubtful, and silence up to the next one dead.
 */
export class Doubt {
  private frames = 0;
  private doubtfulSince: number | null = null;

  /** A frame has come. */
  note(): void {
    this.frames += 1;
  }

  /** The server was asked; whether the connection is dead. */
  isDead(isAnswered: boolean): boolean {
    const isSo = this.doubtfulSince === this.frames;
    this.doubtfulSince = isAnswered || isSo ? null : this.frames;
    return isSo;
  }
}
