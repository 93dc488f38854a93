/**
 * The choke point: everything of the page that leaves this browser passes here.
 *
 * rrweb's events go in, {@link Masked} values come out, and the sender takes nothing else. What is not known is not let
 * through: event types, sources and fields are named one by one. Which nodes are masked is `rules.ts`'s, attributes are
 * `attributes.ts`'s. rrweb's own masking is on under it and trusted for nothing.
 */

import {
  EventType,
  IncrementalSource,
  MouseInteractions,
  NodeType,
  type addedNodeMutation,
  type attributeMutation,
  type eventWithTime,
  type incrementalData,
  type mutationData,
  type serializedNodeWithId,
  type textMutation,
} from "@rrweb/types";

import { cleanAttributes, isWords, MASK, shownAs } from "./attributes.js";
import { rootOf } from "./closed.js";
import { WIDGET_TAG } from "./names.js";
import type { Resource } from "./resources.js";
import { isElement, isField, RANK, type MaskMemory, type Rules, type Verdict } from "./rules.js";
import { Scrubber } from "./scrubber.js";
import type { Put } from "./walk.js";
import { MaskWatch } from "./watch.js";
import { rulesOf } from "./written.js";

declare const isMasked: unique symbol;

/** A value that passed the choke point. Only this module makes them. */
export type Masked<T> = T & { readonly [isMasked]: true };

/** Finds the live node of an id: rrweb's mirror. */
export interface LiveNodes {
  getNode(id: number): Node | null;
}

/** Masks the events of one page. */
export class Masker {
  private innerIsFresh = false;
  /** Constructed style sheets that were sent from an open place. */
  private readonly shownStyles = new Set<number>();
  private readonly scrubber: Scrubber;
  private readonly watch: MaskWatch;
  /** Hears of each frame element that is recorded. */
  onFrame: ((frame: HTMLIFrameElement) => void) | null = null;

  constructor(
    private readonly rules: Rules,
    private readonly nodes: LiveNodes,
    private readonly page: Document,
    private readonly memory: MaskMemory,
    onExposed: () => void = () => undefined,
  ) {
    this.watch = new MaskWatch(rules, memory, page, onExposed);
    this.scrubber = new Scrubber(rules, memory.copies, page);
  }

  /** Ends the watch over the page. */
  stop(): void {
    this.watch.stop();
  }

  /** Whether something that was sent is masked now: the next epoch has to be a purge. Cleared by {@link Masker.purged}. */
  get mustPurge(): boolean {
    return this.memory.isExposed;
  }

  /** Something that was sent is masked now, by the word of the frame that had sent it. */
  expose(): void {
    this.memory.isExposed = true;
  }

  /** What was sent before counts no more: the next epoch is a purge, whoever writes it. */
  purged(): void {
    this.memory.isExposed = false;
    this.memory.shown = new WeakMap();
    this.memory.owesPurge = true;
  }

  /** One event, masked; `null` when nothing of it may leave, or {@link Masker.mustPurge} is set now. */
  event(event: eventWithTime): Masked<eventWithTime> | null {
    this.refresh();
    // What is ticked or typed may be what a selector waits for.
    if (event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.Input) {
      this.watch.noteState();
    }
    this.watch.look();
    this.memory.copies.refresh(event.type === EventType.Meta);
    const { version } = this.memory.copies;
    const masked = this.pass(event);
    // A field further on held what stands before it too.
    return this.memory.copies.version === version ? masked : this.pass(event);
  }

  /** A task begins in which {@link Masker.parts} go on. */
  look(): void {
    this.refresh();
    this.watch.look();
    this.memory.copies.refresh();
  }

  /** Looks at a node, so that what it holds is known. */
  meet(node: Node): void {
    this.rules.judge(node);
  }

