/**
 * Hashes the rebuilt page, to be compared with the visitor's proof. PROTOCOL.md section 4.
 *
 * Owns the walk. What follows from a difference is `verify.ts`'s.
 */

import { childrenOf, nodeTypeOf } from "../visitor/tree.js";
import { isOpaque, isTyped, Proof } from "../protocol/proof.js";
import { ownId, spaceOf } from "../protocol/spaces.js";
import { isRaised } from "./states.js";

/**
 * Hash of a mirrored document; `idOf` tells a node's id, below 1 for one that is not the visitor's. Frames that nobody proves, as the
 * visitor's page says, are put into `without`.
 */
export function proofOf(mirrored: Document, idOf: (node: Node) => number, without: Node[] = []): string {
  const proof = new Proof();
  const stack: [node: Node, parent: number, isShadow: boolean][] = [];
  const push = (nodes: NodeListOf<ChildNode>, parent: number, isShadow: boolean): void => {
    for (let at = nodes.length - 1; at >= 0; at -= 1) stack.push([nodes[at] as Node, parent, isShadow]);
  };
  push(mirrored.childNodes, idOf(mirrored), false);
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [node, parent, isShadow] = next;
    const id = idOf(node);
    if (id < 1) continue;
    const type = nodeTypeOf(node);
    if (type === Node.DOCUMENT_NODE) {
      push(childrenOf(node), id, false);
    } else if (type === Node.TEXT_NODE) {
      const text = node.nodeValue ?? "";
      proof.add({ id, parent, isShadow, tag: "", get: () => null, text, isChecked: false });
    } else if (type === Node.ELEMENT_NODE) {
      const element = node as HTMLInputElement;
      const tag = element.localName;
      // The visitor's widget is no part of the page.
      if (tag === WIDGET_TAG) continue;
      const isField = tag === "input" || tag === "textarea";
      const get = (name: string): string | null =>
        name === "popover" && isRaised(element) ? null : element.getAttribute(name);
      const text = isTyped(tag, get("type") ?? "text")
        ? ((element as Partial<HTMLInputElement>).value ?? "")
        : "";
      proof.add({ id, parent, isShadow, tag, get, text, isChecked: isField && element.checked });
      if (isOpaque(tag)) continue;
      push(childrenOf(element), id, false);
      const inside = tag === "iframe" ? (node as HTMLIFrameElement).contentDocument : null;
      if (inside && spaceOf(idOf(inside)) > spaceOf(id)) {
        // A document that records itself proves itself, by its own numbers. An empty one in its place proves nothing.
        const isShown = inside.documentElement?.dataset.cobrowsePlaceholder === undefined;
        if (element.hasAttribute("rr_unproven")) without.push(node);
        else if (isShown)
          proof.addFrame(
            id,
            proofOf(inside, (one) => ownId(idOf(one))),
          );
      } else if (inside) stack.push([inside, id, false]);
      if (element.shadowRoot) push(element.shadowRoot.childNodes, id, true);
    }
  }
  return proof.value;
}

const WIDGET_TAG = "glance-cobrowse-widget";
