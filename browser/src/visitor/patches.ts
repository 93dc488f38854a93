/**
 * What a session wraps in the customer's page, and how it is put back.
 *
 * Outside a session nothing is wrapped, but `attachShadow` where the tag asks for closed roots (`loader/roots.ts`). During one, rrweb wraps, and puts back by itself:
 *
 *  - `Element.prototype.attachShadow`, of frames too, where `closed.ts` hears of closed roots
 *  - `Document.prototype` and `ShadowRoot.prototype`: the setter of `adoptedStyleSheets`
 *  - the setters of `value`, `checked`, `selectedIndex` and `selected` of form fields
 *
 * and this script wraps, in `observers.ts`, and in `mirror/states.ts` and `mirror/styles.ts`, which are loaded with a session:
 *
 *  - `CSSStyleSheet.prototype`: `insertRule`, `deleteRule`, `addRule`, `removeRule`, `replace`, `replaceSync`, and
 *    `insertRule`, `deleteRule` of rules that hold others
 *  - `CSSStyleDeclaration.prototype`: `setProperty`, `removeProperty`
 *  - the setters of `indeterminate`, and of `selected` once more; `setRangeText` of both kinds of fields
 *  - `CSSKeyframesRule.prototype`: `appendRule`, `deleteRule`, the setter of `name`; `CSSKeyframeRule.prototype`: that of `keyText`
 *  - `CSSStyleRule.prototype`, `CSSKeyframeRule.prototype`, `CSSNestedDeclarations.prototype`: the getter of `style`; of the first the setter of `selectorText` and the getter of `styleMap`; `StyleSheet.prototype` and
 *    `HTMLStyleElement.prototype`: the setter of `disabled`; `MediaList.prototype`: that of `mediaText`, `appendMedium`, `deleteMedium`
 *
 * all of it in the windows of frames that are recorded, too.
 *
 * It leaves the attribute `data-rr-is-password` on fields whose type it saw change; that is removed here.
 * This module looks at the ones that rrweb wraps again when a session ends, and puts back what that has left. The others put back their own.
 */

import type { eventWithTime } from "@rrweb/types";

/** Starts a recording and gives the way to undo it. */
export function startPatches(
  page: Window & typeof globalThis,
  start: (emit: (event: eventWithTime) => void) => (() => void) | undefined,
  emit: (event: eventWithTime) => void,
): () => void {
  const before = places(page).map(
    ([owner, name]) => [owner, name, Object.getOwnPropertyDescriptor(owner, name)] as const,
  );
  const stop = start(emit);
  return () => {
    stop?.();
    for (const [owner, name, descriptor] of before) {
      const now = Object.getOwnPropertyDescriptor(owner, name);
      if (!now?.configurable) continue;
      if (!descriptor) Reflect.deleteProperty(owner, name);
      else if (!isSame(descriptor, now)) Object.defineProperty(owner, name, descriptor);
    }
    for (const field of page.document.querySelectorAll("[data-rr-is-password]")) {
      field.removeAttribute("data-rr-is-password");
    }
  };
}

/** Every property that rrweb may wrap. */
function places(page: Window & typeof globalThis): [object, string][] {
  const all: [object, string[]][] = [
    [page.Element.prototype, ["attachShadow"]],
    [page.Document.prototype, ["adoptedStyleSheets"]],
    [page.ShadowRoot.prototype, ["adoptedStyleSheets"]],
    [page.HTMLInputElement.prototype, ["value", "checked"]],
    [page.HTMLSelectElement.prototype, ["value", "selectedIndex"]],
    [page.HTMLTextAreaElement.prototype, ["value"]],
    [page.HTMLOptionElement.prototype, ["selected"]],
  ];
  return all.flatMap(([owner, names]) => names.map((name): [object, string] => [owner, name]));
}

function isSame(one: PropertyDescriptor, other: PropertyDescriptor): boolean {
  return one.value === other.value && one.get === other.get && one.set === other.set;
}
