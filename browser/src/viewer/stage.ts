/**
 * The mirrored page: rrweb's replayer in a sandboxed frame, driven event by event.
 *
 * Owns everything that is peculiar to rrweb's player: its clock is not used, each event is applied at once and in this
 * task. Takes only what passed `validate.ts`. Throws when an event could not be applied: the caller asks for a keyframe.
 */

import { Replayer } from "@rrweb/replay";
import { EventType, IncrementalSource, NodeType, type eventWithTime } from "@rrweb/types";

import { allowForeign } from "./namespaces.js";
import { proofOf } from "./proof.js";
import { Hold } from "./hold.js";
import { Focus, Hover } from "./stand-ins.js";
import { applyStates, RAISED, takeStates, turnSheets, unsaidOf } from "./states.js";
import { Wishes } from "./media.js";
import { UnshownWatch, type Unshown } from "./unshown.js";
import type { Picture } from "./verify.js";

/** A place in CSS pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** An element that was hit, and where. */
export interface Hit {
  readonly id: number;
  readonly element: Element;
  /** From the element's upper left corner. */
  readonly at: Place;
  /** The document that it stands in. */
  readonly document: number;
}

/** What the stage tells. */
export interface StageListener {
  /** The visitor's viewport has another size. */
  onSize(width: number, height: number): void;
  /** Something could not be found; the picture may differ. */
  onDrift(): void;
  /** What agents cannot see of the page is another list now. */
  onUnshown(list: readonly Unshown[]): void;
}

/** The stage of one viewer. */
export class Stage {
  private layer: Layer | null = null;
  private isFollowing = true;
  private readonly unshown: UnshownWatch;

  constructor(
    private readonly root: HTMLElement,
    private readonly listener: StageListener,
  ) {
    this.unshown = new UnshownWatch(
      () => this.layer?.view?.document ?? null,
      (list) => {
        listener.onUnshown(list);
      },
      () => {
        // What failed once stays so in a document; a new one loads it.
        listener.onDrift();
      },
    );
  }

  /** Shows a keyframe in place of what was there. If it cannot be built, what was there stays. */
  show(keyframe: readonly eventWithTime[]): void {
    const next = new Layer(this.root, this.listener);
    try {
      next.apply(keyframe);
    } catch (error) {
      next.remove();
      throw error;
    }
    this.layer?.remove();
    this.layer = next;
    next.follow(this.isFollowing);
    this.unshown.plan();
  }

  /** Applies changes. */
  apply(events: readonly eventWithTime[]): void {
    if (!this.layer) throw new Error("there is no page yet");
    this.layer.apply(events);
    this.unshown.plan();
  }

  /** Shows what the visitor's pointer is over. */
  hover(x: number, y: number, id: number): void {
    this.layer?.hover(x, y, id);
  }

  /** Hash of what is shown, or nothing. */
  proof(): Picture | null {
    return this.layer?.proof() ?? null;
  }

  /** Tag of an element of the mirrored page, or `""`. */
  readonly tagOf = (id: number): string => this.layer?.tagOf(id) ?? "";

  /** Whether there is no page to be seen. */
  get isEmpty(): boolean {
    return this.layer === null;
  }

  /** What stands at a place of the viewport, in the innermost frame and shadow tree. */
  hit(x: number, y: number): Hit | null {
    return this.layer?.hit(x, y) ?? null;
  }

  /** Where an element of the mirrored page is, in the visitor's viewport; `null` when it cannot be seen. */
  boxOf(id: number): { x: number; y: number; width: number; height: number } | null {
    return this.layer?.boxOf(id) ?? null;
  }

  /** Number of a node of the mirrored page; less than 1 when it has none. */
  readonly idOf = (node: Node): number => this.layer?.idOf(node) ?? -1;

  /** The element of an id, for a look at what it is. */
  elementOf(id: number): Element | null {
    const node = this.layer?.nodeOf(id);
    return node?.nodeType === Node.ELEMENT_NODE ? (node as Element) : null;
  }

  /** Whether the view scrolls with the visitor, or stays where the agent has scrolled it to. */
  follow(isFollowing: boolean): void {
    this.isFollowing = isFollowing;
    this.layer?.follow(isFollowing);
  }

  /** Scrolls the agent's own view. */
  scrollBy(x: number, y: number): void {
    this.layer?.view?.scrollBy(x, y);
  }

