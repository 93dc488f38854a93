/**
 * Long work in tasks of its own, between which the page goes on.
 *
 * Owns how the next task is asked for: timers of a page in the background come once a second, messages come at once.
 */

import { guarded } from "../guard/guard.js";

/** Calls `step` in one task after the other, until it gives false. */
export function inSlices(step: () => boolean): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = guarded(() => {
    if (step()) port2.postMessage(null);
    else port1.close();
  });
  port2.postMessage(null);
}
