/**
 * The live nodes of a page that rrweb knows, through shadow trees and frames.
 *
 * Owns the walk. Who walks: `scrolled.ts` and `proof.ts`.
 */

import { isOpaque } from "../protocol/proof.js";
import { WIDGET_TAG } from "../visitor/names.js";
import { childrenOf, nodeTypeOf } from "../visitor/tree.js";

/** What the walk asks of the visitor's script: this part is bundled by itself, and remembers no closed root of its own. */
export interface Known {
  getId(node: Node | null): number;
  rootOf(host: Node): ShadowRoot | null;
}

/** A live node that rrweb has given an id. */
export interface Living {
  readonly id: number;
  readonly parent: number;
  readonly isShadow: boolean;
  readonly node: Element | Text;
}

/** Every element and text with an id, in the order of the composed document. */
export function* livingNodes(page: Document, known: Known): Generator<Living, undefined> {
  const stack: [node: Node, parent: number, isShadow: boolean][] = [];
  const push = (nodes: NodeListOf<ChildNode>, parent: number, isShadow: boolean): void => {
    for (let at = nodes.length - 1; at >= 0; at -= 1) stack.push([nodes[at] as Node, parent, isShadow]);
  };
  push(page.childNodes, known.getId(page), false);
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [node, parent, isShadow] = next;
    const id = known.getId(node);
    if (id < 1) continue;
    const type = nodeTypeOf(node);
    if (type === Node.DOCUMENT_NODE) push(childrenOf(node), id, false);
    else if (type === Node.TEXT_NODE) yield { id, parent, isShadow, node: node as Text };
    else if (type === Node.ELEMENT_NODE) {
      const element = node as Element;
      const tag = element.localName;
      if (tag === WIDGET_TAG) continue;
      yield { id, parent, isShadow, node: element };
      if (isOpaque(tag)) continue;
      push(childrenOf(element), id, false);
      if (tag === "iframe") {
        const inside = (element as HTMLIFrameElement).contentDocument;
        if (inside) stack.push([inside, id, false]);
      }
      const root = known.rootOf(element);
      if (root) push(root.childNodes, id, true);
    }
  }
  return undefined;
}
