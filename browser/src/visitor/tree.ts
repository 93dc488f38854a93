/**
 * The tree as the browser keeps it, whatever an element says of itself.
 *
 * Libraries that show slots without shadow trees put answers of their own on components, and on what stands in them:
 * children without the component's own, a parent further out. Owns the two looks that masks and proofs rest on.
 */

/** What stands right above a node. */
export const parentOf = look("parentNode");

/** What stands right below a node. */
export const childrenOf = look("childNodes");

function look<N extends "parentNode" | "childNodes">(name: N): (node: Node) => Node[N] {
  const own = Object.getOwnPropertyDescriptor(globalThis.Node?.prototype ?? {}, name);
  return (node) => (own?.get ? (own.get.call(node) as Node[N]) : node[name]);
}
