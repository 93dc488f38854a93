/**
 * Tells who has the focus when an epoch begins; later changes come as events.
 */

import { EventType, IncrementalSource, MouseInteractions, type eventWithTime } from "@rrweb/types";

import type { Known } from "./living.js";

/** Looks through shadow trees and frames. Nobody has it while the visitor is in another window. */
export function tellFocus(page: Document, known: Known, emit: (event: eventWithTime) => void): void {
  if (!page.hasFocus()) return;
  let at = page.activeElement;
  for (;;) {
    const inside =
      at && (known.rootOf(at) ?? (at as Partial<HTMLIFrameElement>).contentDocument)?.activeElement;
    if (!inside) break;
    at = inside;
  }
  const id = known.getId(at);
  if (id < 1 || at?.localName === "body") return;
  const data = { source: IncrementalSource.MouseInteraction as const, type: MouseInteractions.Focus, id };
  emit({ type: EventType.IncrementalSnapshot, data, timestamp: Date.now() });
}
