/**
 * Closed shadow roots: who knows them.
 *
 * Owns the memory of hosts and their roots. It is filled by the loader from the page's first line on where the tag asks
 * for it (`data-closed-roots`), and by rrweb during a session, in the page and in frames that are recorded; it tells and
 * asks through lines that the build puts into it (`browser/rrweb.mjs`). What of such a tree may leave is the choke point's question, as everywhere.
 */

import type { LoaderQueue } from "../loader/global.js";
import { WIDGET_TAG } from "./names.js";
import { nodeTypeOf, parentOf, shadowOf } from "./tree.js";

const roots = fromLoader() ?? new WeakMap<Node, ShadowRoot>();

/** Remembers a root that was just attached, if it is closed. */
export function noteRoot(host: Node, root: ShadowRoot): void {
  if (root.mode === "closed") roots.set(host, root);
}

/** The closed root of an element, if it was noted. The widget's own is nobody's: what stands in it is not mirrored. */
export function closedRootOf(host: Node): ShadowRoot | null {
  return (host as Partial<Element>).localName === WIDGET_TAG ? null : (roots.get(host) ?? null);
}

/** The shadow root of an element, open or closed. */
export function rootOf(host: Node): ShadowRoot | null {
  // By the browser's own word: a component may answer in its own way, or fail.
  const open = nodeTypeOf(host) === Node.ELEMENT_NODE ? shadowOf(host as Element) : null;
  return open ?? closedRootOf(host);
}

/** The slot of a closed tree that shows a node; `assignedSlot` does not tell it. */
export function closedSlotOf(node: Node): HTMLSlotElement | null {
  const parent = parentOf(node);
  const root = parent && closedRootOf(parent);
  if (!root) return null;
  for (const slot of root.querySelectorAll("slot")) {
    if (slot.assignedNodes().includes(node)) return slot;
  }
  return null;
}

function fromLoader(): WeakMap<Node, ShadowRoot> | null {
  if (typeof window === "undefined") return null;
  const visitor = window.GLANCE?.Cobrowse?.Visitor as Partial<LoaderQueue> | undefined;
  return visitor?.closedRoots ?? null;
}
