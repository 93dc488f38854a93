/**
 * What a page and a frame of another origin say to each other, and how each reads the other. ARCHITECTURE.md, walk-through 3.
 *
 * Owns the words of the handshake on the windows and of what follows on the port. Both sides take the other's words for a
 * stranger's: a message is a text of bounded length, and whatever is not exactly one of these is none.
 */

import { EventType, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";

import { isCount, isRecord, isToken } from "../protocol/payloads.js";
import { validateDiff, validateKeyframe, validatePointer } from "../viewer/validate.js";
import { MARKS_MAX, MESSAGE_CHARS_MAX } from "./limits.js";

/** Key of the handshake's messages. Their words hold no content. */
export const HANDSHAKE = "glance_frame";

/** From a frame, once its document stands: its tag is here; then, once it was asked: it may be given a port. */
export type Hello = "here" | "ready";

/** What a frame says on its port. `gen` is the page's last wish for a snapshot. */
export type FromFrame =
  | {
      readonly kind: "page";
      readonly gen: number;
      readonly node: serializedNodeWithId;
      readonly left: number;
      readonly top: number;
    }
  | { readonly kind: "diff"; readonly gen: number; readonly events: readonly eventWithTime[] }
  | { readonly kind: "pointer"; readonly x: number; readonly y: number; readonly id: number }
  | { readonly kind: "proof"; readonly gen: number; readonly hash: string }
  /** Where the marked nodes are: id, left, top, width, height. */
  | { readonly kind: "boxes"; readonly boxes: readonly Box[] }
  /** Something that was sent is masked now: nobody may keep it. */
  | { readonly kind: "purge" }
  | { readonly kind: "pong" }
  /** The document goes away, or cannot be shown. */
  | { readonly kind: "leave" }
  /** The port was given with a code that is none. */
  | { readonly kind: "refused" };

/** A node's id and its box in the frame's viewport. */
export type Box = readonly [id: number, left: number, top: number, width: number, height: number];

/** What a page says on a frame's port. */
export type ToFrame =
  /** Asks for a snapshot, which will bear this number, as will all that follows. */
  | { readonly kind: "ask"; readonly gen: number }
  /** So many messages were taken. */
  | { readonly kind: "taken"; readonly count: number }
  /** These nodes are highlighted by agents: it wants to know where they are. */
  | { readonly kind: "mark"; readonly ids: readonly number[] }
  | { readonly kind: "ping" }
  /** Nothing more is wanted; `again`: the frame was silent, and may say that it is there. */
  | { readonly kind: "end"; readonly again: boolean };

/** Reads the first words of a frame. */
export function readHello(data: unknown): Hello | null {
  const word = isRecord(data) ? data[HANDSHAKE] : null;
  return word === "here" || word === "ready" ? word : null;
}

/** Reads the page's answer: the code that comes with the port. */
export function readCode(data: unknown): string | null {
  if (!isRecord(data) || data[HANDSHAKE] !== "port" || !isToken(data.code)) return null;
  return data.code.length <= CODE_CHARS_MAX ? data.code : null;
}

/** Reads a frame's message; `null` for what no frame of ours sends. */
export function readFromFrame(text: unknown): FromFrame | null {
  const message = parse(text);
  if (!message) return null;
  const { kind, gen } = message;
  try {
    switch (kind) {
      case "page":
        return isCount(gen) ? readPage(gen, message) : null;
      case "diff":
        // What an attribute may hold of an element that stands already, the viewer looks at: it knows which one it is.
        return isCount(gen) ? { kind, gen, events: validateDiff(message.events, () => "div") } : null;
      case "pointer": {
        const at = validatePointer(message.event);
        return at && { kind, ...at };
      }
      case "proof":
        return isCount(gen) && typeof message.hash === "string" && HASH.test(message.hash)
          ? { kind, gen, hash: message.hash }
          : null;
      case "boxes":
        return isBoxes(message.boxes) ? { kind, boxes: message.boxes } : null;
      case "purge":
      case "pong":
      case "leave":
      case "refused":
        return { kind };
      default:
        return null;
    }
  } catch {
    return null;
  }
}

/** Reads a page's message. */
export function readToFrame(text: unknown): ToFrame | null {
  const message = parse(text);
  switch (message?.kind) {
    case "ask":
      return isCount(message.gen) ? { kind: "ask", gen: message.gen } : null;
    case "taken":
      return isCount(message.count) ? { kind: "taken", count: message.count } : null;
    case "mark": {
      const { ids } = message;
      const isList = Array.isArray(ids) && ids.length <= MARKS_MAX && ids.every(isCount);
      return isList ? { kind: "mark", ids } : null;
    }
    case "ping":
      return { kind: "ping" };
    case "end":
      return { kind: "end", again: message.again === true };
    default:
      return null;
  }
}

/** A frame's snapshot is read as a viewer reads a keyframe. */
function readPage(gen: number, message: Record<string, unknown>): FromFrame | null {
  const { node, left, top } = message;
  const [, full] = validateKeyframe([
    { type: EventType.Meta, data: { href: "", width: 0, height: 0 }, timestamp: 0 },
    { type: EventType.FullSnapshot, data: { node, initialOffset: { left, top } }, timestamp: 0 },
  ]);
  if (full?.type !== EventType.FullSnapshot) return null;
  const { initialOffset } = full.data;
  return { kind: "page", gen, node: full.data.node, left: initialOffset.left, top: initialOffset.top };
}

function isBoxes(value: unknown): value is Box[] {
  const isBox = (box: unknown): boolean =>
    Array.isArray(box) && box.length === 5 && box.every(Number.isFinite);
  return Array.isArray(value) && value.length <= MARKS_MAX && value.every(isBox);
}

function parse(text: unknown): Record<string, unknown> | null {
  if (typeof text !== "string" || text.length > MESSAGE_CHARS_MAX) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

const HASH = /^[0-9a-f]{16}$/;

/** A code is 256 bits; it goes into a request. */
const CODE_CHARS_MAX = 64;
