/**
 * Notes closed shadow roots from the page's first line on, where the tag asks for it (`data-closed-roots`).
 *
 * The only thing that is wrapped outside a session, and only on request. Owns the wrapping; who reads the note is
 * `visitor/closed.ts`. Roots attached before the loader ran stay unknown.
 */

import { guarded } from "../guard/guard.js";

/** Begins to note; `null` when the tag does not ask for it. */
export function noteClosedRoots(tag: Element | null): WeakMap<Node, ShadowRoot> | null {
  const asked = tag?.getAttribute("data-closed-roots");
  if (asked == null || asked === "false") return null;
  const roots = new WeakMap<Node, ShadowRoot>();
  const { prototype } = Element;
  const { apply } = Reflect;
  const remember = guarded((host: Element, root: ShadowRoot) => {
    if (root.mode === "closed") roots.set(host, root);
  });
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its element
  const attach = prototype.attachShadow;
  prototype.attachShadow = function attachShadow(this: Element, init: ShadowRootInit): ShadowRoot {
    const root = apply(attach, this, [init]);
    remember(this, root);
    return root;
  };
  return roots;
}