  /** A snapshot that passes node by node. `end` gives none of it when a value became known meanwhile that it may have copies of. */
  parts(): {
    readonly put: Put;
    readonly end: (initialOffset: { top: number; left: number }) => Masked<eventWithTime> | null;
  } {
    const { copies } = this.memory;
    const { version } = copies;
    let root: serializedNodeWithId | null = null;
    return {
      put: (node, into) => {
        const masked = this.tree(node);
        root ??= masked;
        into.push(masked);
        return "childNodes" in masked && !isEmptied(node) ? masked.childNodes : null;
      },
      end: ({ top, left }) =>
        root && copies.version === version
          ? brand({
              type: EventType.FullSnapshot,
              data: { node: root, initialOffset: { top, left } },
              timestamp: Date.now(),
            })
          : null,
    };
  }

  private refresh(): void {
    this.rules.refresh();
    this.scrubber.refresh();
  }

  private pass(event: eventWithTime): Masked<eventWithTime> | null {
    const { timestamp } = event;
    switch (event.type) {
      case EventType.Meta: {
        const { width, height } = event.data;
        // rrweb numbers constructed style sheets anew with each snapshot.
        this.shownStyles.clear();
        this.watch.forgetRoots();
        const href = this.scrubber.url(event.data.href);
        return brand({ type: event.type, data: { href, width, height }, timestamp });
      }
      case EventType.FullSnapshot: {
        const node = this.tree(event.data.node);
        const { top, left } = event.data.initialOffset;
        return node && brand({ type: event.type, data: { node, initialOffset: { top, left } }, timestamp });
      }
      case EventType.IncrementalSnapshot: {
        const data = this.incremental(event.data);
        return data && !this.memory.isExposed ? brand({ type: event.type, data, timestamp }) : null;
      }
      default:
        return null;
    }
  }

  /** A resource of the page that an address has named which passed here. */
  resource({ hash, data }: Resource): Masked<eventWithTime> {
    return brand({
      type: EventType.Custom,
      data: { tag: "resource", payload: { hash, data } },
      timestamp: 0,
    });
  }

  /**
   * What a frame of another origin has recorded and masked of itself. It was read as a stranger's; here only the frame's
   * element is judged, and copies of what this page masks are taken out; `onCopy` hears of each.
   */
  foreign(frame: Element, event: eventWithTime, onCopy?: () => void): Masked<eventWithTime> | null {
    this.refresh();
    this.watch.look();
    if (this.memory.isExposed || this.rules.judge(frame) === "full") return null;
    this.memory.copies.refresh(false);
    return brand(
      JSON.parse(JSON.stringify(event), (name, part: unknown) => {
        if (typeof part !== "string" || name === "tagName") return part;
        const open = this.scrubber.scrub(part);
        if (open !== part) onCopy?.();
        return open;
      }) as eventWithTime,
    );
  }

  /** Whether what stands in a frame may be shown. */
  admits(frame: Element): boolean {
    this.refresh();
    return this.rules.judge(frame) !== "full";
  }

  /** Whether nothing of a node is masked at this moment. */
  isOpen(node: Node): boolean {
    this.refresh();
    return this.rules.judge(node) === "open";
  }

  /** The page's title, for the facts: nothing of it when it is masked. */
  title(): Masked<string> {
    this.refresh();
    // Which of several it is, and where it stands, is up to the page.
    const titles = [...this.page.querySelectorAll("title:not(svg *)")];
    const parts = titles.flatMap((one) => [one, ...one.childNodes]);
    const isOpen = [this.page.documentElement, ...parts]
      .slice(parts.length > 0 ? 1 : 0)
      .every((node) => this.rules.judge(node) === "open");
    return brand(isOpen ? this.scrubber.scrub(this.page.title) : "");
  }

  /** The page's address, for the facts. */
  address(): Masked<string> {
    return brand(this.scrubber.url(this.page.location.href));
  }

  /** rrweb's own masking, underneath: the same verdicts. */
  readonly inner = {
    text: (text: string, node: Node | null): string =>
      text.trim() !== "" && this.freshJudge(node) !== "open" ? MASK : text,
    input: (text: string, element: HTMLElement): string =>
      text !== "" && this.freshJudge(element) !== "open" ? MASK : text,
  };

