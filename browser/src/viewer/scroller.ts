/**
 * What scrolls when the agent turns the wheel over a place of the picture: the innermost element that still can, else its
 * document, else what stands around its frame.
 *
 * Owns the search, through shadow trees and same-origin frames, as a browser does it.
 */

/** Something that scrolls, how far it is, and how far it can be. */
export interface Scroller {
  readonly id: number;
  readonly x: number;
  readonly y: number;
  readonly maxX: number;
  readonly maxY: number;
}

/** Finds it; `idOf` gives a node's number in the picture, or less than 1. */
export function scrollerAt(
  element: Element,
  turn: { readonly deltaX: number; readonly deltaY: number },
  idOf: (node: Node) => number,
): Scroller | null {
  let last: Scroller | null = null;
  for (let node: Node | null = element; node; node = above(node)) {
    const id = idOf(node);
    const found = id < 1 ? null : asScroller(node, id);
    if (!found) continue;
    if (canTurn(found, turn)) return found;
    last ??= found;
  }
  return last;
}

function asScroller(node: Node, id: number): Scroller | null {
  const isDocument = node.nodeType === Node.DOCUMENT_NODE;
  const page = isDocument ? (node as Document) : node.ownerDocument;
  const element = isDocument ? (page?.scrollingElement ?? page?.documentElement) : (node as Element);
  if (!element || !page?.defaultView || (!isDocument && node.nodeType !== Node.ELEMENT_NODE)) return null;
  // The root's own box is the document's to scroll.
  if (!isDocument && (element === page.scrollingElement || element === page.documentElement)) return null;
  if (!isDocument) {
    const { overflowX, overflowY } = page.defaultView.getComputedStyle(element);
    if (!SCROLLS.has(overflowX) && !SCROLLS.has(overflowY)) return null;
  }
  const { scrollLeft, scrollTop, scrollWidth, scrollHeight } = element;
  const width = isDocument ? page.defaultView.innerWidth : element.clientWidth;
  const height = isDocument ? page.defaultView.innerHeight : element.clientHeight;
  const max = (whole: number, shown: number): number => Math.max(0, whole - shown);
  return {
    id,
    x: scrollLeft,
    y: scrollTop,
    maxX: max(scrollWidth, width),
    maxY: max(scrollHeight, height),
  };
}

function canTurn(found: Scroller, turn: { readonly deltaX: number; readonly deltaY: number }): boolean {
  const can = (at: number, max: number, delta: number): boolean =>
    delta === 0 ? false : delta < 0 ? at > 0 : at < max - 1;
  return can(found.x, found.maxX, turn.deltaX) || can(found.y, found.maxY, turn.deltaY);
}

/** What stands above a node: its slot or parent, its shadow tree's host, its frame. */
function above(node: Node): Node | null {
  const { assignedSlot, parentNode } = node as Partial<Element> & Node;
  if (assignedSlot) return assignedSlot;
  if (parentNode) return parentNode;
  return (node as Partial<ShadowRoot>).host ?? (node as Partial<Document>).defaultView?.frameElement ?? null;
}

const SCROLLS = new Set(["auto", "scroll", "overlay"]);
