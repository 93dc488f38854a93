/**
 * Types, presses keys, sets values and chooses options, so that the page's own code sees what a person would cause.
 *
 * Owns the events and the caret. Values are set by the browser's own setter, behind whatever a framework has put on
 * the element, and told by `input` and `change`: so a framework that compares sees the change. Rich text is typed by the
 * browser's own editing command.
 */

import { guarded, on } from "../guard/guard.js";
import type { Refusal, TypeCommand, TypedKey } from "../protocol/commands.js";
import { focus } from "./act.js";
import type { Targeting } from "./target.js";

type Field = HTMLInputElement | HTMLTextAreaElement;
type View = Window & typeof globalThis;

/** Does what a command says with an element that may be typed into. */
export function type(element: Element, what: TypeCommand["what"], targeting: Targeting): Refusal | null {
  switch (what.do) {
    case "choose":
      return choose(element, what.options, targeting);
    case "value":
      return setWhole(element, what.text);
    case "insert":
      return insert(element, what.text);
    case "key":
      return press(element, what.key, targeting);
  }
}

function choose(element: Element, options: readonly number[], targeting: Targeting): Refusal | null {
  if (element.localName !== "select") return "disabled";
  const select = element as HTMLSelectElement;
  const chosen = select.multiple ? options : options.slice(0, 1);
  for (const at of chosen) {
    const option = select.options[at];
    if (option && targeting.isMasked(option)) return "masked";
    // A list's group is no ancestor that `:disabled` asks in every browser.
    const group = option?.closest("optgroup");
    if (!option || option.disabled || group?.disabled) return "disabled";
  }
  focus(select);
  if (select.multiple) {
    for (const [at, option] of [...select.options].entries()) option.selected = chosen.includes(at);
  } else {
    select.selectedIndex = chosen[0] ?? -1;
  }
  tell(select, "input");
  tell(select, "change");
  return null;
}

function setWhole(element: Element, text: string): Refusal | null {
  if (!isField(element) || element.readOnly || UNVALUED.has(element.type)) return "disabled";
  focus(element);
  write(element, text);
  tell(element, "input");
  tell(element, "change");
  return null;
}

function insert(element: Element, text: string): Refusal | null {
  const view = viewOf(element);
  if (!isTypeable(element)) return "disabled";
  if (!isFocused(element)) focus(element);
  if (text.length === 1 && !strike(view, element, "keydown", text)) return null;
  if (isField(element)) {
    if (before(view, element, "insertText", text)) {
      edit(element, (value, from, to) => ({
        value: value.slice(0, from) + text + value.slice(to),
        caret: from + text.length,
      }));
      after(view, element, "insertText", text);
    }
  } else {
    edits(element, "insertText", text);
  }
  if (text.length === 1) strike(view, element, "keyup", text);
  return null;
}

function press(element: Element, key: TypedKey, targeting: Targeting): Refusal | null {
  const view = viewOf(element);
  const submitter = key === "Enter" && element.localName === "input" ? defaultButton(element) : null;
  // Enter presses the form's button: what may not be clicked may not be pressed that way either.
  const refusal = submitter && submitter !== "form" ? targeting.refusal(submitter) : null;
  if (refusal === "masked" || refusal === "refused") return refusal;
  if (!isFocused(element)) focus(element);
  if (strike(view, element, "keydown", key)) act(view, element, key, submitter, targeting);
  strike(view, element, "keyup", key);
  return null;
}

/** What a browser does by itself when a key is pressed. */
function act(
  view: View,
  element: Element,
  key: TypedKey,
  submitter: HTMLElement | "form" | null,
  targeting: Targeting,
): void {
  if (key === "Tab") {
    next(element)?.focus();
  } else if (element.localName === "select") {
    if (key === "ArrowDown" || key === "ArrowUp") {
      const select = element as HTMLSelectElement;
      choose(select, [select.selectedIndex + (key === "ArrowDown" ? 1 : -1)], targeting);
    }
  } else if (key === "Enter" && !isTextArea(element)) {
    settle(element);
    if (isEditable(element)) edits(element, "insertParagraph");
    else if (submitter === "form") (element as HTMLInputElement).form?.requestSubmit();
    else if (submitter) submitter.click();
    else if (!isField(element)) (element as HTMLElement).click();
  } else if (!isField(element)) {
    if (!isEditable(element)) return;
    if (key === "Backspace") edits(element, "delete");
    if (key === "Delete") edits(element, "forwardDelete");
  } else if (key === "Enter" || key === "Backspace" || key === "Delete") {
    if (element.readOnly) return;
    const kind = {
      Enter: "insertLineBreak",
      Backspace: "deleteContentBackward",
      Delete: "deleteContentForward",
    }[key];
    if (!before(view, element, kind, null)) return;
    edit(element, (value, from, to) => {
      if (key === "Enter") return { value: `${value.slice(0, from)}\n${value.slice(to)}`, caret: from + 1 };
      const start = key === "Backspace" && from === to ? Math.max(0, from - 1) : from;
      const end = key === "Delete" && from === to ? to + 1 : to;
      return { value: value.slice(0, start) + value.slice(end), caret: start };
    });
    after(view, element, kind, null);
  } else {
    moveCaret(element, key);
  }
}

