/**
 * What the mask test does inside the customer's page: finds the fields, and says how a rule would name each.
 *
 * Owns these functions, which are sent to the page as their text: they may use nothing from outside of themselves.
 */

/** A field that a person could fill in. */
export interface Field {
  readonly selector: string;
  /** Where it stands when that is no ordinary place of the page. */
  readonly place: string;
  /** What fits into it: the type of an input, else the element's name. */
  readonly kind: string;
}

/** Remembers closed shadow roots, before the page's own first line: their fields could leave as any others. */
export const KEEP_CLOSED_ROOTS = `(() => {
  const roots = window.cobrowseMaskRoots = new WeakMap(), attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function attachShadow(how) {
    const root = attach.call(this, how);
    roots.set(this, root);
    return root;
  };
})()`;

/** Finds the fields, through shadow trees and frames of the same origin, and keeps them for {@link SET}. */
export function findFields(): Field[] {
  const kept: Element[] = [];
  const fields: Field[] = [];
  // Of a file only its name could leave, which is part of a text that no script may set.
  const skipped = new Set(["button", "submit", "reset", "image", "file"]);
  const closedOf = (element: Element): ShadowRoot | null => {
    const view = element.ownerDocument.defaultView as Partial<
      Record<"cobrowseMaskRoots", WeakMap<Node, ShadowRoot>>
    > | null;
    return view?.cobrowseMaskRoots?.get(element) ?? null;
  };
  const nameOf = (element: Element): string => {
    const root = element.getRootNode() as ParentNode;
    const isAlone = (selector: string): boolean => root.querySelectorAll(selector).length === 1;
    const named = [
      element.id ? `#${CSS.escape(element.id)}` : "",
      ...["name", "autocomplete", "aria-label"].map((name) => {
        const value = element.getAttribute(name);
        return value ? `${element.localName}[${name}="${CSS.escape(value)}"]` : "";
      }),
    ];
    const found = named.find((selector) => selector !== "" && isAlone(selector));
    if (found) return found;
    const parent = element.parentElement;
    const place = [...(element.parentNode?.children ?? [])].indexOf(element) + 1;
    const own = `${element.localName}:nth-child(${String(place)})`;
    return parent && parent.localName !== "html" ? `${nameOf(parent)} > ${own}` : element.localName;
  };
  const look = (root: ParentNode, place: string): void => {
    for (const element of root.querySelectorAll("*")) {
      const { localName } = element;
      const type = localName === "input" ? (element as HTMLInputElement).type : "";
      const isEditable =
        element.getAttribute("contenteditable") !== null && (element as HTMLElement).isContentEditable;
      const isInput = localName === "input" && !skipped.has(type);
      const isField = localName === "textarea" || localName === "select" || isInput || isEditable;
      if (isField && localName !== "glance-cobrowse-widget") {
        kept.push(element);
        fields.push({ selector: nameOf(element), place, kind: isInput ? type : localName });
      }
      const root = element.shadowRoot ?? closedOf(element);
      if (root && localName !== "glance-cobrowse-widget") {
        look(root, `in the ${root.mode === "closed" ? "closed " : ""}shadow tree of ${nameOf(element)}`);
      }
      if (localName === "iframe") {
        try {
          const inside = (element as HTMLIFrameElement).contentDocument;
          if (inside) look(inside, `in the frame ${nameOf(element)}`);
        } catch {
          // Another origin's: a session does not see it either.
        }
      }
    }
  };
  look(document, "");
  (window as unknown as { cobrowseMaskTest: Element[] }).cobrowseMaskTest = kept;
  return fields;
}

/** Gives a field the focus with all of it selected. */
export const FOCUS = (at: number): string =>
  `(() => { const one = cobrowseMaskTest[${String(at)}]; one.focus(); if (one.select) one.select(); else if (one.value === undefined) getSelection().selectAllChildren(one); })()`;

/**
 * Sets what does not arrive by typing: a field that is hidden, too short, or no text. A choice becomes one more option, a box
 * or a radio button is turned and gets a value, a slider goes to a place that nobody would choose. Gives what the field then
 * holds, by which it is known again; `null` when it took nothing.
 */
export const SET = (at: number, text: string): string => `(() => {
  const one = cobrowseMaskTest[${String(at)}], text = ${JSON.stringify(text)};
  const held = () => one.value ?? one.textContent ?? "";
  if (held().includes(text)) return text;
  const isRange = one.type === "range";
  if (one.localName === "select") one.add(new Option(text, text, false, true));
  else if (isRange) {
    one.step = "any";
    const min = Number(one.min || 0), max = Number(one.max || 100);
    one.value = String(min + (max - min) * Number(text));
  } else if (one.value === undefined) one.textContent = text;
  else one.value = text;
  if (one.type === "checkbox" || one.type === "radio") one.checked = !one.checked;
  for (const name of ["input", "change"]) one.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
  return isRange || held().includes(text) ? (isRange ? held() : text) : null;
})()`;
