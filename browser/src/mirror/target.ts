/**
 * Tells which element the page's address points at (`:target`), which no attribute says and pages hang their looks on: tabs
 * and layers without scripts. PROTOCOL.md section 4.
 */

import { guarded, on } from "../guard/guard.js";
import type { Known } from "./living.js";

/** Tells it now and whenever the address's fragment changes, until `isOver`. */
export function tellTarget(
  page: Document,
  known: Pick<Known, "getId">,
  isOver: () => boolean,
  send: (id: number, is: true | null) => void,
): void {
  const view = page.defaultView;
  let told: Element | null = null;
  const tell = (): void => {
    if (isOver()) stop?.();
    const now = isOver() ? told : page.querySelector(":target");
    if (now === told) return;
    for (const element of [told, now]) {
      const id = known.getId(element);
      if (id > 0) send(id, element === now ? true : null);
    }
    told = now;
  };
  const stop = view && on(view, "hashchange", guarded(tell));
  tell();
}
