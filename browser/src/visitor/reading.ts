/**
 * Reads the page for a keyframe, through the choke point, in tasks that no visitor notices.
 *
 * Owns the tasks. The way through the page is `walk.ts`'s. What was read in an earlier task passed the choke point by what was
 * known then: where more is known in the end, or the page has changed where the walk was, all is read anew.
 */

import type { eventWithTime } from "@rrweb/types";

import { VALUED } from "./copies.js";
import { READ_SLICE_MS } from "./limits.js";
import type { Masked, Masker } from "./mask.js";
import { inSlices } from "./slices.js";
import type { Mirror } from "./parts.js";
import type { Walk } from "./walk.js";

/** What reading needs to know. */
export interface ReadingHost {
  readonly masker: Masker;
  readonly mirror: Mirror | null;
  readonly page: Document;
  /** Reads all in one task: a page that changes too much otherwise. */
  readonly isWhole: boolean;
  isOver(): boolean;
  /** A part was read. */
  onPart(): void;
  /** All was read; `null`: it has to be read again. */
  onRead(full: Masked<eventWithTime> | null): void;
  onFault(error: unknown): void;
}

/** The fields of a page and of the frames in it that have loaded. */
function fieldsIn(page: Document): Element[] {
  return [...page.querySelectorAll(`${VALUED},iframe`)].flatMap((element) => {
    const { contentDocument } = element as Partial<HTMLIFrameElement>;
    return contentDocument ? fieldsIn(contentDocument) : element;
  });
}

/** Reads the page, in tasks behind this one. The answer is called before an event passes: what masked fields hold is known then. */
export function read(
  walk: Walk,
  initialOffset: { top: number; left: number },
  host: ReadingHost,
): () => void {
  const { masker, mirror, isWhole } = host;
  // What masked fields hold is known before anything is read that may be a copy of it.
  const fields = fieldsIn(host.page);
  let parts: ReturnType<Masker["parts"]> | null = null;
  mirror?.begin();
  const slice = (): boolean => {
    const until = performance.now() + READ_SLICE_MS;
    const isOver = (): boolean => !isWhole && performance.now() > until;
    masker.look();
    for (let field = fields.pop(); field; field = isOver() ? undefined : fields.pop()) masker.meet(field);
    if (fields.length > 0) return true;
    parts ??= masker.parts();
    const { put, end } = parts;
    const came = walk.go((node, into) => {
      mirror?.node(node);
      return put(node, into);
    }, isOver);
    host.onPart();
    if (came === "more") return true;
    host.onRead(came === "done" ? end(initialOffset) : null);
    return false;
  };
  inSlices(() => {
    if (host.isOver()) return false;
    try {
      return slice();
    } catch (error) {
      host.onFault(error);
      return false;
    }
  });
  return () => {
    if (fields.length > 0) masker.look();
    for (const field of fields.splice(0)) masker.meet(field);
  };
}
