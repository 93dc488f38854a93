/**
 * The proof that both browsers hold the same page: what is hashed, and how. PROTOCOL.md section 4.
 *
 * Owns the hash and the normal form of a node, so that both sides cannot drift apart. Where the nodes come from is
 * `visitor/proof.ts`'s (a fresh walk of the live page, masked) and `viewer/proof.ts`'s (the rebuilt page).
 */

import { MASK } from "./masked.js";

/** A node as both sides can know it. */
export interface ProofNode {
  readonly id: number;
  readonly parent: number;
  /** Whether it stands in its parent's shadow tree. */
  readonly isShadow: boolean;
  /** Local name in any case, or `""` for a text. */
  readonly tag: string;
  /** An attribute's value, or `null`. */
  readonly get: (name: string) => string | null;
  /** A text, or what a field shows. */
  readonly text: string;
  readonly isChecked: boolean;
}

/** Hashes nodes in the order of the document. */
export class Proof {
  private low = 0x811c9dc5;
  private high = 0x2545f491;

  /** Adds one node. */
  add(node: ProofNode): void {
    const { id, parent, isShadow, text } = node;
    // The recorder tells `linearGradient` in small letters; who rebuilds it knows better.
    const tag = node.tag.toLowerCase();
    this.words(`${String(id)}<${String(parent)}${isShadow ? "#" : ""}`);
    if (tag === "") {
      this.words(text);
      return;
    }
    this.words(STYLES.has(tag) ? "style" : tag);
    for (const name of ATTRIBUTES) {
      const value = node.get(name);
      const known = name === "class" ? classes(value ?? "") : value;
      if (known !== null) this.words(`${name}=${known}`);
    }
    // Of a masked field nobody may tell whether it is empty.
    this.words(`${text === MASK ? "" : text}${node.isChecked ? "!" : ""}`);
  }

  /** Adds the hash of a document that records itself, behind its frame's element. */
  addFrame(id: number, hash: string): void {
    this.words(`${String(id)}@${hash}`);
  }

  /** The hash so far, as 16 hex digits. */
  get value(): string {
    return hex(this.high) + hex(this.low);
  }

  private words(text: string): void {
    let { low, high } = this;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995);
      high ^= high >>> 13;
    }
    // An end that no text holds.
    this.low = Math.imul(low ^ 0x1ffff, 0x01000193);
    this.high = Math.imul(high ^ low, 0x5bd1e995);
  }
}

/** The proof in a facts payload, if it has one. */
export function readProof(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("proof" in value)) return null;
  const { proof } = value;
  return typeof proof === "string" && /^[0-9a-f]{16}$/.test(proof) ? proof : null;
}

/** Elements whose content is no part of the proof. */
export function isOpaque(tag: string): boolean {
  return OPAQUE.has(tag);
}

/** Whether a proof covers what this field shows. Buttons and choices are left out: a default looks like a choice. */
export function isTyped(tag: string, type: string): boolean {
  return tag === "textarea" || (tag === "input" && !UNTYPED.has(type.toLowerCase()));
}

/** The replayer's own classes are none of the page's; a name that comes twice is there once, as in the list that the replayer writes. */
function classes(value: string): string {
  const names = value
    .split(/\s+/)
    .filter((name) => name !== "" && name !== ":hover" && name !== "rrweb-paused");
  return [...new Set(names)].join(" ");
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

const STYLES = new Set(["style", "link"]);

const OPAQUE = new Set([
  "style",
  "link",
  "script",
  "noscript",
  "template",
  "base",
  "meta",
  "textarea",
  "title",
  "selectedcontent",
]);

const UNTYPED = new Set(["checkbox", "radio", "submit", "button", "reset", "image", "hidden", "file"]);

/** Attributes that neither side rewrites. */
const ATTRIBUTES = [
  "class",
  "id",
  "role",
  "title",
  "alt",
  "placeholder",
  "type",
  "dir",
  "lang",
  "hidden",
  "disabled",
  "readonly",
  "colspan",
  "rowspan",
  "open",
  "popover",
  "slot",
  "part",
  "aria-label",
  "aria-expanded",
  "aria-hidden",
  "aria-checked",
  "aria-selected",
  "d",
  "fill",
  "stroke",
  "points",
  "transform",
];
