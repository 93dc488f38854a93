/**
 * The dialog that keeps everything else of a document from its person: nothing beside it can be clicked or typed into.
 *
 * Owns finding it, in open shadow trees too. What that means for a target is `target.ts`'s.
 */

/** The modal dialog in front; `null` where none is open. */
export function modalOf(document: Document): Element | null {
  const open = [...modalsIn(document)];
  // Of several only the one in front can be hit; nothing else tells the order in which they were opened.
  return (open.length > 1 ? open.find(isHit) : undefined) ?? open.at(-1) ?? null;
}

function* modalsIn(root: Document | ShadowRoot): Iterable<Element> {
  for (const element of root.querySelectorAll("*")) {
    if (element.localName === "dialog" && isModal(element)) yield element;
    if (element.shadowRoot) yield* modalsIn(element.shadowRoot);
  }
}

function isModal(dialog: Element): boolean {
  try {
    return dialog.matches(":modal");
  } catch {
    // A browser that does not know the word has no such state.
    return false;
  }
}

function isHit(dialog: Element): boolean {
  const { left, top, width, height } = dialog.getBoundingClientRect();
  const root = dialog.getRootNode() as Document | ShadowRoot;
  const hit = root.elementFromPoint(left + width / 2, top + height / 2);
  return hit !== null && dialog.contains(hit);
}
