/**
 * Notices that a page has another root: `document.open`, or another element in the place of `<html>`; and which trees stand in it.
 *
 * Owns the watch. After `document.open` no listener of the page's document and window is left, so that a recorder hears only
 * what observers tell.
 */

import { guarded } from "../guard/guard.js";

/** Whether a tree stands in the page: the document of a frame that is gone does not. */
export function isShown(root: Document | ShadowRoot): boolean {
  return root.isConnected && ("host" in root || root.defaultView !== null);
}

/** The window of a document; of a shadow root none. */
export function windowOf(root: Document | ShadowRoot): (Window & typeof globalThis) | null {
  return "host" in root ? null : root.defaultView;
}

/** Calls `then` once; gives the way to end it. */
export function watchRoot(page: Document, then: () => void): () => void {
  const root = page.documentElement;
  const observer = new MutationObserver(
    guarded(() => {
      // Between the old one and the new there is none.
      if (!page.documentElement || page.documentElement === root) return;
      observer.disconnect();
      then();
    }),
  );
  observer.observe(page, { childList: true });
  return () => {
    observer.disconnect();
  };
}