  /** How far the agent's view is scrolled, and how far the visitor's page. */
  get scrolled(): { readonly own: Place; readonly visitor: Place } {
    const view = this.layer?.view;
    const own = { x: view?.scrollX ?? 0, y: view?.scrollY ?? 0 };
    return { own, visitor: this.isFollowing ? own : (this.layer?.visitorScroll ?? own) };
  }

  /** Shows nothing. */
  clear(): void {
    this.layer?.remove();
    this.layer = null;
    this.unshown.plan();
  }
}

/** A node's name, whatever it says itself. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its node
const nodeNameOf = Object.getOwnPropertyDescriptor(globalThis.Node.prototype, "nodeName")?.get;

/** One epoch: its own replayer and frame, so that nothing is left of the epoch before. */
class Layer {
  private readonly element = document.createElement("div");
  private readonly replayer: Replayer;
  private readonly focus = new Focus();
  private readonly hovered = new Hover();
  private readonly wishes = new Wishes();
  private held: Hold | null = null;
  private fault: unknown = null;
  private isFollowing = true;
  /** How far the visitor's page is scrolled. */
  visitorScroll: Place = { x: 0, y: 0 };

  constructor(
    root: HTMLElement,
    private readonly listener: StageListener,
  ) {
    this.element.className = "layer";
    root.append(this.element);
    this.replayer = new Replayer([], {
      root: this.element,
      liveMode: true,
      useVirtualDom: false,
      UNSAFE_replayCanvas: false,
      triggerFocus: false,
      mouseTail: false,
      pauseAnimation: false,
      showWarning: true,
      insertStyleRules: STYLE_RULES,
      logger: { log: () => undefined, warn: (...words: unknown[]) => this.warn(words) },
    });
    const { iframe } = this.replayer;
    if (iframe.getAttribute("sandbox") !== SANDBOX) throw new Error("the frame is not in its sandbox");
    iframe.inert = true;
    iframe.tabIndex = -1;
    iframe.title = "The visitor's page";
    if (iframe.contentDocument) allowForeign(iframe.contentDocument);
    this.replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      this.listener.onSize(width, height);
    });
  }

  apply(events: readonly eventWithTime[]): void {
    for (const event of events) {
      // The player asks the first event for its time when it meets a video.
      this.seen(event);
      this.allowFrames(event);
      const unsaid = unsaidOf(event, this.nodeOf);
      this.moveBetweenTrees(event);
      if (this.isOwnScroll(event) || this.isOfNoMedia(event)) continue;
      const states = takeStates(event);
      const media = states.find(({ name }) => name === "rr_media")?.value;
      (this.replayer as unknown as Inner).getCastFn(event, isInstant(event))();
      if (event.type === EventType.FullSnapshot) {
        this.replayer.iframe.contentDocument?.documentElement?.classList.remove("rrweb-paused");
      }
      applyStates([...unsaid, ...states], this.nodeOf);
      this.tellMedia(event);
      turnSheets(event, this.nodeOf);
      if (typeof media === "string") this.wishes.take(media, window);
      const { contentDocument } = this.replayer.iframe;
      if (contentDocument && (media !== undefined || mayBringSheets(event)))
        this.wishes.apply(contentDocument);
      this.focus.follow(event, this.nodeOf);
      if (event.type === EventType.FullSnapshot) this.hold();
      this.held?.follow(event);
    }
    if (this.fault !== null) {
      const fault = this.fault;
      this.fault = null;
      throw fault instanceof Error ? fault : new Error("the page could not be rebuilt");
    }
  }

  hover(x: number, y: number, id: number): void {
    const inner = this.replayer as unknown as Inner;
    const node = id > 0 ? this.nodeOf(id) : null;
    if (!node) return;
    inner.moveAndHover(x, y, id, true, {});
    this.hovered.mark(node);
  }

  tagOf(id: number): string {
    const node = this.nodeOf(id);
    // A form answers with its field where that has such a name.
    return node ? String(nodeNameOf?.call(node)).toLowerCase() : "";
  }

  proof(): Picture | null {
    const { contentDocument } = this.replayer.iframe;
    const mirror = this.replayer.getMirror();
    const without: Node[] = [];
    if (!contentDocument) return null;
    const hash = proofOf(contentDocument, (node) => mirror.getId(node), without);
    return { hash, without: without.length };
  }

  /** The window of the mirrored page. */
  get view(): Window | null {
    return this.replayer.iframe.contentWindow;
  }

  follow(isFollowing: boolean): void {
    this.isFollowing = isFollowing;
    if (isFollowing) this.view?.scrollTo(this.visitorScroll.x, this.visitorScroll.y);
  }

  hit(x: number, y: number): Hit | null {
    const { iframe } = this.replayer;
    const mirror = this.replayer.getMirror();
    let root: Document | ShadowRoot | null = iframe.contentDocument;
    let [left, top] = [x, y];
    let found: Element | null = null;
    let inside = root;
    // An inert frame lets nothing be hit; nobody can act in between.
    iframe.inert = false;
    while (root) {
      const element: Element | null = root.elementFromPoint(left, top);
      if (!element || element === found) break;
      found = element;
      if (element.shadowRoot) {
        root = element.shadowRoot;
      } else if (element.localName === "iframe" && (element as HTMLIFrameElement).contentDocument) {
        const box = element.getBoundingClientRect();
        left -= box.left + element.clientLeft;
        top -= box.top + element.clientTop;
        root = (element as HTMLIFrameElement).contentDocument;
        if (root && mirror.getId(root) > 0) inside = root;
      } else {
        root = null;
      }
    }
    iframe.inert = true;
    while (found && mirror.getId(found) < 1) found = found.parentElement;
    if (!found || !inside) return null;
    const box = found.getBoundingClientRect();
    const at = { x: Math.round(left - box.left), y: Math.round(top - box.top) };
    return { id: mirror.getId(found), element: found, at, document: mirror.getId(inside) };
  }

  /** Keeps how far the visitor has scrolled; whether the view is left where the agent has scrolled it to. */
  private isOwnScroll(event: eventWithTime): boolean {
    if (event.type === EventType.FullSnapshot) {
      const { left, top } = event.data.initialOffset;
      this.visitorScroll = { x: left, y: top };
    }
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Scroll)
      return false;
    if (this.nodeOf(event.data.id) !== this.replayer.iframe.contentDocument) return false;
    this.visitorScroll = { x: event.data.x, y: event.data.y };
    return !this.isFollowing;
  }

  /** Players send the events of their films from elements around them, too: nothing plays there, and the player would fail when it ends. */
  private isOfNoMedia({ type, data }: eventWithTime): boolean {
    if (type !== EventType.IncrementalSnapshot || data.source !== IncrementalSource.MediaInteraction)
      return false;
    return !("pause" in (this.nodeOf(data.id) ?? {}));
  }

  readonly nodeOf = (id: number): Node | null => this.replayer.getMirror().getNode(id);

  idOf(node: Node): number {
    return this.replayer.getMirror().getId(node);
  }

  boxOf(id: number): { x: number; y: number; width: number; height: number } | null {
    const node = this.nodeOf(id);
    if (node?.nodeType !== Node.ELEMENT_NODE || !node.isConnected) return null;
    const { left, top, width, height } = (node as Element).getBoundingClientRect();
    let [x, y] = [left, top];
    let view = node.ownerDocument?.defaultView;
    while (view?.frameElement && view.frameElement !== this.replayer.iframe) {
      const outer = view.frameElement.getBoundingClientRect();
      x += outer.left + view.frameElement.clientLeft;
      y += outer.top + view.frameElement.clientTop;
      view = view.frameElement.ownerDocument.defaultView;
    }
    return { x, y, width, height };
  }

  remove(): void {
    this.held?.end();
    // Whatever becomes of the player, the page is seen no more.
    this.element.remove();
    this.replayer.destroy();
  }

  private hold(): void {
    const { contentDocument } = this.replayer.iframe;
    this.held?.end();
    this.held =
      contentDocument &&
      new Hold(contentDocument, () => ({
        page: this.isFollowing ? this.visitorScroll : null,
        nodeOf: this.nodeOf,
      }));
  }

  /** A frame's document is written into like the page's own. One that is known is told again because it was written anew, or its frame has moved. */
  private allowFrames(event: eventWithTime): void {
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation)
      return;
    for (const { parentId, node } of event.data.adds) {
      if (node.type !== NodeType.Document) continue;
      const known = this.nodeOf(node.id);
      if (known) this.replayer.getMirror().removeNodeFromMap(known);
      const frame = this.replayer.getMirror().getNode(parentId) as Partial<HTMLIFrameElement> | null;
      if (frame?.contentDocument) allowForeign(frame.contentDocument);
    }
  }

  /** A node that goes from one document or shadow tree to another is told by two observers: as coming first, then as going. */
  private moveBetweenTrees(event: eventWithTime): void {
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation)
      return;
    const isElsewhere = (id: number, parentId: number, isShadow = false): boolean => {
      const [node, parent] = [this.nodeOf(id), this.nodeOf(parentId)];
      const tree = isShadow ? (parent as Element | null)?.shadowRoot : parent?.getRootNode();
      return Boolean(node?.parentNode && tree && node.getRootNode() !== tree);
    };
    event.data.removes = event.data.removes.filter((one) => !isElsewhere(one.id, one.parentId, one.isShadow));
    for (const { node, parentId } of event.data.adds) {
      const known = this.nodeOf(node.id);
      if (!known || !isElsewhere(node.id, parentId, node.isShadow)) continue;
      known.parentNode?.removeChild(known);
      // What stands in it comes with it, and is built anew.
      this.replayer.getMirror().removeNodeFromMap(known);
    }
  }

  /** A constructed sheet may be for some media only, or for none. */
  private tellMedia({ type, data }: eventWithTime): void {
    if (type !== EventType.IncrementalSnapshot || data.source !== IncrementalSource.AdoptedStyleSheet) return;
    for (const { styleId, media } of (data.styles ?? []) as { styleId: number; media?: string }[]) {
      const sheet = (this.replayer as unknown as Inner).styleMirror.getStyle(styleId);
      if (sheet && media) sheet.media.mediaText = media;
    }
  }

  private seen(event: eventWithTime): void {
    const { events } = (this.replayer as unknown as Inner).service.state.context;
    if (events.length === 0) events.push(event);
  }

  /** rrweb does not throw when a change fails: it warns. What it could not find is drift, all else is a fault. */
  private warn(words: readonly unknown[]): void {
    const text = words.map(String).join(" ");
    if (text.includes("not found")) this.listener.onDrift();
    else if (text.includes("Exception in mutation")) this.fault = new Error(text.slice(0, 200));
  }
}

