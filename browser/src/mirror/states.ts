/**
 * What a page shows and rrweb does not record: states of elements that stand in no attribute.
 *
 * Owns popovers, `indeterminate`, the choices of multiple selects, blob pictures and what is typed inside closed roots.
 * Each becomes an attribute of an rrweb event (`rr_…`, PROTOCOL.md section 4), so it passes the choke point like every
 * other attribute: of a masked element none leaves.
 */

import { guarded, on } from "../guard/guard.js";
import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type mutationData,
  type serializedNodeWithId,
} from "@rrweb/types";

import { ROOTS_LOOK_AT } from "../visitor/limits.js";
import { isShown, windowOf } from "../visitor/root.js";
import type { Ids } from "../visitor/tree.js";
import { wrapAfter } from "../visitor/wrap.js";
import type { Known } from "./living.js";
import { BUTTONS } from "./meant.js";
import { Pictures } from "./pictures.js";

type Attributes = Record<string, unknown>;

/** The states of one page. */
export class PageStates {
  private readonly roots = new Map<Document | ShadowRoot, () => void>();
  /** How many roots there are when the next look for removed ones is due. */
  private lookAt = ROOTS_LOOK_AT;
  /** Films and sounds that are known to play from a script's object. */
  private readonly streaming = new WeakSet<Node>();
  private readonly pictures = new Pictures((image, src) => {
    this.send(image, { src });
  });
  private isStopped = false;

  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly ids: Ids & Known,
    private readonly emit: (event: eventWithTime) => void,
    /** Tells of attributes that no mutation has. */
    private readonly send: (node: Node, attributes: Attributes) => void,
    /** Hears of each tree that is recorded; gives what ends its watch. */
    private readonly onRoot: (root: Document | ShadowRoot) => () => void,
    /** Gets the canvases that are recorded; `null` where nobody asks. */
    private readonly canvases: Set<HTMLCanvasElement> | null,
  ) {}

  /** Begins to listen and to wrap; gives the way back. */
  start(): () => void {
    this.watch(this.page.document);
    return () => {
      this.isStopped = true;
      for (const stop of this.roots.values()) stop();
      this.roots.clear();
    };
  }

  /** The same event with what rrweb has left out; `null` when it says nothing true. */
  complete(event: eventWithTime): eventWithTime | null {
    if (event.type === EventType.IncrementalSnapshot) {
      const { data } = event;
      if (data.source === IncrementalSource.Mutation) {
        for (const { parentId, node } of data.adds) {
          if (node.isShadow) this.watchRootOf(this.ids.getNode(parentId));
          this.tree(node);
        }
        this.styleTexts(data);
        for (const change of data.attributes) this.change(change.id, change.attributes);
      } else if (data.source === IncrementalSource.Input) {
        const node = this.ids.getNode(data.id);
        // A value cannot say several choices, or which of equals it is: the state does.
        if (node && isChosenByPlace(node)) {
          this.sayState(node);
          return null;
        }
      } else if (OF_SHEETS.has(data.source)) wholeAddresses(data, this.baseOf(data));
    }
    return event;
  }

  /** A snapshot begins. */
  begin(): void {
    this.dropRoots();
  }

  /** The same for a node of a snapshot. */
  node(node: serializedNodeWithId): void {
    if (node.type === NodeType.Document) this.watchAnew(this.ids.getNode(node.id) as Document);
    if (node.type !== NodeType.Element) return;
    const live = this.ids.getNode(node.id) as Element | null;
    if (!live) return;
    if (HAS_STATE.test(node.tagName) || "popover" in node.attributes)
      Object.assign(node.attributes, stateOf(live, false));
    dropBlocked(live, node.attributes);
    this.change(node.id, node.attributes);
    // What nobody may look into and no site has is no page's: only that it is there is told.
    if (node.tagName === "iframe" && !(live as HTMLIFrameElement).contentDocument)
      if (!SITE.test(String(node.attributes.rr_src))) node.attributes.rr_src = "";
    if (isStreaming(live)) {
      this.streaming.add(live);
      node.attributes.src = STREAM;
    }
    if (node.isShadowHost) this.watchRootOf(live);
    if (node.tagName === "canvas") this.canvases?.add(live as HTMLCanvasElement);
  }

  private tree(node: serializedNodeWithId): void {
    this.node(node);
    if ("childNodes" in node) for (const child of node.childNodes) this.tree(child);
  }

  /**
   * A style element whose text changes is parsed anew and loses what scripts did to its rules. The agent's copy may hold
   * those rules as its text, so all its texts are said again.
   */
  private styleTexts(data: mutationData): void {
    const styles = new Set<Node>();
    const add = (node: Node | null | undefined): void => {
      if (node && isStyle(node)) styles.add(node);
    };
    // One that is new is told whole, with the rules that scripts gave it meanwhile.
    const fresh = new Set(data.adds.map(({ node }) => node.id));
    for (const { parentId } of data.adds) if (!fresh.has(parentId)) add(this.ids.getNode(parentId));
    for (const { parentId } of data.removes) add(this.ids.getNode(parentId));
    for (const { id } of data.texts) add(this.ids.getNode(id)?.parentNode);
    for (const style of styles) this.sayTexts(style, data);
  }

  /** A snapshot gives a single text of a style no id. Such a text is said with its neighbour. */
  private sayTexts(style: Node, data: mutationData): void {
    const said: { id: number; value: string }[] = [];
    let before = "";
    for (const text of style.childNodes) {
      if (text.nodeType !== Node.TEXT_NODE) continue;
      const id = this.ids.getId(text);
      const value = text.nodeValue ?? "";
      const last = said.at(-1);
      if (id > 0) {
        said.push({ id, value: before + value });
        before = "";
      } else if (last) last.value += value;
      else before += value;
    }
    data.texts = data.texts.filter(({ id }) => !said.some((one) => one.id === id)).concat(said);
  }

  /** What addresses of a rule start from: its sheet, or the page that it was made in. */
  private baseOf({ id }: SheetData): string {
    const node: (Node & { sheet?: CSSStyleSheet | null }) | null = id ? this.ids.getNode(id) : null;
    return node?.sheet?.href ?? (node ?? this.page.document).baseURI;
  }

  /** A blob can be read in this browser only. */
  private change(id: number, attributes: Attributes): void {
    const { src, style, rr_animations: animations } = attributes;
    for (const part of [style, animations])
      if (typeof part === "object" && part !== null)
        wholeAddresses(part as Attributes, this.page.document.baseURI);
    if (typeof src !== "string" || !src.startsWith("blob:")) return;
    const node = this.ids.getNode(id);
    // Of a film its address travels: agents are told what they do not see.
    if (node && node.nodeName !== "IMG") return;
    delete attributes.src;
    if (!node) return;
    const image = node as HTMLImageElement;
    const data = this.pictures.dataOf(image, src);
    if (data) attributes.src = data;
  }

  /** Sends the state of an element, once rrweb has seen what this task has done to the page. */
  private sayState(element: EventTarget | null): void {
    if (!element || !("nodeType" in element)) return;
    setTimeout(
      guarded(() => {
        const state = stateOf(element as Element, true);
        if (Object.keys(state).length > 0) this.send(element as Element, state);
      }),
      0,
    );
  }

  private watchRootOf(host: Node | null): void {
    const root = host && this.ids.rootOf(host);
    if (root) this.watch(root);
  }

  /** A document that was opened and written anew has lost what listened to it. */
  private watchAnew(document: Document): void {
    this.roots.get(document)?.();
    this.roots.delete(document);
    this.watch(document);
  }

  /** These events do not leave a shadow tree, and out of a closed one none says where it came from. */
  private watch(root: Document | ShadowRoot): void {
    if (this.roots.has(root)) return;
    if (this.roots.size >= this.lookAt) this.dropRoots();
    const onToggle = (event: Event): void => {
      if (event.target && "popover" in event.target) this.sayState(event.target);
    };
    const onInput = (event: Event): void => {
      const target = event.composedPath()[0] as Element | undefined;
      if (!target) return;
      if (isChosenByPlace(target) || target.localName === "input") this.sayState(target);
      if ("host" in root && root.mode === "closed") {
        this.sendInput(target);
      }
    };
    // What a form's fields fall back to, no event tells of them.
    const onReset = (event: Event): void => {
      setTimeout(
        guarded(() => {
          for (const field of Array.from((event.target as HTMLFormElement).elements)) {
            this.sendInput(field);
            this.sayState(field);
          }
        }),
        0,
      );
    };
    const ended = new AbortController();
    const hear = (name: string, listener: (event: Event) => void): void => {
      on(root, name, guarded(listener), { capture: true, passive: true, signal: ended.signal });
    };
    // What plays from a script's object has no address: it gets one, so that agents are told what they do not see.
    const onSource = ({ target }: Event): void => {
      const media = target as HTMLMediaElement;
      const is = isStreaming(media);
      if (is === this.streaming.has(media)) return;
      if (is) this.streaming.add(media);
      else this.streaming.delete(media);
      this.send(media, { src: is ? STREAM : media.getAttribute("src") });
    };
    hear("loadstart", onSource);
    hear("emptied", onSource);
    hear("reset", onReset);
    hear("toggle", onToggle);
    hear("input", onInput);
    hear("change", onInput);
    const undo = [this.onRoot(root), ...this.wrapSetters(root)];
    this.roots.set(root, () => {
      ended.abort();
      for (const one of undo) one();
    });
  }

  private wrapSetters(root: Document | ShadowRoot): (() => void)[] {
    const view = windowOf(root);
    if (!view) return [];
    const say = (element: object | null): void => {
      this.sayState(element as EventTarget | null);
    };
    const noteList = (option: object): void => {
      say((option as Element).closest("select"));
    };
    const input = (field: object): void => {
      this.sendInput(field as Element);
    };
    return [
      ...[view.HTMLInputElement, view.HTMLTextAreaElement].map((type) =>
        wrapAfter(type.prototype, "setRangeText", "value", input),
      ),
      wrapAfter(view.HTMLInputElement.prototype, "indeterminate", "set", say),
      wrapAfter(view.HTMLOptionElement.prototype, "selected", "set", noteList),
    ];
  }

  private sendInput(target: Element): void {
    const id = this.ids.getId(target);
    const field = target as HTMLInputElement;
    // A button without a value shows a word of the browser's own, which an empty value would take away.
    if (this.isStopped || id < 1 || !FIELD.test(target.localName) || BUTTONS.has(field.type)) return;
    this.emit({
      type: EventType.IncrementalSnapshot,
      data: { source: IncrementalSource.Input, id, text: field.value, isChecked: field.checked },
      timestamp: Date.now(),
    });
  }

  private dropRoots(): void {
    for (const [root, stop] of this.roots) {
      if (isShown(root)) continue;
      stop();
      this.roots.delete(root);
    }
    this.lookAt = ROOTS_LOOK_AT + 1.5 * this.roots.size;
  }
}

