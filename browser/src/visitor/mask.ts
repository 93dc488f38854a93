/**
 * The choke point: everything of the page that leaves this browser passes here.
 *
 * rrweb's events go in, {@link Masked} values come out, and the sender takes nothing else. What is not known is not let
 * through: event types, sources and fields are named one by one. What leaves of a node is `nodes.ts`'s, which nodes are masked
 * `rules.ts`'s. rrweb's own masking is on under it and trusted for nothing.
 */

import { guarded } from "../guard/guard.js";
import {
  EventType,
  IncrementalSource,
  MouseInteractions,
  NodeType,
  type addedNodeMutation,
  type eventWithTime,
  type incrementalData,
  type mutationData,
  type serializedNodeWithId,
} from "@rrweb/types";

import { MASK } from "../protocol/masked.js";
import { isWords, mapTexts } from "./attributes.js";
import { rootOf } from "./closed.js";
import { isEmptied, NodeMasker, type LiveNodes } from "./nodes.js";
import type { Resource } from "../mirror/resources.js";
import { isChoice, isElement, isField, type MaskMemory, type Rules, type Verdict } from "./rules.js";
import { Scrubber } from "./scrubber.js";
import type { Put } from "./walk.js";
import { MaskWatch } from "./watch.js";
import { rulesOf } from "./written.js";

declare const isMasked: unique symbol;

/** A value that passed the choke point. Only this module makes them. */
export type Masked<T> = T & { readonly [isMasked]: true };

/** Masks the events of one page. */
export class Masker {
  private innerIsFresh = false;
  /** Constructed style sheets that were sent from an open place. */
  private readonly shownStyles = new Set<number>();
  /** Masked fields of which was told that somebody has typed, and by what. */
  private readonly saidOnce = new WeakMap<Node, object>();
  private readonly scrubber: Scrubber;
  private readonly watch: MaskWatch;
  private readonly nodes: NodeMasker;
  /** Hears of each frame element that is recorded. */
  onFrame: ((frame: HTMLIFrameElement) => void) | null = null;

  constructor(
    private readonly rules: Rules,
    private readonly live: LiveNodes,
    private readonly page: Document,
    private readonly memory: MaskMemory,
    onExposed: () => void = () => undefined,
  ) {
    this.watch = new MaskWatch(rules, memory, page, onExposed);
    const scrubber = new Scrubber(rules, memory.copies, page);
    this.scrubber = scrubber;
    this.nodes = new NodeMasker(rules, live, page, memory, scrubber, this.watch, (frame) => {
      this.onFrame?.(frame);
    });
  }

