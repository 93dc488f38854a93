/**
 * Tells how the visitor's browser answers media queries that ask for the person's wishes, which may be others than the
 * agent's: dark or light, less motion, more contrast, a finger or a mouse. PROTOCOL.md section 4.
 *
 * Owns the list of questions. What becomes of them in the mirrored page is `viewer/media.ts`'s.
 */

import { guarded, on } from "../guard/guard.js";
import { WISHES } from "../protocol/media.js";

/** Tells the answers now and whenever one changes, until `isOver`. */
export function tellMedia(view: Window, isOver: () => boolean, send: (answers: string) => void): void {
  const tell = (): void => {
    if (isOver()) for (const stop of stops) stop();
    else send(lists.map(({ matches }) => (matches ? "1" : "0")).join(""));
  };
  let lists: MediaQueryList[] = [];
  let stops: (() => void)[] = [];
  try {
    lists = WISHES.map((wish) => view.matchMedia(`(${wish})`));
    stops = lists.map((list) => on(list, "change", guarded(tell)));
  } catch {
    // Pages put other things in its place, which answer otherwise or nothing: agents' browsers answer by themselves then.
    return;
  }
  tell();
}
