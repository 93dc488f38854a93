/**
 * The visitor's pointer: one place per frame of the display.
 *
 * Owns the pace. rrweb collects movements for half a second; a pointer that is watched live cannot wait so long.
 */

import { guarded } from "../guard/guard.js";
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

/** Paces the pointer of one page. */
export class PointerPace {
  private newest: PointerEvent | null = null;
  private target: Node | null = null;

  constructor(
    private readonly page: Window,
    private readonly tell: (x: number, y: number, target: Node | null) => void,
  ) {}

  /** The pointer has moved, or pressed. */
  note(event: PointerEvent): void {
    const isPlanned = this.newest !== null;
    const target = event.composedPath()[0];
    this.newest = event;
    this.target = target && "nodeType" in target ? (target as Node) : null;
    if (isPlanned) return;
    this.page.requestAnimationFrame(
      guarded(() => {
        const { newest, target } = this;
        this.newest = this.target = null;
        if (newest) this.tell(newest.clientX, newest.clientY, target);
      }),
    );
  }
}

/** The pointer is over a node, as rrweb tells it. */
export function pointerEvent(x: number, y: number, id: number): eventWithTime {
  return {
    type: EventType.IncrementalSnapshot,
    data: { source: IncrementalSource.MouseMove, positions: [{ x, y, id, timeOffset: 0 }] },
    timestamp: Date.now(),
  };
}
