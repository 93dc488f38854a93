/**
 * What leaves of nodes: of elements that a snapshot or a change tells, their attributes and their texts.
 *
 * A part of the choke point, called by `mask.ts` alone, which says what leaves of events and marks it as masked. Which nodes
 * are masked is `rules.ts`'s, what stands in an attribute `attributes.ts`'s.
 */

import { NodeType, type attributeMutation, type serializedNodeWithId, type textMutation } from "@rrweb/types";

import { MASK } from "../protocol/masked.js";
import { cleanAttributes, shownAs } from "./attributes.js";
import { rootOf } from "./closed.js";
import { COPY_LETTERS_MIN } from "./limits.js";
import { WIDGET_TAG } from "./names.js";
import { isChoice, isElement, isField, RANK, type MaskMemory, type Rules, type Verdict } from "./rules.js";
import type { Scrubber } from "./scrubber.js";
import type { MaskWatch } from "./watch.js";

/** Finds the live node of an id: rrweb's mirror. */
export interface LiveNodes {
  getNode(id: number): Node | null;
}

/** Masks the nodes of one page. */
export class NodeMasker {
  /** `onFrame` hears of each frame element that is recorded. */
  constructor(
    private readonly rules: Rules,
    private readonly live: LiveNodes,
    private readonly page: Document,
    private readonly memory: MaskMemory,
    private readonly scrubber: Scrubber,
    private readonly watch: MaskWatch,
    private readonly onFrame: (frame: HTMLIFrameElement) => void,
  ) {}

