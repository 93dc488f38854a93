/**
 * What neither attributes nor style sheets say, and agents see once an epoch's keyframe is out.
 *
 * Owns nothing but the order.
 */

import type { eventWithTime } from "@rrweb/types";

import { told } from "../visitor/told.js";
import { tellAnimations } from "./animations.js";
import { tellCustomStates } from "./custom.js";
import { tellFields } from "./fields.js";
import { tellFocus } from "./focus.js";
import { tellFullscreen } from "./fullscreen.js";
import type { Known } from "./living.js";
import { tellMedia } from "./media.js";
import { tellScrolled } from "./scrolled.js";
import { tellTarget } from "./target.js";

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
  tellCustomStates(roots, known, isOver, (id, rr_states) => {
    if (id > 0) emit(told(id, { rr_states }));
  });
  tellFields(roots, known, isOver, emit);
  const view = page.defaultView;
  if (view)
    tellMedia(view, isOver, (rr_media) => {
      const id = known.getId(page.documentElement);
      if (id > 0) emit(told(id, { rr_media }));
    });
  tellTarget(page, known, isOver, (id, rr_target) => {
    emit(told(id, { rr_target }));
  });
  tellFullscreen(page, roots, known, isOver, (id, rr_fullscreen) => {
    emit(told(id, { rr_fullscreen }));
  });
  tellFocus(page, known, isOver, emit);
  tellScrolled(page, known, isOver, emit);
}