  /** The trees that are recorded. */
  readonly roots = (): Iterable<Document | ShadowRoot> => this.watch.shown();

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
    // What is ticked, typed, pressed or looked at may be what a selector waits for.
    this.watch.noteState();
    this.watch.look();
    this.memory.copies.refresh(event.type === EventType.Meta);
    const { version } = this.memory.copies;
    const masked = this.pass(event);
    // A field further on held what stands before it too.
    return this.memory.copies.version === version ? masked : this.pass(event);
  }

  /** Whether what passed in this task may still leave: nothing of it has become masked since. */
  get isSound(): boolean {
    this.refresh();
    this.watch.look();
    return !this.memory.isExposed;
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
        const masked = this.nodes.tree(node);
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
        const node = this.nodes.tree(event.data.node);
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
      mapTexts(
        event,
        (part, name) => {
          const open = name === "tagName" ? part : this.scrubber.scrub(part);
          if (open !== part) onCopy?.();
          return open;
        },
        this.scrubber.scrub,
      ),
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
    // That of a drawing is none, that of markup in a drawing is one.
    const titles = [...this.page.querySelectorAll("title")].filter((one) => "text" in one);
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

  /** A page's first event, once it is known what its address may not say. */
  located(meta: Masked<eventWithTime>): Masked<eventWithTime> {
    return meta.type === EventType.Meta
      ? brand({ ...meta, data: { ...meta.data, href: this.address() } })
      : meta;
  }

  /** rrweb's own masking, underneath: the same verdicts. */
  readonly inner = (text: string, node: Node | null): string =>
    // What has a field's name in a drawing has no value.
    (text as string | undefined)?.trim() && this.freshJudge(node) !== "open" ? MASK : text;

  /** rrweb asks once a text: within one run of it the tree does not change. */
  private freshJudge(node: Node | null): Verdict {
    if (!this.innerIsFresh) {
      this.rules.refresh();
      this.innerIsFresh = true;
      queueMicrotask(guarded(() => (this.innerIsFresh = false)));
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
          .filter(({ id }) => this.nodes.judge(id) !== "full" && !this.isPick(id))
          .map((one) => only(one, "x", "y", "id", "timeOffset"));
        return positions.length > 0 ? { source, positions } : null;
      }
      case IncrementalSource.MouseInteraction: {
        const { type, id } = data;
        if (this.isPick(id) || (this.nodes.judge(id) === "full" && !this.isFocusOfField(type, id)))
          return null;
        return only(data, "source", "type", "id", "x", "y");
      }
      case IncrementalSource.Scroll: {
        // How far a field has scrolled tells how much is in it.
        const isPage = this.live.getNode(data.id) === this.page;
        return this.nodes.judge(data.id) === "full" && !isPage ? null : only(data, "source", "id", "x", "y");
      }
      case IncrementalSource.ViewportResize:
        return only(data, "source", "width", "height");
      case IncrementalSource.Input: {
        const node = this.live.getNode(data.id);
        // It will be told with what stands in it.
        if (!node) return null;
        if (isElement(node)) this.memory.copies.touch(node);
        this.nodes.noteValue(node, data.text);
        const isOpen = this.nodes.send(data.id) === "open" && !this.nodes.hasMaskedChoice(data.id);
        // Which of several is picked is what they hold.
        if (!isOpen && isElement(node) && isChoice(node)) return null;
        // A masked field says once that it holds something: how often it is typed into is its own business.
        if (!isOpen && (this.saidOnce.get(node) ?? data) !== data) return null;
        if (isOpen) this.saidOnce.delete(node);
        else this.saidOnce.set(node, data);
        const text = isOpen ? this.scrubber.scrub(data.text) : MASK;
        return { source, id: data.id, text, isChecked: isOpen && data.isChecked };
      }
      case IncrementalSource.MediaInteraction:
        return this.nodes.judge(data.id) === "full"
          ? null
          : only(data, "source", "type", "id", "currentTime", "volume", "muted", "loop", "playbackRate");
      case IncrementalSource.StyleSheetRule: {
        if (!this.isShownSheet(data.id, data.styleId)) return null;
        return this.scrubber.css(
          only(data, "source", "id", "styleId", "removes", "adds", "replace", "replaceSync"),
        );
      }
      case IncrementalSource.StyleDeclaration: {
        if (!this.isShownSheet(data.id, data.styleId)) return null;
        if (data.set && this.rules.masksWords && isWords(data.set.property)) return null;
        return this.scrubber.css(only(data, "source", "id", "styleId", "index", "set", "remove"), false);
      }
      case IncrementalSource.AdoptedStyleSheet: {
        const { id, styleIds } = data;
        if (this.nodes.judge(id) === "full") return null;
        const root = this.live.getNode(id);
        const sheets =
          (root && rootOf(root))?.adoptedStyleSheets ?? (root as Document | null)?.adoptedStyleSheets;
        // rrweb tells a sheet where it meets it first, which may have been below a mask.
        const styles = styleIds.flatMap((styleId, at) => {
          if (this.shownStyles.has(styleId)) return [];
          this.shownStyles.add(styleId);
          const known = data.styles?.find((one) => one.styleId === styleId);
          const sheet = sheets?.[at];
          const media = sheet?.disabled ? "not all" : sheet?.media.mediaText;
          return [{ ...(known ?? { styleId, rules: rulesOf(sheet) }), media }];
        });
        return this.scrubber.css({ source, id, styles, styleIds });
      }
      case IncrementalSource.Selection: {
        const ranges = data.ranges
          .filter(
            (range) => this.nodes.judge(range.start) === "open" && this.nodes.judge(range.end) === "open",
          )
          .map((range) => only(range, "start", "startOffset", "end", "endOffset"));
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
      if (this.nodes.isInHollow(node.id)) continue;
      if (node.isShadow) this.nodes.observeRootOf(parentId);
      adds.push({ parentId, nextId, node: this.nodes.tree(node) });
    }
    const removes = data.removes
      .filter(({ parentId }) => !this.nodes.isHollow(this.live.getNode(parentId)))
      .map(({ parentId, id, isShadow }) => (isShadow ? { parentId, id, isShadow } : { parentId, id }));
    return {
      source: IncrementalSource.Mutation,
      texts: data.texts
        .filter((text) => !this.nodes.isInHollow(text.id))
        .map((text) => this.nodes.text(text)),
      attributes: data.attributes.map((change) => this.nodes.attributes(change)),
      removes,
      adds,
      ...(data.isAttachIframe ? { isAttachIframe: true as const } : {}),
    };
  }

  /** A sheet of an element that is not masked, or a constructed one that an open place has adopted. */
  private isShownSheet(id: number | undefined, styleId: number | undefined): boolean {
    if (id !== undefined) return this.nodes.judge(id) !== "full";
    return styleId !== undefined && this.shownStyles.has(styleId);
  }

  /** Whether a press there ticks or picks what is masked. */
  private isPick(id: number): boolean {
    const node = this.live.getNode(id) as Partial<Element> | null;
    const control = node?.closest?.("label")?.control;
    return !!control && isChoice(control) && this.rules.judge(control) !== "open";
  }

  /** Which field somebody is in may be seen; which key of a masked pad, or where, may not. */
  private isFocusOfField(type: MouseInteractions, id: number): boolean {
    if (type !== MouseInteractions.Focus && type !== MouseInteractions.Blur) return false;
    const node = this.live.getNode(id);
    return node !== null && isElement(node) && isField(node) && !isChoice(node);
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

/** The named parts of an event, and no other. */
function only<T extends object, N extends keyof T>(of: T, ...names: N[]): Pick<T, N> {
  return Object.fromEntries(names.map((name) => [name, of[name]])) as Pick<T, N>;
}

function brand<T>(value: T): Masked<T> {
  return value as Masked<T>;
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
