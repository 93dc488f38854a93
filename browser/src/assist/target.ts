/**
 * May an agent act upon this node? Looked at live, in the moment of the act. PROTOCOL.md section 4.1.
 *
 * Owns the order of the reasons. Doing it is `act.ts`'s and `typing.ts`'s.
 */

import type { Refusal } from "../protocol/commands.js";
import { spaceOf } from "../protocol/spaces.js";
import { WIDGET_TAG } from "../visitor/names.js";
import type { Reach } from "../visitor/recorder.js";
import { modalOf } from "./modal.js";

/** Judges targets of one page. */
export class Targeting {
  constructor(
    private readonly reach: Reach,
    private readonly refuses: readonly string[] | null,
  ) {}

  /** The element that an agent meant, or why nothing is done. `whole`: what stands in it counts too. */
  find(
    id: number,
    seen: { readonly epoch: number; readonly sequence: number },
    whole: boolean,
  ): Element | Document | Refusal {
    if (spaceOf(id) > 0) return "in_frame";
    const node = this.reach.find(id, seen, whole);
    if (typeof node === "string") return node;
    if (node.nodeType === Node.DOCUMENT_NODE) return node as Document;
    const element = node.nodeType === Node.ELEMENT_NODE ? (node as Element) : node.parentElement;
    return element ?? "gone";
  }

  /** Why an element may not be acted upon; `null` when it may. */
  refusal(element: Element): Refusal | null {
    if (element.getClientRects().length === 0) return "gone";
    const labelled = labelledBy(element, this.reach);
    for (const one of labelled ? [element, labelled] : [element]) {
      if (!this.reach.isOpen(one)) return "masked";
      if (this.isRefused(one)) return "refused";
    }
    return this.isDisabled(element) ? "disabled" : null;
  }

  /** Why an element may not be shown or brought into view: only masks count. */
  isMasked(element: Element): boolean {
    return !this.reach.isOpen(element);
  }

  private isRefused(element: Element): boolean {
    if (this.refuses === null) return true;
    if (element.localName === "input" && (element as HTMLInputElement).type === "file") return true;
    const selectors = [".glance_refused", "[glance_refused]", WIDGET_TAG, ...this.refuses];
    return this.standsIn(element, (around) => {
      try {
        return selectors.some((selector) => around.matches(selector));
      } catch {
        // A selector that nobody can read refuses everything rather than nothing.
        return true;
      }
    });
  }

  private isDisabled(element: Element): boolean {
    if (element.closest(":disabled")) return true;
    const around = this.around(element);
    return [...around].some((one) => one.hasAttribute("inert")) || isBehindModal(around);
  }

  private standsIn(element: Element, holds: (around: Element) => boolean): boolean {
    return [...this.around(element)].some(holds);
  }

  /** An element and all that it stands in: shadow hosts, slots and frames too. */
  private around(element: Element): Set<Element> {
    const seen = new Set<Node>();
    const rest: Node[] = [element];
    for (let node = rest.pop(); node; node = rest.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      rest.push(...this.reach.parentsOf(node));
    }
    const isElement = (node: Node): node is Element => node.nodeType === Node.ELEMENT_NODE;
    return new Set([...seen].filter(isElement));
  }
}

/** Whether a modal dialog is open, in its document or in one that shows it in a frame, in which it does not stand. */
function isBehindModal(around: ReadonlySet<Element>): boolean {
  const documents = new Set([...around].map((one) => one.ownerDocument));
  return [...documents].some((document) => {
    const modal = modalOf(document);
    return modal !== null && !around.has(modal);
  });
}

/** The field that a click on this element reaches too. */
function labelledBy(element: Element, reach: Reach): Element | null {
  let node: Node | undefined = element;
  for (let level = 0; node && level < LABEL_LEVELS; level += 1) {
    if ((node as Element).localName === "label") return (node as HTMLLabelElement).control;
    node = reach.parentsOf(node)[0];
  }
  return null;
}

/** How far above a target a label is looked for. */
const LABEL_LEVELS = 8;