  /** A node and all below it. */
  tree(node: serializedNodeWithId): serializedNodeWithId {
    // One object for a node: a large page has thousands, and they are a good part of the longest task.
    const common: Common = { id: node.id };
    if (node.rootId !== undefined) common.rootId = node.rootId;
    if (node.isShadow) common.isShadow = true;
    if (node.isShadowHost) common.isShadowHost = true;
    switch (node.type) {
      case NodeType.Document:
        this.watch.observe((this.live.getNode(node.id) as Document | null) ?? this.page);
        return {
          ...common,
          type: node.type,
          childNodes: this.trees(node.childNodes),
          ...(node.compatMode === undefined ? {} : { compatMode: node.compatMode }),
        };
      case NodeType.DocumentType: {
        const { type } = node;
        const isOpen = this.judge(node.id) === "open";
        const open = (text: string): string => (isOpen ? this.scrubber.scrub(text) : "");
        const [publicId, systemId] = [open(node.publicId), open(node.systemId)];
        return { ...common, type, name: "html", publicId, systemId };
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
      const attributes = { style: "display:none" };
      return { ...common, type: node.type, tagName: "div", attributes, childNodes: [] };
    }
    this.noteValue(this.live.getNode(node.id), node.attributes.value);
    const verdict = this.send(node.id);
    if (node.isShadowHost) this.observeRootOf(node.id);
    const attributes = this.clean(tagName, node.attributes, verdict);
    this.hideChoice(node.id, tagName, attributes);
    if (tagName === "iframe") this.noteFrame(node.id);
    if (attributes.rel === "stylesheet") this.fillSheet(node.attributes.href, attributes);
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
  observeRootOf(hostId: number): void {
    const host = this.live.getNode(hostId);
    const root = host && rootOf(host);
    if (root) this.watch.observe(root);
  }

  private trees(nodes: readonly serializedNodeWithId[]): serializedNodeWithId[] {
    return nodes.map((node) => this.tree(node));
  }

  /** A changed text. */
  text(change: textMutation): textMutation {
    const { id, value } = change;
    return { id, value: value === null ? null : this.content(id, value, this.isInStyle(id)) };
  }

  /** Changed attributes. */
  attributes(change: attributeMutation): attributeMutation {
    const node = this.live.getNode(change.id);
    const tagName = node && isElement(node) ? node.localName : "";
    if (tagName === WIDGET_TAG || HOLLOW.has(tagName)) return { id: change.id, attributes: {} };
    this.noteValue(node, change.attributes.value);
    const verdict = this.send(change.id);
    const attributes = this.clean(tagName, change.attributes, verdict);
    this.hideChoice(change.id, tagName, attributes);
    return { id: change.id, attributes: attributes as attributeMutation["attributes"] };
  }

  private content(id: number, text: string, isCss: boolean): string {
    const verdict = this.send(id);
    if (verdict === "open") {
      if (isCss) return this.scrubber.cssText(text);
      const open = this.scrubber.scrub(text);
      return open === text && this.memory.copies.isSpread(this.live.getNode(id)) ? MASK : open;
    }
    if (text.trim() === "") return text === "" ? "" : " ";
    return isCss ? "" : MASK;
  }

  private clean(
    tagName: string,
    attributes: Record<string, unknown>,
    verdict: Verdict,
  ): ReturnType<typeof cleanAttributes> {
    const { scrubber, rules } = this;
    const clean = cleanAttributes(tagName, attributes, verdict, scrubber.scrub, rules.addresses);
    if (typeof clean._cssText === "string") clean._cssText = scrubber.cssText(clean._cssText);
    return clean;
  }

  /** A sheet that the page may not read itself, where the group wants it to travel along. */
  private fillSheet(href: unknown, attributes: Record<string, unknown>): void {
    const css = this.rules.addresses.resources?.sheetOf(String(href));
    if (!css) return;
    delete attributes.rel;
    delete attributes.href;
    attributes._cssText = this.scrubber.cssText(css);
  }

  /** A masked picture keeps its size and loses its content. */
  private blank(id: number, tagName: string, attributes: Record<string, unknown>): void {
    if (!PICTURES.has(tagName)) return;
    const live = this.live.getNode(id) as Partial<HTMLElement> | null;
    const box = live?.getBoundingClientRect?.();
    if (box && box.width > 0) {
      attributes.rr_width = `${String(Math.round(box.width))}px`;
      attributes.rr_height = `${String(Math.round(box.height))}px`;
    }
  }

  /** The verdict on a node; one without a live node is masked. */
  judge(id: number): Verdict {
    return this.rules.judge(this.live.getNode(id));
  }

  /** The verdict on something that is about to leave. */
  send(id: number): Verdict {
    const node = this.live.getNode(id);
    const verdict = this.rules.judge(node);
    if (!node?.isConnected) return verdict;
    const shown = this.memory.shown.get(node);
    if (shown !== undefined && RANK[verdict] > RANK[shown]) this.memory.isExposed = true;
    if (verdict !== "full") this.memory.shown.set(node, verdict);
    return verdict;
  }

  /** A field that takes the place of a masked one, or shows its letters as dots, is masked from now on. */
  noteValue(node: Node | null, value: unknown): void {
    if (!value || typeof value !== "string" || this.rules.judge(node) !== "open") return;
    if (!node || !isElement(node) || !isField(node) || node.localName === "select" || isChoice(node)) return;
    const isTwin = value.length >= COPY_LETTERS_MIN && this.memory.copies.scrub(value) === MASK;
    const dots = getComputedStyle(node).getPropertyValue("-webkit-text-security");
    if (isTwin || (dots !== "" && dots !== "none")) this.rules.stick(node);
  }

  /** An open list may stand on a masked option: its value, or the place of its choice, is then the option's. */
  private hideChoice(id: number, tagName: string, attributes: Record<string, unknown>): void {
    if (tagName !== "select" || !this.hasMaskedChoice(id)) return;
    delete attributes.value;
    delete attributes.rr_choices;
  }

  /** Whether a list stands on a masked option. */
  hasMaskedChoice(id: number): boolean {
    const node = this.live.getNode(id);
    if (!node || !isElement(node) || node.localName !== "select") return false;
    const { selectedOptions = [] } = node as Partial<HTMLSelectElement>;
    return [...selectedOptions].some((one) => this.rules.judge(one) !== "open");
  }

  private noteFrame(id: number): void {
    const frame = this.live.getNode(id) as HTMLIFrameElement | null;
    if (frame) this.onFrame(frame);
    this.scrubber.noteFrame(frame?.contentDocument?.URL);
  }

  /** The same of the place of a node. */
  isInHollow(id: number): boolean {
    return this.isHollow(this.live.getNode(id)?.parentElement);
  }

  /** Whether nothing is shown of what stands there. */
  isHollow(node: Node | null | undefined): boolean {
    return (node as Partial<Element> | null)?.closest?.(HOLLOW_SELECTOR) != null;
  }

  private isInStyle(id: number): boolean {
    return String(this.live.getNode(id)?.parentNode?.nodeName).toLowerCase() === "style";
  }
}

/** What every node has. */
interface Common {
  id: number;
  rootId?: number;
  isShadow?: boolean;
  isShadowHost?: boolean;
}

/** Whether nothing is shown of what stands in an element. */
export function isEmptied(node: serializedNodeWithId): boolean {
  return node.type === NodeType.Element && EMPTIED.has(node.tagName.toLowerCase());
}

const HOLLOW = new Set(["script", "noscript", "base", "template"]);
/** The chosen option of a select that the page draws. */
const COPYING = "selectedcontent";
const HOLLOW_SELECTOR = [...HOLLOW, COPYING].join(",");
const EMPTIED = new Set([...HOLLOW, COPYING, WIDGET_TAG]);
const PICTURES = new Set(["img", "svg", "canvas", "video", "picture", "object", "embed", "iframe", "image"]);