const FIELD = /^(?:input|select|textarea)$/;
const HAS_STATE = /^(?:input|select)$/;

/** An element's state as attributes. With `isWhole` also what is off, so that a change is told. */
export function stateOf(element: Element, isWhole: boolean): Attributes {
  const state: Attributes = {};
  const add = (name: string, isOn: boolean): void => {
    if (isOn || isWhole) state[name] = isOn ? true : null;
  };
  if (element.localName === "input") {
    const field = element as HTMLInputElement;
    if (field.type === "checkbox") add("rr_indeterminate", field.indeterminate);
  } else if (isChosenByPlace(element)) {
    const { options } = element as HTMLSelectElement;
    const chosen = [...options].flatMap((option, at) => (option.selected ? [String(at)] : []));
    state.rr_choices = chosen.join(",");
  }
  if (element.hasAttribute?.("popover")) add("rr_popover", isPoppedUp(element));
  return state;
}

/** What the page's policy has kept from being a style is none in the view, where no such policy is. */
function dropBlocked(live: Element, attributes: Attributes): void {
  const { sheet, style } = live as Partial<HTMLStyleElement>;
  if (isStyle(live) && sheet === null && live.isConnected) attributes.media = "not all";
  if (attributes.style && style?.length === 0) delete attributes.style;
}

