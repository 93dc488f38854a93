/**
 * States of elements that stand in no attribute: taken out of the events before rrweb applies them, brought about after.
 *
 * The counterpart of the visitor's `states.ts`: popovers, modal dialogs, `indeterminate`, the choices of multiple
 * selects, pictures of canvases, animations of scripts, and the note in place of a frame whose content the visitor's browser does not give away.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";

import type { ToldAnimation } from "../protocol/animations.js";
import { showAnimations, toldAnimations } from "./animations.js";
import { showCanvas } from "./canvases.js";

/** One state of one element. */
export interface State {
  readonly id: number;
  readonly name: string;
  readonly value: unknown;
}

/** Takes the states out of an event. */
export function takeStates(event: eventWithTime): State[] {
  const states: State[] = [];
  if (event.type === EventType.FullSnapshot) takeFromTree(event.data.node, states);
  if (event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.Mutation) {
    for (const { node } of event.data.adds) takeFromTree(node, states);
    for (const { id, attributes } of event.data.attributes) takeFrom(id, attributes, states);
  }
  return states;
}

/** Brings states about. What the browser refuses is left as it is: the proof will tell. */
export function applyStates(states: readonly State[], nodeOf: (id: number) => Node | null): void {
  for (const { id, name, value } of states) {
    const node = nodeOf(id);
    try {
      if (node) apply(node, name, value);
    } catch {
      // A popover in a place where none can be shown.
    }
  }
}

/** What was told of elements that come anew, since they have moved: it is not told again. */
export function unsaidOf(event: eventWithTime, nodeOf: (id: number) => Node | null): State[] {
  if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation)
    return [];
  return event.data.adds.flatMap(({ node: { id } }) => {
    const before = nodeOf(id);
    if (before?.nodeType !== Node.ELEMENT_NODE) return [];
    const states = (before as Element).getAttribute("rr_states");
    const animations = toldAnimations(before as Element);
    return [
      ...((before as Element).hasAttribute("rr_target") ? [{ id, name: "rr_target", value: true }] : []),
      ...(states === null ? [] : [{ id, name: "rr_states", value: states }]),
      ...(animations === null ? [] : [{ id, name: "rr_animations", value: animations }]),
    ];
  });
}

/** A linked sheet is a style element here, which no attribute turns off. */
export function turnSheets(event: eventWithTime, nodeOf: (id: number) => Node | null): void {
  if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation)
    return;
  for (const { id, attributes } of event.data.attributes) {
    const node = "disabled" in attributes ? nodeOf(id) : null;
    if (node?.nodeName === "STYLE") (node as HTMLStyleElement).disabled = attributes.disabled !== null;
  }
}

function apply(node: Node, name: string, value: unknown): void {
  switch (name) {
    case "rr_indeterminate":
      (node as HTMLInputElement).indeterminate = value === true;
      break;
    case "rr_choices": {
      const chosen = new Set(String(value).split(","));
      const list = node as HTMLSelectElement;
      // Of a list with one choice none can be taken away but all of them.
      list.selectedIndex = -1;
      [...list.options].forEach((option, at) => {
        if (chosen.has(String(at))) option.selected = true;
      });
      break;
    }
    case "rr_popover": {
      const element = node as HTMLElement;
      const isShown = element.matches(":popover-open");
      if (value === true && !isShown) element.showPopover();
      if (value !== true && isShown) element.hidePopover();
      break;
    }
    case "open": {
      // Losing the attribute alone leaves a dialog in the top layer.
      const dialog = node as HTMLDialogElement;
      if (dialog.localName !== "dialog" || dialog.hasAttribute("open") || !dialog.matches(":modal")) break;
      dialog.setAttribute("open", "");
      dialog.close();
      break;
    }
    case "rr_canvas":
      showCanvas(node, String(value));
      break;
    case "rr_animations":
      showAnimations(node as Element, value as readonly ToldAnimation[] | true | null);
      break;
    case "rr_states":
      if (typeof value === "string") (node as Element).setAttribute(name, value);
      else (node as Element).removeAttribute(name);
      break;
    case CANVAS_SIZE:
      showCanvas(node, null);
      break;
    case "rr_unproven":
    case "rr_target":
      (node as Element).toggleAttribute(name, value === true);
      break;
    case "rr_fullscreen":
      fill(node as HTMLElement, value === true);
      break;
    case "rr_src":
      placehold(node as HTMLIFrameElement, String(value));
      break;
    default:
      break;
  }
}

/** Whether an element is a popover of the viewer's, and none of the page's. */
export function isRaised(element: Element): boolean {
  return element.getAttribute(FULLSCREEN) === RAISED;
}

/** What fills the visitor's screen fills the picture, above all else. Of what stands in a shadow tree the host is raised. */
function fill(element: HTMLElement, isFull: boolean): void {
  if (isRaised(element)) element.popover = null;
  element.toggleAttribute(FULLSCREEN, isFull);
  const isFree =
    element.getRootNode() === element.ownerDocument &&
    !element.hasAttribute("popover") &&
    element.localName !== "dialog";
  if (!isFull || !isFree) return;
  element.setAttribute(FULLSCREEN, RAISED);
  element.popover = "manual";
  element.showPopover();
}

/** What cannot be shown is said, not hidden: whose it is, and how large. */
function placehold(frame: HTMLIFrameElement, address: string): void {
  const inside = frame.contentDocument;
  if (frame.localName !== "iframe" || !inside?.body || inside.body.childNodes.length > 0) return;
  const { width, height } = frame.getBoundingClientRect();
  inside.documentElement.dataset.cobrowsePlaceholder = address;
  inside.body.style.cssText = "margin:0;padding:8px;font:13px sans-serif;color:#767676";
  const size = `${String(Math.round(width))} × ${String(Math.round(height))}`;
  inside.body.textContent = `Content of ${hostOf(address)}, which only the visitor sees (${size}).`;
}

function hostOf(address: string): string {
  try {
    return new URL(address).host || "another site";
  } catch {
    return "another site";
  }
}

function takeFromTree(node: serializedNodeWithId, states: State[]): void {
  if (node.type === NodeType.Element) {
    if (node.tagName === "canvas") states.push({ id: node.id, name: CANVAS_SIZE, value: null });
    takeFrom(node.id, node.attributes, states);
  }
  if ("childNodes" in node) for (const child of node.childNodes) takeFromTree(child, states);
}

function takeFrom(id: number, attributes: Record<string, unknown>, states: State[]): void {
  for (const name of Object.keys(attributes)) {
    if (name === "width" || name === "height") states.push({ id, name: CANVAS_SIZE, value: null });
    if (!STATES.has(name)) continue;
    const value = attributes[name];
    if (name === "open") {
      if (value === null) states.push({ id, name, value });
      continue;
    }
    states.push({ id, name, value });
    Reflect.deleteProperty(attributes, name);
  }
}

const FULLSCREEN = "rr_fullscreen";

/** The mark of an element that the viewer has made a popover. */
export const RAISED = "raised";

/** No attribute: the element may be a canvas whose size has changed. */
const CANVAS_SIZE = "canvas size";

const STATES = new Set([
  "rr_indeterminate",
  "rr_choices",
  "rr_popover",
  "rr_canvas",
  "rr_animations",
  "rr_src",
  "rr_states",
  "rr_media",
  "rr_unproven",
  "rr_target",
  "rr_fullscreen",
  "open",
]);
