/**
 * The tree as the browser keeps it, whatever an element says of itself.
 *
 * Libraries that show slots without shadow trees put answers of their own on components, and on what stands in them:
 * children without the component's own, a parent further out. A form answers with the field of that name, if it has one.
 * Owns the looks that recording, masks and proofs rest on.
 */

/** rrweb's ids. */
export interface Ids {
  getId(node: Node | null): number;
  getNode(id: number): Node | null;
}

/** What stands right above a node. */
export const parentOf = look("parentNode");

/** What stands right below a node. */
export const childrenOf = look("childNodes");

/** Of what kind a node is. */
export const nodeTypeOf = look("nodeType");

/** An element's attributes. */
export const attributesOf = look("attributes", globalThis.Element);

/** The slot of an open tree that shows an element. */
export const slotOf = look("assignedSlot", globalThis.Element);

/** The open shadow tree of an element. */
export const shadowOf = look("shadowRoot", globalThis.Element);

/** The type of an input. */
export const inputTypeOf = look("type", globalThis.HTMLInputElement);

/** Whether a selector matches an element. */
export function isMatch(element: Element, selector: string): boolean {
  return Element.prototype.matches.call(element, selector);
}

function look<N extends keyof HTMLInputElement>(
  name: N,
  owner: { readonly prototype: object } | undefined = globalThis.Node,
): (node: Pick<HTMLInputElement, N>) => HTMLInputElement[N] {
  const own = Object.getOwnPropertyDescriptor(owner?.prototype ?? {}, name);
  return (node) => (own?.get ? (own.get.call(node) as HTMLInputElement[N]) : node[name]);
}
