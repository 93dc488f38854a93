/**
 * What neither attributes nor style sheets say, and agents see once an epoch's keyframe is out.
 *
 * Owns nothing but the order.
 */

import type { eventWithTime } from "@rrweb/types";

import { tellAnimations } from "./animations.js";
import { tellFocus } from "./focus.js";
import type { Known } from "./living.js";
import { tellScrolled } from "./scrolled.js";

/** Tells it for one epoch: `isOver` ends it. `roots` are the trees that are recorded. */
export function tellUnsaid(
  page: Document,
  known: Known,
  roots: () => Iterable<Document | ShadowRoot>,
  isOver: () => boolean,
  emit: (event: eventWithTime) => void,
): void {
  // What an animation holds may be what makes a place scroll.
  tellAnimations(roots, known, isOver, emit);
  tellFocus(page, known, emit);
  tellScrolled(page, known, isOver, emit);
}