  /** rrweb asks once a text: within one run of it the tree does not change. */
  private freshJudge(node: Node | null): Verdict {
    if (!this.innerIsFresh) {
      this.rules.refresh();
      this.innerIsFresh = true;
      queueMicrotask(() => (this.innerIsFresh = false));
    }
    return this.rules.judge(node);
  }

  private incremental(data: incrementalData): incrementalData | null {
    const { source } = data;
    switch (source) {
      case IncrementalSource.Mutation:
        return this.mutation(data);
      case IncrementalSource.MouseMove:
      case IncrementalSource.TouchMove:
      case IncrementalSource.Drag: {
        // Where something masked is pressed or dragged can be what it holds: a pad of digits, a slider.
        const positions = data.positions
          .filter(({ id }) => this.judge(id) !== "full")
          .map(({ x, y, id, timeOffset }) => ({ x, y, id, timeOffset }));
        return positions.length > 0 ? { source, positions } : null;
      }
      case IncrementalSource.MouseInteraction: {
        const { type, id } = data;
        if (this.judge(id) === "full" && !this.isFocusOfField(type, id)) return null;
        const at = typeof data.x === "number" && typeof data.y === "number" ? { x: data.x, y: data.y } : {};
        return { source, type, id, ...at };
      }
      case IncrementalSource.Scroll: {
        // How far a field has scrolled tells how much is in it.
        const { id, x, y } = data;
        const isPage = this.nodes.getNode(id) === this.page;
        return this.judge(id) === "full" && !isPage ? null : { source, id, x, y };
      }
      case IncrementalSource.ViewportResize:
        return { source, width: data.width, height: data.height };
      case IncrementalSource.Input: {
        const node = this.nodes.getNode(data.id);
        // It will be told with what stands in it.
        if (!node) return null;
        if (isElement(node)) this.memory.copies.touch(node);
        const isOpen = this.send(data.id) === "open" && !this.hasMaskedChoice(data.id);
        const text = isOpen ? this.scrubber.scrub(data.text) : MASK;
        return { source, id: data.id, text, isChecked: isOpen && data.isChecked };
      }
      case IncrementalSource.MediaInteraction: {
        const { type, id, currentTime, volume, muted, loop, playbackRate } = data;
        return this.judge(id) === "full"
          ? null
          : ({ source, type, id, currentTime, volume, muted, loop, playbackRate } as incrementalData);
      }
      case IncrementalSource.StyleSheetRule: {
        const { id, styleId, removes, adds, replace, replaceSync } = data;
        if (!this.isShownSheet(id, styleId)) return null;
        return this.scrubber.css({
          source,
          id,
          styleId,
          removes,
          adds,
          replace,
          replaceSync,
        } as incrementalData);
      }
      case IncrementalSource.StyleDeclaration: {
        const { id, styleId, index, set, remove } = data;
        if (!this.isShownSheet(id, styleId)) return null;
        if (set && this.rules.masksWords && isWords(set.property)) return null;
        return this.scrubber.css({ source, id, styleId, index, set, remove } as incrementalData, false);
      }
      case IncrementalSource.AdoptedStyleSheet: {
        const { id, styleIds } = data;
        if (this.judge(id) === "full") return null;
        const root = this.nodes.getNode(id);
        const sheets =
          (root && rootOf(root))?.adoptedStyleSheets ?? (root as Document | null)?.adoptedStyleSheets;
        // rrweb tells a sheet where it meets it first, which may have been below a mask.
        const styles = styleIds.flatMap((styleId, at) => {
          if (this.shownStyles.has(styleId)) return [];
          this.shownStyles.add(styleId);
          const known = data.styles?.find((one) => one.styleId === styleId);
          return [known ?? { styleId, rules: rulesOf(sheets?.[at]) }];
        });
        return this.scrubber.css({ source, id, styles, styleIds });
      }
      case IncrementalSource.Selection: {
        const ranges = data.ranges
          .filter((range) => this.judge(range.start) === "open" && this.judge(range.end) === "open")
          .map(({ start, startOffset, end, endOffset }) => ({ start, startOffset, end, endOffset }));
        return { source, ranges };
      }
      default:
        // Canvas, fonts, logs, custom elements, and what a later rrweb may bring.
        return null;
    }
  }

