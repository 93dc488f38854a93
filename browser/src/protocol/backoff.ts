/**
 * How long to wait before the next attempt to connect.
 *
 * A pure calculation: chance comes in as an argument. Timers are the callers'.
 */

/** Milliseconds before attempt `failures + 1`: doubling from 250 ms to 10 s, of which a random half is taken off. */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16), BACKOFF_MS_MAX);
  return Math.round(full * (1 - random / 2));
}

/** A lost packet's worth: the first reconnect is hardly seen. */
export const BACKOFF_FIRST_MS = 250;

/** A server that returns is found within 10 s; thousands of visitors that wait do not storm it, thanks to the random part. */
export const BACKOFF_MS_MAX = 10_000;

/**
 * A connection that held so long was a good one: the next failure begins to count anew, so that servers that die one after the other cost
 * no longer pauses each time. A server that drops everybody as often is asked by each of them 30 times a minute at most.
 */
export const STABLE_MS = 2_000;
