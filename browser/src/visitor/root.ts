/**
 * Notices that a page has another root: `document.open`, or another element in the place of `<html>`.
 *
 * Owns the watch. After `document.open` no listener of the page's document and window is left, so that a recorder hears only
 * what observers tell.
 */

/** Calls `then` once; gives the way to end it. */
export function watchRoot(page: Document, then: () => void): () => void {
  const root = page.documentElement;
  const observer = new MutationObserver(() => {
    // Between the old one and the new there is none.
    if (!page.documentElement || page.documentElement === root) return;
    observer.disconnect();
    then();
  });
  observer.observe(page, { childList: true });
  return () => {
    observer.disconnect();
  };
}