  private mutation(data: mutationData): mutationData | null {
    if (this.memory.isExposed) return null;
    const adds: addedNodeMutation[] = [];
    for (const { parentId, nextId, node } of data.adds) {
      if (this.isInHollow(node.id)) continue;
      if (node.isShadow) this.observeRootOf(parentId);
      adds.push({ parentId, nextId, node: this.tree(node) });
    }
    const removes = data.removes
      .filter(({ parentId }) => !this.isHollow(this.nodes.getNode(parentId)))
      .map(({ parentId, id, isShadow }) => (isShadow ? { parentId, id, isShadow } : { parentId, id }));
    return {
      source: IncrementalSource.Mutation,
      texts: data.texts.filter((text) => !this.isInHollow(text.id)).map((text) => this.text(text)),
      attributes: data.attributes.map((change) => this.attributes(change)),
      removes,
      adds,
      ...(data.isAttachIframe ? { isAttachIframe: true as const } : {}),
    };
  }

  private tree(node: serializedNodeWithId): serializedNodeWithId {
    // One object for a node: a large page has thousands, and they are a good part of the longest task.
    const common: Common = { id: node.id };
    if (node.rootId !== undefined) common.rootId = node.rootId;
    if (node.isShadow) common.isShadow = true;
    if (node.isShadowHost) common.isShadowHost = true;
    switch (node.type) {
      case NodeType.Document:
        this.watch.observe((this.nodes.getNode(node.id) as Document | null) ?? this.page);
        return {
          ...common,
          type: node.type,
          childNodes: this.trees(node.childNodes),
          ...(node.compatMode === undefined ? {} : { compatMode: node.compatMode }),
        };
      case NodeType.DocumentType: {
        const { type, name, publicId, systemId } = node;
        return { ...common, type, name, publicId, systemId };
      }
      case NodeType.Element:
        return this.element(node, common);
      case NodeType.Text: {
        const isCss = node.isStyle === true || this.isInStyle(node.id);
        const textContent = this.content(node.id, node.textContent, isCss);
        return { ...common, type: node.type, textContent, ...(isCss ? { isStyle: true as const } : {}) };
      }
      default:
        // Comments and CDATA hold nothing that an agent could see.
        return { ...common, type: NodeType.Comment, textContent: "" };
    }
  }

  private element(
    node: serializedNodeWithId & { type: NodeType.Element },
    common: Common,
  ): serializedNodeWithId {
    const tagName = node.tagName.toLowerCase();
    if (tagName === WIDGET_TAG) {
      return { ...common, type: node.type, tagName, attributes: {}, childNodes: [] };
    }
    // Frames of other documents' making, scripts and their stand-ins keep their place and nothing else.
    if (HOLLOW.has(tagName)) {
      return { ...common, type: node.type, tagName: "div", attributes: { hidden: "" }, childNodes: [] };
    }
    const verdict = this.send(node.id);
    if (node.isShadowHost) this.observeRootOf(node.id);
    const attributes = this.clean(tagName, node.attributes, verdict);
    this.hideChoice(node.id, tagName, attributes);
    if (tagName === "iframe") this.noteFrame(node.id);
    if (attributes.rel === "stylesheet") this.fillSheet(node.attributes.href, attributes);
    if (typeof attributes._cssText === "string")
      attributes._cssText = this.scrubber.cssText(attributes._cssText);
    if (verdict === "full") this.blank(node.id, tagName, attributes);
    const masked = Object.assign(common, {
      type: node.type,
      tagName: shownAs(tagName, attributes),
      attributes: attributes as Record<string, string>,
      // Each browser fills it by itself.
      childNodes: tagName === COPYING ? [] : this.trees(node.childNodes),
    });
    if (node.isSVG) Object.assign(masked, { isSVG: true });
    if (node.isCustom) Object.assign(masked, { isCustom: true });
    return masked;
  }

