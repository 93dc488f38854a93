/**
 * Masks of the group that this browser cannot read, so that it masks everything: its operator is told, once.
 *
 * Owns that request. PROTOCOL.md section 7.2.
 */

import { launch, warn } from "../guard/guard.js";
import { isSelector } from "../visitor/selectors.js";
import { postJson } from "../visitor/webtier.js";
import { jsonOf } from "../protocol/json.js";

/** Whether there are any; they are told where they have not been yet. */
export function tellUnreadable(origin: string, resume: string, masks: readonly string[]): boolean {
  const bad = masks.filter((mask) => !isSelector(mask, document));
  // A list that parses one by one may still not parse together.
  const isWhole = masks.length === 0 || isSelector(masks.join(), document);
  const unreadable = bad.length > 0 || isWhole ? bad : masks;
  if (unreadable.length === 0) return false;
  warn("a mask of the group's settings is no CSS selector: everything is masked.", unreadable);
  const saying = jsonOf([resume, unreadable]);
  if (saying !== said) launch(() => postJson(`${origin}/api/v1/sessions/masks`, { resume, unreadable }));
  said = saying;
  return true;
}

/** What was told last. */
let said = "";
