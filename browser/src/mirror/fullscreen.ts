/**
 * Tells which elements fill the screen (`:fullscreen`), which no attribute says: films, maps, slides. PROTOCOL.md section 4.
 */

import { guarded, on } from "../guard/guard.js";
import type { Known } from "./living.js";

/** Tells it now and whenever it is another, until `isOver`. A tree's host is told with what stands in the tree, as browsers have it. */
export function tellFullscreen(
  page: Document,
  roots: () => Iterable<Document | ShadowRoot>,
  known: Pick<Known, "getId">,
  isOver: () => boolean,
  send: (id: number, is: true | null) => void,
): void {
  let told = new Set<Element>();
  const tell = (): void => {
    if (isOver()) {
      stop();
      return;
    }
    const now = new Set<Element>();
    for (const { fullscreenElement } of roots()) if (fullscreenElement) now.add(fullscreenElement);
    for (const element of new Set([...told, ...now])) {
      const id = told.has(element) === now.has(element) ? -1 : known.getId(element);
      if (id > 0) send(id, now.has(element) ? true : null);
    }
    told = now;
  };
  const stop = on(page, "fullscreenchange", guarded(tell), { capture: true });
  tell();
}