  /** A tree that is recorded is watched too. */
  private observeRootOf(hostId: number): void {
    const host = this.nodes.getNode(hostId);
    const root = host && rootOf(host);
    if (root) this.watch.observe(root);
  }

  private trees(nodes: readonly serializedNodeWithId[]): serializedNodeWithId[] {
    return nodes.map((node) => this.tree(node));
  }

  private text(change: textMutation): textMutation {
    const { id, value } = change;
    return { id, value: value === null ? null : this.content(id, value, this.isInStyle(id)) };
  }

  private attributes(change: attributeMutation): attributeMutation {
    const node = this.nodes.getNode(change.id);
    const tagName = node && isElement(node) ? node.localName : "";
    if (tagName === WIDGET_TAG || HOLLOW.has(tagName)) return { id: change.id, attributes: {} };
    const verdict = this.send(change.id);
    const attributes = this.clean(tagName, change.attributes, verdict);
    if (typeof attributes._cssText === "string")
      attributes._cssText = this.scrubber.cssText(attributes._cssText);
    this.hideChoice(change.id, tagName, attributes);
    return { id: change.id, attributes: attributes as attributeMutation["attributes"] };
  }

  private content(id: number, text: string, isCss: boolean): string {
    const verdict = this.send(id);
    if (verdict === "open" || (verdict === "text" && isCss)) {
      if (isCss) return this.scrubber.cssText(text);
      const open = this.scrubber.scrub(text);
      return open === text && this.memory.copies.isSpread(this.nodes.getNode(id)) ? MASK : open;
    }
    if (text.trim() === "") return text === "" ? "" : " ";
    return isCss ? "" : MASK;
  }

  private clean(
    tagName: string,
    attributes: Record<string, unknown>,
    verdict: Verdict,
  ): ReturnType<typeof cleanAttributes> {
    return cleanAttributes(tagName, attributes, verdict, this.scrubber.scrub, this.rules.addresses);
  }

  /** A sheet that the page may not read itself, where the group wants it to travel along. */
  private fillSheet(href: unknown, attributes: Record<string, unknown>): void {
    const css = this.rules.addresses.resources?.sheetOf(String(href));
    if (!css) return;
    delete attributes.rel;
    delete attributes.href;
    attributes._cssText = css;
  }

  /** A masked picture keeps its size and loses its content. */
  private blank(id: number, tagName: string, attributes: Record<string, unknown>): void {
    if (!PICTURES.has(tagName)) return;
    const live = this.nodes.getNode(id) as Partial<HTMLElement> | null;
    const box = live?.getBoundingClientRect?.();
    if (box && box.width > 0) {
      attributes.rr_width = `${String(Math.round(box.width))}px`;
      attributes.rr_height = `${String(Math.round(box.height))}px`;
    }
  }

  private judge(id: number): Verdict {
    return this.rules.judge(this.nodes.getNode(id));
  }

  /** The verdict on something that is about to leave. */
  private send(id: number): Verdict {
    const node = this.nodes.getNode(id);
    const verdict = this.rules.judge(node);
    if (!node?.isConnected) return verdict;
    const shown = this.memory.shown.get(node);
    if (shown !== undefined && RANK[verdict] > RANK[shown]) this.memory.isExposed = true;
    if (verdict !== "full") this.memory.shown.set(node, verdict);
    return verdict;
  }

