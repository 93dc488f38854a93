/**
 * Clicks, scrolls and ways to other pages, done the way a page expects them from a person.
 *
 * Owns the events and their order. Events made by a script are not trusted by the browser: of what they set off the
 * browser still does a click's own work (links, boxes, buttons, summaries), and no more. Whether it may be done is
 * `target.ts`'s; typing is `typing.ts`'s.
 */

import type { NavigateCommand, Refusal } from "../protocol/commands.js";

/** A place inside an element, from its upper left corner. */
type Place = { readonly x: number; readonly y: number } | null;

/** Clicks an element. */
export function click(element: Element, at: Place): void {
  const view = element.ownerDocument.defaultView;
  if (!view) return;
  const box = element.getBoundingClientRect();
  const clientX = box.left + (at ? at.x : box.width / 2);
  const clientY = box.top + (at ? at.y : box.height / 2);
  const common = { bubbles: true, cancelable: true, composed: true, view, clientX, clientY, button: 0 };
  const pointer = { ...common, pointerId: 1, pointerType: "mouse", isPrimary: true };
  const send = (event: Event): boolean => element.dispatchEvent(event);
  send(new view.PointerEvent("pointerover", pointer));
  send(new view.MouseEvent("mouseover", common));
  send(new view.PointerEvent("pointermove", pointer));
  send(new view.MouseEvent("mousemove", common));
  send(new view.PointerEvent("pointerdown", { ...pointer, buttons: 1 }));
  const mayFocus = send(new view.MouseEvent("mousedown", { ...common, buttons: 1, detail: 1 }));
  if (mayFocus) {
    focus(element);
    placeCaret(element, clientX, clientY);
  }
  send(new view.PointerEvent("pointerup", pointer));
  send(new view.MouseEvent("mouseup", { ...common, detail: 1 }));
  send(new view.MouseEvent("click", { ...common, detail: 1 }));
}

/** Gives the focus to an element or to the next one above it that takes it. */
export function focus(element: Element): void {
  for (let node: Element | null = element; node; node = node.parentElement) {
    (node as HTMLElement).focus({ preventScroll: true });
    const root = node.getRootNode() as Document | ShadowRoot;
    if (root.activeElement === node) return;
  }
}

/** Puts the caret where a person would expect it: at the click in rich text, at the end of a field. */
function placeCaret(element: Element, x: number, y: number): void {
  if ((element as HTMLElement).isContentEditable) {
    const page = element.ownerDocument;
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- its successor is not in every browser yet
    const range = page.caretRangeFromPoint?.(x, y) ?? null;
    if (range && element.contains(range.startContainer)) {
      page.getSelection()?.removeAllRanges();
      page.getSelection()?.addRange(range);
    }
    return;
  }
  const field = element as Partial<HTMLInputElement>;
  const end = field.value?.length;
  // Only kinds of fields that have a caret tell where it is.
  if (end !== undefined && field.selectionStart != null) field.setSelectionRange?.(end, end);
}

/** Scrolls a document or an element to a place. */
export function scrollTo(target: Element | Document, to: { readonly x: number; readonly y: number }): void {
  const place: ScrollToOptions = { left: to.x, top: to.y, behavior: "instant" };
  if (target.nodeType === Node.DOCUMENT_NODE) (target as Document).defaultView?.scrollTo(place);
  else (target as Element).scrollTo(place);
}

/** Scrolls everything around an element so that it can be seen. */
export function reveal(target: Element | Document): void {
  if (target.nodeType === Node.DOCUMENT_NODE) return;
  (target as Element).scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
}

/** Leads the page elsewhere; an address only within its own origin. */
export function navigate(page: Window, to: NavigateCommand["to"]): Refusal | null {
  if ("go" in to) {
    if (to.go === "reload") page.location.reload();
    else page.history[to.go]();
    return null;
  }
  let url: URL;
  try {
    url = new URL(to.url);
  } catch {
    return "malformed";
  }
  if (url.origin !== page.location.origin) return "not_allowed";
  page.location.assign(url.href);
  return null;
}

/** The box of an element in the page's viewport, through the frames around it. */
export function boxOf(element: Element, page: Window): DOMRect {
  const box = element.getBoundingClientRect();
  let { left, top } = box;
  let view = element.ownerDocument.defaultView;
  while (view && view !== page) {
    const { frameElement } = view;
    if (!frameElement) break;
    const outer = frameElement.getBoundingClientRect();
    left += outer.left + frameElement.clientLeft;
    top += outer.top + frameElement.clientTop;
    view = frameElement.ownerDocument.defaultView;
  }
  return new DOMRect(left, top, box.width, box.height);
}
