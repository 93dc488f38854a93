/**
 * Tells who has the focus when an epoch begins, and who comes to it before agents know of it; other changes come as events.
 */

import { guarded, on } from "../guard/guard.js";
import { EventType, IncrementalSource, MouseInteractions, type eventWithTime } from "@rrweb/types";

import type { Known } from "./living.js";

/** Tells it for one epoch; `isOver` ends it. */
export function tellFocus(
  page: Document,
  known: Known,
  isOver: () => boolean,
  emit: (event: eventWithTime) => void,
): void {
  const tell = (): void => {
    const element = isOver() ? null : focused(page, known);
    const id = known.getId(element);
    if (id < 1 || element?.localName === "body") return;
    const data = { source: IncrementalSource.MouseInteraction as const, type: MouseInteractions.Focus, id };
    // With a place it is one that shows no ring.
    const place = element?.matches(":focus-visible") === false ? { x: 0, y: 0 } : {};
    emit({ type: EventType.IncrementalSnapshot, data: { ...data, ...place }, timestamp: Date.now() });
  };
  const onFocus = (event: Event): void => {
    if (isOver()) stop();
    // What comes into the page and to the focus in one task has its number in the next.
    else if (known.getId((event.composedPath()[0] ?? null) as Node | null) < 1) setTimeout(guarded(tell), 0);
  };
  const stop = on(page, "focusin", guarded(onFocus), { capture: true });
  tell();
}

/** Looks through shadow trees and frames. Nobody has it while the visitor is in another window. */
function focused(page: Document, known: Known): Element | null {
  let at = page.hasFocus() ? page.activeElement : null;
  for (;;) {
    const inside =
      at && (known.rootOf(at) ?? (at as Partial<HTMLIFrameElement>).contentDocument)?.activeElement;
    if (!inside) return at;
    at = inside;
  }
}