  /** A sheet of an element that is not masked, or a constructed one that an open place has adopted. */
  private isShownSheet(id: number | undefined, styleId: number | undefined): boolean {
    if (id !== undefined) return this.judge(id) !== "full";
    return styleId !== undefined && this.shownStyles.has(styleId);
  }

  /** An open list may stand on a masked option: its value, or the place of its choice, is then the option's. */
  private hideChoice(id: number, tagName: string, attributes: Record<string, unknown>): void {
    if (tagName !== "select" || !this.hasMaskedChoice(id)) return;
    delete attributes.value;
    delete attributes.rr_choices;
  }

  private hasMaskedChoice(id: number): boolean {
    const node = this.nodes.getNode(id);
    if (!node || !isElement(node) || node.localName !== "select") return false;
    return [...(node as HTMLSelectElement).selectedOptions].some((one) => this.rules.judge(one) !== "open");
  }

  /** Which field somebody is in may be seen; which key of a masked pad, or where, may not. */
  private isFocusOfField(type: MouseInteractions, id: number): boolean {
    if (type !== MouseInteractions.Focus && type !== MouseInteractions.Blur) return false;
    const node = this.nodes.getNode(id);
    return (
      node !== null &&
      isElement(node) &&
      isField(node) &&
      !UNTYPED_CHOICES.has(node.getAttribute("type") ?? "")
    );
  }

  private noteFrame(id: number): void {
    const frame = this.nodes.getNode(id) as HTMLIFrameElement | null;
    if (frame) this.onFrame?.(frame);
    this.scrubber.noteFrame(frame?.contentDocument?.URL);
  }

  private isInHollow(id: number): boolean {
    return this.isHollow(this.nodes.getNode(id)?.parentElement);
  }

  private isHollow(node: Node | null | undefined): boolean {
    return (node as Partial<Element> | null)?.closest?.(HOLLOW_SELECTOR) != null;
  }

  private isInStyle(id: number): boolean {
    return this.nodes.getNode(id)?.parentNode?.nodeName.toLowerCase() === "style";
  }
}

/** An empty page, which says nothing about the real one: what agents see while the session is paused. */
export function emptyPage(width: number, height: number): Masked<eventWithTime>[] {
  const node = { type: NodeType.Document, id: 1, childNodes: [EMPTY_ROOT] } as serializedNodeWithId;
  return [
    brand({ type: EventType.Meta, data: { href: "", width, height }, timestamp: 0 }),
    brand({
      type: EventType.FullSnapshot,
      data: { node, initialOffset: { top: 0, left: 0 } },
      timestamp: 0,
    }),
  ];
}

/** Facts that say nothing about the page. */
export const NO_WORDS = brand("");

/** Whether nothing is shown of what stands in an element. */
function isEmptied(node: serializedNodeWithId): boolean {
  return node.type === NodeType.Element && EMPTIED.has(node.tagName.toLowerCase());
}

function brand<T>(value: T): Masked<T> {
  return value as Masked<T>;
}

/** What every node has. */
interface Common {
  id: number;
  rootId?: number;
  isShadow?: boolean;
  isShadowHost?: boolean;
}

const EMPTY_ROOT = {
  type: NodeType.Element,
  id: 2,
  tagName: "html",
  attributes: {},
  childNodes: [
    { type: NodeType.Element, id: 3, tagName: "head", attributes: {}, childNodes: [] },
    { type: NodeType.Element, id: 4, tagName: "body", attributes: {}, childNodes: [] },
  ],
};
const UNTYPED_CHOICES = new Set(["checkbox", "radio"]);
const HOLLOW = new Set(["script", "noscript", "base", "template"]);
/** The chosen option of a select that the page draws. */
const COPYING = "selectedcontent";
const HOLLOW_SELECTOR = [...HOLLOW, COPYING].join(",");
const EMPTIED = new Set([...HOLLOW, COPYING, WIDGET_TAG]);
const PICTURES = new Set(["img", "svg", "canvas", "video", "picture", "object", "embed", "iframe", "image"]);