/** A change of a sheet. */
type SheetData = Attributes & { readonly id?: number };
const OF_SHEETS = new Set<IncrementalSource>([
  IncrementalSource.StyleSheetRule,
  IncrementalSource.StyleDeclaration,
  IncrementalSource.AdoptedStyleSheet,
]);

/** rrweb makes addresses whole in attributes and in sheets of elements, and knows no animations; the agent's page has another base. */
function wholeAddresses(parts: Attributes, base: string): void {
  const whole = (value: string): string =>
    value.replace(RELATIVE_URL, (all, quote: string, url: string) => {
      try {
        return `url(${quote}${new URL(url, base).href}${quote})`;
      } catch {
        return all;
      }
    });
  for (const [name, value] of Object.entries(parts)) {
    if (typeof value === "string") parts[name] = whole(value);
    else if (typeof value === "object" && value !== null) wholeAddresses(value as Attributes, base);
  }
}

function isStreaming(element: Partial<HTMLMediaElement>): boolean {
  return Boolean(element.srcObject);
}

function isStyle(node: Node): boolean {
  return (node as Element).localName === "style";
}

/** Whether the places of a list's options say what is chosen, and its value does not. */
function isChosenByPlace(node: Node | EventTarget): boolean {
  // A name of a field's in a drawing is none.
  if ((node as Element).localName !== "select" || !("options" in node)) return false;
  const { multiple, selectedIndex, options, value } = node as HTMLSelectElement;
  return (
    multiple || selectedIndex < 0 || [...options].findIndex((one) => one.value === value) !== selectedIndex
  );
}

function isPoppedUp(element: Element): boolean {
  try {
    return element.matches(":popover-open");
  } catch {
    // A browser without popovers shows the element as any other.
    return false;
  }
}

/** Address of a frame that some site has. */
const SITE = /^https?:/i;

/** Address of what has none. */
const STREAM = "blob:";

/** An address in a style that has no scheme and is no fragment. */
const RELATIVE_URL = /url\(\s*(["']?)(?![a-z][a-z0-9+.-]*:|#)([^"')]+)\1\s*\)/gi;