/** What this module uses of the replayer beside its public face. */
interface Inner {
  readonly service: { readonly state: { readonly context: { readonly events: eventWithTime[] } } };
  readonly styleMirror: { getStyle(id: number): CSSStyleSheet | null };
  getCastFn(event: eventWithTime, isSync: boolean): () => void;
  moveAndHover(x: number, y: number, id: number, isSync: boolean, debugData: object): void;
}

/** Clicks and the like are shown when they happen; all else is brought about without the player's animation. */
function isInstant(event: eventWithTime): boolean {
  return !(
    event.type === EventType.IncrementalSnapshot &&
    (event.data.source === IncrementalSource.MouseInteraction ||
      event.data.source === IncrementalSource.Selection)
  );
}

/** Whether sheets or rules may have come with an event. */
function mayBringSheets({ type, data }: eventWithTime): boolean {
  if (type !== EventType.IncrementalSnapshot) return type === EventType.FullSnapshot;
  if (data.source === IncrementalSource.Mutation)
    return (
      data.adds.length + data.texts.length > 0 ||
      data.attributes.some(({ attributes }) => "media" in attributes)
    );
  return (
    data.source === IncrementalSource.StyleSheetRule || data.source === IncrementalSource.AdoptedStyleSheet
  );
}

const SANDBOX = "allow-same-origin";

/** What browsers do by themselves, weaker than any rule of the page and, where it is important, stronger: its layer is the first. */
const LIKE_BROWSERS = `@layer rr_first {
  :where([rr_focus_visible]) { outline: auto 1px; outline: -webkit-focus-ring-color auto 1px; }
  :where([rr_fullscreen="${RAISED}"]) { border: 0; padding: 0; overflow: visible; color: inherit; background-color: transparent; object-fit: contain; }
  :where([rr_fullscreen="${RAISED}"])::backdrop { background: black; }
  [rr_fullscreen]:not(:root) { position: fixed !important; inset: 0 !important; margin: 0 !important; box-sizing: border-box !important; min-width: 0 !important;
    max-width: none !important; min-height: 0 !important; max-height: none !important; width: 100% !important; height: 100% !important; transform: none !important; }
  iframe[rr_fullscreen] { border: none !important; padding: 0 !important; }
}`;

/** The visitor's own widget is no part of the page. Where no script runs, browsers show a film's controls unasked. */
const STYLE_RULES = [
  "glance-cobrowse-widget { display: none !important; }",
  LIKE_BROWSERS,
  "video:not([controls])::-webkit-media-controls { display: none !important; }",
];
