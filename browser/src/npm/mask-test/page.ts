/**
 * What the mask test does inside the customer's page: finds the fields, and says how a rule would name each.
 *
 * Owns this one function, which is sent to the page as its text: it may use nothing from outside of itself.
 */

/** A field that a person could type into. */
export interface Field {
  readonly selector: string;
  /** Where it stands when that is no ordinary place of the page. */
  readonly place: string;
  /** Only digits fit. */
  readonly isNumber: boolean;
}

/** Finds the fields, through open shadow trees and frames of the same origin, and keeps them for {@link TYPE}. */
export function findFields(): Field[] {
  const kept: Element[] = [];
  const fields: Field[] = [];
  const skipped = new Set(
    "button submit reset image hidden file checkbox radio range color date month week time datetime-local".split(
      " ",
    ),
  );
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
      const isField = localName === "textarea" || (localName === "input" && !skipped.has(type)) || isEditable;
      if (isField && localName !== "glance-cobrowse-widget") {
        kept.push(element);
        fields.push({ selector: nameOf(element), place, isNumber: type === "number" || type === "tel" });
      }
      if (element.shadowRoot && localName !== "glance-cobrowse-widget") {
        look(element.shadowRoot, `in the shadow tree of ${nameOf(element)}`);
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
  `(() => { const one = cobrowseMaskTest[${String(at)}]; one.focus(); if (one.select) one.select(); else getSelection().selectAllChildren(one); })()`;

/** Sets what did not arrive by typing: a field that is hidden, or too short. Says whether the canary is in. */
export const SET = (at: number, text: string): string => `(() => {
  const one = cobrowseMaskTest[${String(at)}], text = ${JSON.stringify(text)};
  const held = () => (one.value ?? one.textContent ?? "").includes(text);
  if (held()) return true;
  if (one.value === undefined) one.textContent = text; else one.value = text;
  one.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  return held();
})()`;