function moveCaret(field: Field, key: TypedKey): void {
  const at = field.selectionStart;
  if (at === null) return;
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: field.value.length }[key as string];
  if (to !== undefined) field.setSelectionRange(Math.max(0, to), Math.max(0, to));
}

/** Changes a field's value around its caret. Fields without one are typed at their end. */
function edit(
  field: Field,
  change: (value: string, from: number, to: number) => { value: string; caret: number },
): void {
  const { value } = field;
  const from = field.selectionStart ?? value.length;
  const to = field.selectionEnd ?? value.length;
  remember(field);
  const changed = change(value, from, to);
  const { maxLength } = field;
  if (maxLength >= 0 && changed.value.length > Math.max(maxLength, value.length)) return;
  write(field, changed.value);
  if (field.selectionStart !== null) field.setSelectionRange(changed.caret, changed.caret);
}

function write(field: Field, value: string): void {
  const view = viewOf(field);
  const owner = isTextArea(field) ? view.HTMLTextAreaElement : view.HTMLInputElement;
  Object.getOwnPropertyDescriptor(owner.prototype, "value")?.set?.call(field, value);
}

/** A browser tells `change` when a field that was typed into loses the focus; for our typing we do. */
function remember(field: Field): void {
  if (typedFrom.has(field)) return;
  typedFrom.set(field, field.value);
  on(
    field,
    "blur",
    guarded(() => {
      settle(field);
    }),
    { once: true },
  );
}

/** What was typed is final. */
function settle(field: Element): void {
  const value = typedFrom.get(field);
  typedFrom.delete(field);
  if (value !== undefined && (field as Field).value !== value) tell(field, "change");
}

/** The button that Enter in a field presses; `form`: the form is sent without one. */
function defaultButton(field: Element): HTMLElement | "form" | null {
  const { form } = field as HTMLInputElement;
  if (!form) return null;
  const elements = [...form.elements] as HTMLInputElement[];
  const button = elements.find((one) => one.type === "submit" || one.type === "image");
  if (button) return button.disabled ? null : button;
  const fields = elements.filter((one) => one.localName === "input" && hasCaret(one));
  return fields.length === 1 ? "form" : null;
}

function next(from: Element): HTMLElement | null {
  const root = from.getRootNode() as Document | ShadowRoot;
  const all = [...root.querySelectorAll<HTMLElement>(TABBABLE)].filter(
    (one) => one.tabIndex >= 0 && one.getClientRects().length > 0 && !one.matches(":disabled"),
  );
  return all[all.indexOf(from as HTMLElement) + 1] ?? all[0] ?? null;
}

/** The browser's own editing of rich text. */
function edits(element: Element, command: string, text = ""): void {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else types rich text as a person does
  element.ownerDocument.execCommand(command, false, text);
}

/** A key's event; whether the browser's own work follows. */
function strike(view: View, element: Element, name: "keydown" | "keyup", key: string): boolean {
  const keyCode = KEY_CODES[key] ?? key.toUpperCase().charCodeAt(0);
  const code = key in KEY_CODES ? key : /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : "";
  const init = { key, code, keyCode, which: keyCode, bubbles: true, cancelable: true, composed: true, view };
  return element.dispatchEvent(new view.KeyboardEvent(name, init));
}

function before(view: View, element: Element, inputType: string, data: string | null): boolean {
  const init = { inputType, data, bubbles: true, cancelable: true, composed: true, view };
  return element.dispatchEvent(new view.InputEvent("beforeinput", init));
}

function after(view: View, element: Element, inputType: string, data: string | null): void {
  element.dispatchEvent(
    new view.InputEvent("input", { inputType, data, bubbles: true, composed: true, view }),
  );
}

function tell(element: Element, name: "input" | "change"): void {
  const view = viewOf(element);
  element.dispatchEvent(new view.Event(name, { bubbles: true, composed: name === "input" }));
}

function isFocused(element: Element): boolean {
  return (element.getRootNode() as Document | ShadowRoot).activeElement === element;
}

function isTypeable(element: Element): boolean {
  if (isField(element)) return !element.readOnly && !UNTYPED.has(element.type);
  return isEditable(element);
}

function isField(element: Element): element is Field {
  return element.localName === "input" || isTextArea(element);
}

function isTextArea(element: Element): element is HTMLTextAreaElement {
  return element.localName === "textarea";
}

function isEditable(element: Element): boolean {
  return (element as HTMLElement).isContentEditable;
}

function hasCaret(field: HTMLInputElement): boolean {
  return !UNTYPED.has(field.type);
}

/** The window whose classes an element is of: its frame's own. */
function viewOf(element: Element): View {
  return element.ownerDocument.defaultView ?? window;
}

/** What fields held before we typed into them. */
const typedFrom = new WeakMap<Element, string>();

const KEY_CODES: Readonly<Record<string, number>> = {
  Enter: 13,
  Tab: 9,
  Backspace: 8,
  Delete: 46,
  Escape: 27,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  Home: 36,
  End: 35,
};

/** Fields whose value is the page's own: a person changes none of them. */
const UNVALUED = new Set(["button", "submit", "reset", "image", "checkbox", "radio", "file", "hidden"]);

/** Fields that take no letters. */
const UNTYPED = new Set([...UNVALUED, "range", "color"]);

const TABBABLE = "a[href],button,input,select,textarea,summary,[tabindex],[contenteditable]";
