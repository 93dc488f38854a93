/**
 * Keeps the mirrored page where the visitor's is. What comes late in the agent's browser (pictures, fonts, sheets) lays the page
 * out anew: a place that was out of reach comes into it, and the browser moves what it takes for the place that is read.
 *
 * Owns when to look again, and what scrolls inside the page. How far the page itself is scrolled it asks the stage.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

import { HOLD_MS } from "./limits.js";

/** What is held; `page` is `null` while the agent scrolls by itself. */
export interface Held {
  readonly page: { readonly x: number; readonly y: number } | null;
  readonly nodeOf: (id: number) => Node | null;
}

/** Holds one rebuilt document. */
export class Hold {
  private readonly inside = new Map<number, { readonly x: number; readonly y: number }>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly sizes: ResizeObserver;

  constructor(
    private readonly document: Document,
    private readonly held: () => Held,
  ) {
    const plan = (): void => {
      this.timer ??= setTimeout(this.put, HOLD_MS);
    };
    this.sizes = new ResizeObserver(plan);
    this.sizes.observe(document.documentElement);
    document.addEventListener("scroll", plan, { passive: true });
    document.addEventListener("load", plan, { capture: true, passive: true });
  }

  /** Looks at an event that was applied. */
  follow({ type, data }: eventWithTime): void {
    if (type !== EventType.IncrementalSnapshot || data.source !== IncrementalSource.Scroll) return;
    const { id, x, y } = data;
    this.inside.delete(id);
    this.inside.set(id, { x, y });
    const [oldest] = this.inside.keys();
    if (this.inside.size > HELD_MAX && oldest !== undefined) this.inside.delete(oldest);
  }

  /** Holds nothing more. */
  end(): void {
    clearTimeout(this.timer);
    this.sizes.disconnect();
  }

  private readonly put = (): void => {
    this.timer = undefined;
    const { page, nodeOf } = this.held();
    const view = this.document.defaultView;
    if (page && view && isElsewhere(page, view.scrollX, view.scrollY))
      view.scrollTo({ left: page.x, top: page.y, behavior: "instant" });
    for (const [id, place] of this.inside) {
      const node = nodeOf(id) as Element | null;
      if (!node?.isConnected) this.inside.delete(id);
      else if (node.nodeType === Node.ELEMENT_NODE && isElsewhere(place, node.scrollLeft, node.scrollTop))
        node.scrollTo({ left: place.x, top: place.y, behavior: "instant" });
    }
  };
}

/** Less than a pixel is how browsers round. */
function isElsewhere(
  { x, y }: { readonly x: number; readonly y: number },
  left: number,
  top: number,
): boolean {
  return Math.abs(x - left) >= 1 || Math.abs(y - top) >= 1;
}

/** Places inside the page that are held, of those that were scrolled last. */
const HELD_MAX = 200;
