/**
 * Faults of this script's own while it records a page: how many are borne.
 *
 * Owns the count. Each makes the picture begin anew, since it may miss something; what happens where that goes on and on is the
 * recorder's.
 */

import { FAULTS_MAX, FAULTS_MS } from "./limits.js";

/** Faults of one recorder. */
export class Faults {
  private count = 0;
  private lastAt = Number.NEGATIVE_INFINITY;

  /** Whether there was one too many. A clock that the page has broken forgets none. */
  note(): boolean {
    const now = performance.now();
    this.count = now - this.lastAt > FAULTS_MS ? 1 : this.count + 1;
    this.lastAt = now;
    return this.count > FAULTS_MAX;
  }
}
