/**
 * Proves the mirror: hashes a fresh walk of the live page, after masking. PROTOCOL.md section 4.
 *
 * Owns the walk, its slices and its pace. Nothing of the page is hashed that did not pass the choke point: each slice
 * goes through it as a snapshot of its own. A page that changes during a walk ends it; another follows.
 */

import { guarded } from "../guard/guard.js";
import { EventType, NodeType, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";

import { isTyped, Proof } from "../protocol/proof.js";
import {
  PROOF_INTERVAL_MS,
  PROOF_NODES_MAX,
  PROOF_REST_MS,
  PROOF_SETTLE_MS,
  PROOF_SLICE_MS,
} from "../visitor/limits.js";
import type { Masked } from "../visitor/mask.js";
import { attributesOf } from "../visitor/tree.js";
import { livingNodes, type Known, type Living } from "./living.js";

/** What a proof needs from the recorder. */
export interface ProofHost {
  /** Changes whenever something was recorded; `null` while nothing can be proven. */
  mark(): string | null;
  /** The numbers that agents know nodes by, and the shadow trees. */
  readonly known: Known;
  /** The proof that a frame of another origin gives of itself; `null` where none is shown. */
  proofIn(frame: Node): string | null;
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
    this.timer = setTimeout(
      guarded(() => {
        const mark = this.host.mark();
        if (mark === null || this.page.document.visibilityState === "hidden") this.plan();
        else this.walk(mark, new Proof(), livingNodes(this.page.document, this.host.known), 0);
      }),
      PROOF_INTERVAL_MS,
    );
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
    if (this.page.requestIdleCallback)
      this.idle = this.page.requestIdleCallback(guarded(slice), { timeout: 1_000 });
    else this.timer = setTimeout(guarded(slice), 0);
  }

  /** A field that a script has set a moment ago is told a moment later. */
  private settle(mark: string, hash: string): void {
    this.timer = setTimeout(
      guarded(() => {
        const isStale = `${mark}${hash}` === this.last && performance.now() - this.lastAt < PROOF_REST_MS;
        if (this.host.mark() === mark && !isStale) {
          this.host.onProof(hash);
          // The proof itself was recorded as facts: the page is still as it was.
          this.last = `${this.host.mark() ?? ""}${hash}`;
          this.lastAt = performance.now();
        }
        this.plan();
      }),
      PROOF_SETTLE_MS,
    );
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
        const inner = node.tagName === "iframe" ? this.host.proofIn(from.node) : null;
        if (inner !== null) proof.addFrame(node.id, inner);
      }
    });
  }
}

function serialize({ id, node }: Living): serializedNodeWithId {
  if (node.nodeType === Node.TEXT_NODE) {
    return { type: NodeType.Text, id, textContent: node.nodeValue ?? "" };
  }
  const element = node as HTMLInputElement;
  const attributes: Record<string, string | true> = {};
  for (const { name, value } of attributesOf(element)) attributes[name] = value;
  if (element.localName === "input" || element.localName === "textarea") {
    delete attributes.checked;
    attributes.value = element.value;
    if (element.checked) attributes.checked = true;
  }
  const tagName = element.prefix ? element.nodeName : element.localName;
  return { type: NodeType.Element, id, tagName, attributes, childNodes: [] };
}

/** Nodes that pass the choke point at once. */
const SLICE_NODES = 100;
