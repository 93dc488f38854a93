/**
 * The wait for a view that says nothing more: for the service worker beside it and for the application around it; and the word of the
 * latter to the next view.
 */

/** Name of a frame in whose place a view stopped: the next one there holds the page back, also where browsers let frames keep nothing. */
export const HELD = "cobrowse-held";

/** Timers of whoever waits. */
export interface Timers {
  setTimeout(work: () => void, ms: number): number;
  clearTimeout(timer: number): void;
}

/**
 * Does `then` after so long; gives what calls it off.
 *
 * Twice the half: after a machine has slept all timers are due at once, and the view is heard before the second.
 */
export function afterSilence(timers: Timers, waitMs: number, then: () => void): () => void {
  let timer = timers.setTimeout(() => {
    timer = timers.setTimeout(then, waitMs / 2);
  }, waitMs / 2);
  return () => {
    timers.clearTimeout(timer);
  };
}
