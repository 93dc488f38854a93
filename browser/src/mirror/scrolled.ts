/**
 * Tells how far elements are scrolled when an epoch begins.
 *
 * rrweb would ask each element during its snapshot, which lays the page out and takes a third of it. Here they are asked
 * in slices after the keyframe; later scrolling comes as events anyway.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

import { SCROLLED_SLICE_NODES } from "../visitor/limits.js";
import { livingNodes, type Known } from "./living.js";
import { inSlices } from "../visitor/slices.js";

/** Looks at every element of the page; `isOver` ends it early. */
export function tellScrolled(
  page: Document,
  known: Known,
  isOver: () => boolean,
  emit: (event: eventWithTime) => void,
): void {
  const nodes = livingNodes(page, known);
  inSlices(() => {
    for (let left = SCROLLED_SLICE_NODES; left > 0; left -= 1) {
      const next = isOver() ? null : nodes.next();
      if (!next || next.done === true) return false;
      const { id, node } = next.value;
      if (!("scrollTop" in node)) continue;
      const { scrollLeft: x, scrollTop: y } = node;
      if (x === 0 && y === 0) continue;
      const data = { source: IncrementalSource.Scroll as const, id, x, y };
      emit({ type: EventType.IncrementalSnapshot, data, timestamp: Date.now() });
    }
    return true;
  });
}
