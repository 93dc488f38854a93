/**
 * What stands for states that only the visitor's browser has: whom the pointer is over, whom the keyboard speaks to, whom the address
 * points at, what fills the screen, what a custom element or a field says of itself.
 *
 * The mirrored page is inert, so that no element of it is ever in such a state. Owns what becomes of selectors (the build puts
 * {@link standIns} into rrweb's player: `browser/replay.mjs`), and who has the focus, which attributes say. The pointer's class is the player's own.
 */

import { EventType, IncrementalSource, MouseInteractions, type eventWithTime } from "@rrweb/types";

import { FOCUS_PRESS_MS_MAX } from "./limits.js";

/** Whether a style sheet's text speaks of such states. */
export function hasStates(css: string): boolean {
  return /:(?:hover|focus|target|state\(|user-|defined|fullscreen|-webkit-full)/.test(css);
}

/** A selector that asks for what stands for them. One that would be no selector then is left alone: its rule has to keep its place in the sheet. */
export function standIns(selector: string): string {
  if (!hasStates(selector) || /::[-\w]+(?:\([^)]*\))?:(?:hover|focus)/.test(selector)) return selector;
  return selector.replace(STATE, (all, name: string | undefined, custom: string | undefined) =>
    custom ? state(custom) : name ? (STANDS[name] ?? all) : all,
  );
}

function state(name: string): string {
  return `[rr_states~="${name}"]`;
}

/** What the pointer is over: the player marks what stands around it in its own tree, and this the hosts of that tree and theirs. */
export class Hover {
  private marked: Element[] = [];

  mark(node: Node): void {
    for (const element of this.marked) element.classList.remove(HOVER);
    this.marked = [];
    const tree = node.getRootNode();
    for (let at = node.nodeType === Node.ELEMENT_NODE ? (node as Element) : null; at; at = around(at)) {
      if (at.getRootNode() === tree && !at.shadowRoot) continue;
      at.classList.add(HOVER);
      this.marked.push(at);
    }
  }
}

/** Who has the focus. */
export class Focus {
  private at: Element | null = null;
  private isByPointer = false;
  private pressedMs = Number.NEGATIVE_INFINITY;
  private marked: Element[] = [];

  /** Looks at an event that was applied. */
  follow({ type, data, timestamp }: eventWithTime, nodeOf: (id: number) => Node | null): void {
    if (type !== EventType.IncrementalSnapshot) return;
    if (data.source === IncrementalSource.Mutation && this.at?.isConnected === false) this.mark();
    if (data.source !== IncrementalSource.MouseInteraction) return;
    switch (data.type) {
      // A click may be a script's.
      case MouseInteractions.MouseDown:
      case MouseInteractions.MouseUp:
      case MouseInteractions.TouchStart:
      case MouseInteractions.TouchEnd:
        this.pressedMs = timestamp;
        break;
      case MouseInteractions.Focus: {
        const node = nodeOf(data.id);
        this.isByPointer = data.x !== undefined || timestamp - this.pressedMs <= FOCUS_PRESS_MS_MAX;
        this.at = node?.nodeType === Node.ELEMENT_NODE ? (node as Element) : null;
        this.mark();
        break;
      }
      case MouseInteractions.Blur:
        if (nodeOf(data.id) === this.at) this.at = null;
        this.mark();
        break;
      default:
        break;
    }
  }

  private mark(): void {
    for (const element of this.marked) for (const name of MARKS) element.removeAttribute(name);
    this.marked = [];
    if (!this.at?.isConnected) return;
    for (let element: Element | null = this.at; element; element = around(element)) {
      element.setAttribute(WITHIN, "");
      this.marked.push(element);
    }
    this.at.setAttribute(FOCUS, "");
    if (!this.isByPointer || isWritten(this.at)) this.at.setAttribute(VISIBLE, "");
  }
}

/** The element around one, as the page is composed: out of slots and shadow trees, not of frames. */
function around(element: Element): Element | null {
  if (element.assignedSlot) return element.assignedSlot;
  const parent: Node | null = element.parentNode;
  if (parent?.nodeType === Node.DOCUMENT_FRAGMENT_NODE) return (parent as ShadowRoot).host;
  return parent?.nodeType === Node.ELEMENT_NODE ? (parent as Element) : null;
}

/** Whether one writes in it: then a ring is shown however it came to the focus. */
function isWritten(element: Element): boolean {
  const type = element.localName === "input" ? (element.getAttribute("type") ?? "text").toLowerCase() : "";
  return (
    (type !== "" && !UNWRITTEN.has(type)) ||
    element.localName === "textarea" ||
    element.closest('[contenteditable]:not([contenteditable="false"])') !== null
  );
}

const HOVER = ":hover";
const FOCUS = "rr_focus";
const VISIBLE = "rr_focus_visible";
const WITHIN = "rr_focus_within";
const MARKS = [FOCUS, VISIBLE, WITHIN];

const STANDS: Readonly<Record<string, string>> = {
  hover: ".\\:hover",
  focus: `[${FOCUS}]`,
  "focus-visible": `[${VISIBLE}]`,
  "focus-within": `[${WITHIN}]`,
  target: "[rr_target]",
  fullscreen: "[rr_fullscreen]",
  "-webkit-full-screen": "[rr_fullscreen]",
  "user-valid": state(":user-valid"),
  "user-invalid": state(":user-invalid"),
  defined: `:not(${state(":undefined")})`,
};

/** A string, an escape, or one of the states. */
const STATE =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|:(hover|focus-visible|focus-within|focus|target|fullscreen|-webkit-full-screen|user-valid|user-invalid|defined)(?![-\w])|:state\(\s*([-\w]+)\s*\)/gs;

const UNWRITTEN = new Set("button submit reset image checkbox radio range color file".split(" "));
