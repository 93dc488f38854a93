/**
 * Proves the mirror: hashes a fresh walk of the live page, after masking. PROTOCOL.md section 4.
 *
 * Owns the walk, its slices and its pace. Nothing of the page is hashed that did not pass the choke point: each slice
 * goes through it as a snapshot of its own. A page that changes during a walk ends it; another follows.
 */

import { EventType, NodeType, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";

import { isOpaque, isTyped, Proof } from "../protocol/proof.js";
import { rootOf } from "./closed.js";
import {
  PROOF_INTERVAL_MS,
  PROOF_NODES_MAX,
  PROOF_REST_MS,
  PROOF_SETTLE_MS,
  PROOF_SLICE_MS,
} from "./limits.js";
import type { Masked } from "./mask.js";
import { WIDGET_TAG } from "./names.js";
import type { Ids } from "./states.js";

/** What a proof needs from the recorder. */
export interface ProofHost {
  /** Changes whenever something was recorded; `null` while nothing can be proven. */
  mark(): string | null;
  mask(event: eventWithTime): Masked<eventWithTime> | null;
  onProof(hash: string): void;
}

/** Proves one page again and again. */
export class Prover {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private idle: number | undefined;
  private last = "";
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly ids: Ids,
    private readonly host: ProofHost,
  ) {}

  /** Begins; gives the way to end. */
  start(): () => void {
    this.plan();
    return () => {
      clearTimeout(this.timer);
      if (this.idle !== undefined) this.page.cancelIdleCallback?.(this.idle);
    };
  }

  private plan(): void {
    this.timer = setTimeout(() => {
      const mark = this.host.mark();
      if (mark === null || this.page.document.visibilityState === "hidden") this.plan();
      else this.walk(mark, new Proof(), livingNodes(this.page.document, this.ids), 0);
    }, PROOF_INTERVAL_MS);
  }

  private walk(mark: string, proof: Proof, nodes: Iterator<Living>, seen: number): void {
    const slice = (): void => {
      this.idle = undefined;
      if (this.host.mark() !== mark) {
        this.plan();
        return;
      }
      const until = performance.now() + PROOF_SLICE_MS;
      let count = seen;
      let isOver = false;
      while (!isOver && performance.now() < until) {
        const taken: Living[] = [];
        while (!isOver && taken.length < SLICE_NODES) {
          const next = nodes.next();
          if (next.done === true) isOver = true;
          else taken.push(next.value);
        }
        count += taken.length;
        this.hash(proof, taken);
      }
      if (count > PROOF_NODES_MAX) this.plan();
      else if (isOver) this.settle(mark, proof.value);
      else this.walk(mark, proof, nodes, count);
    };
    if (this.page.requestIdleCallback) this.idle = this.page.requestIdleCallback(slice, { timeout: 1_000 });
    else this.timer = setTimeout(slice, 0);
  }

  /** A field that a script has set a moment ago is told a moment later. */
  private settle(mark: string, hash: string): void {
    this.timer = setTimeout(() => {
      const isStale = `${mark}${hash}` === this.last && performance.now() - this.lastAt < PROOF_REST_MS;
      if (this.host.mark() === mark && !isStale) {
        this.host.onProof(hash);
        // The proof itself was recorded as facts: the page is still as it was.
        this.last = `${this.host.mark() ?? ""}${hash}`;
        this.lastAt = performance.now();
      }
      this.plan();
    }, PROOF_SETTLE_MS);
  }

  private hash(proof: Proof, living: readonly Living[]): void {
    const childNodes = living.map(serialize);
    const masked = this.host.mask({
      type: EventType.FullSnapshot,
      data: { node: { type: NodeType.Document, id: 1, childNodes }, initialOffset: { top: 0, left: 0 } },
      timestamp: 0,
    });
    if (masked?.type !== EventType.FullSnapshot || masked.data.node.type !== NodeType.Document) return;
    masked.data.node.childNodes.forEach((node, at) => {
      const from = living[at];
      if (!from) return;
      const { parent, isShadow } = from;
      if (node.type === NodeType.Text) {
        const text = node.textContent;
        proof.add({ id: node.id, parent, isShadow, tag: "", get: () => null, text, isChecked: false });
      } else if (node.type === NodeType.Element) {
        const { attributes } = node;
        const get = (name: string): string | null => {
          const value = attributes[name];
          return value === true ? "" : typeof value === "string" ? value : null;
        };
        const isChecked = attributes.checked === true;
        const text = isTyped(node.tagName, get("type") ?? "text") ? (get("value") ?? "") : "";
        proof.add({ id: node.id, parent, isShadow, tag: node.tagName, get, text, isChecked });
      }
    });
  }
}

/** A live node that rrweb has given an id. */
interface Living {
  readonly id: number;
  readonly parent: number;
  readonly isShadow: boolean;
  readonly node: Element | Text;
}

/** Every element and text with an id, in the order of the composed document. */
export function* livingNodes(page: Document, ids: Ids): Generator<Living, undefined> {
  const stack: [node: Node, parent: number, isShadow: boolean][] = [];
  const push = (nodes: NodeListOf<ChildNode>, parent: number, isShadow: boolean): void => {
    for (let at = nodes.length - 1; at >= 0; at -= 1) stack.push([nodes[at] as Node, parent, isShadow]);
  };
  push(page.childNodes, ids.getId(page), false);
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [node, parent, isShadow] = next;
    const id = ids.getId(node);
    if (id < 1) continue;
    if (node.nodeType === Node.DOCUMENT_NODE) push(node.childNodes, id, false);
    else if (node.nodeType === Node.TEXT_NODE) yield { id, parent, isShadow, node: node as Text };
    else if (node.nodeType === Node.ELEMENT_NODE) {
      const element = node as Element;
      const tag = element.localName;
      if (tag === WIDGET_TAG) continue;
      yield { id, parent, isShadow, node: element };
      if (isOpaque(tag)) continue;
      push(element.childNodes, id, false);
      if (tag === "iframe") {
        const inside = (element as HTMLIFrameElement).contentDocument;
        if (inside) stack.push([inside, id, false]);
      }
      const root = rootOf(element);
      if (root) push(root.childNodes, id, true);
    }
  }
  return undefined;
}

function serialize({ id, node }: Living): serializedNodeWithId {
  if (node.nodeType === Node.TEXT_NODE) {
    return { type: NodeType.Text, id, textContent: node.nodeValue ?? "" };
  }
  const element = node as HTMLInputElement;
  const attributes: Record<string, string | true> = {};
  for (const { name, value } of element.attributes) attributes[name] = value;
  if (element.localName === "input" || element.localName === "textarea") {
    delete attributes.checked;
    attributes.value = element.value;
    if (element.checked) attributes.checked = true;
  }
  return { type: NodeType.Element, id, tagName: element.localName, attributes, childNodes: [] };
}

/** Nodes that pass the choke point at once. */
const SLICE_NODES = 100;
