/**
 * Cuts a tree into parts that each fit into a message and into a frame of the wire.
 *
 * Owns where it is cut: at elements whose children may come later, never inside a style or a text field.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type addedNodeMutation,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";
import { jsonOf } from "../protocol/json.js";

/** A tree without what comes later, and that, each behind what it stands in. */
export interface Pieces {
  readonly root: serializedNodeWithId;
  readonly later: readonly addedNodeMutation[];
}

/** Cuts after about so many characters; `isBare`: all but the outermost element comes later. */
export function cutTree(whole: serializedNodeWithId, charsSoft: number, isBare = false): Pieces {
  const later: addedNodeMutation[] = [];
  const root = piece(whole, { room: isBare ? 0 : charsSoft }, later);
  // What is cut off may be too long itself: it is cut in turn, behind what it stands in.
  for (const [at, add] of later.entries())
    later[at] = { ...add, node: piece(add.node, { room: charsSoft }, later) };
  return { root, later };
}

/** An event that adds trees; `isDocument`: a document, in a frame's element. */
export function mutation(adds: readonly addedNodeMutation[], isDocument = false): eventWithTime {
  const data = {
    source: IncrementalSource.Mutation,
    texts: [],
    attributes: [],
    removes: [],
    adds: [...adds],
  };
  return {
    type: EventType.IncrementalSnapshot,
    data: isDocument ? { ...data, isAttachIframe: true } : data,
    timestamp: Date.now(),
  } as eventWithTime;
}

/** How long a tree is as JSON, about. */
export function lengthOf(node: serializedNodeWithId): number {
  return jsonOf(node).length;
}

function piece(
  node: serializedNodeWithId,
  left: { room: number },
  later: addedNodeMutation[],
): serializedNodeWithId {
  if (node.type !== NodeType.Document && node.type !== NodeType.Element) {
    left.room -= lengthOf(node);
    return node;
  }
  const isWhole = node.type === NodeType.Element && WHOLE.has(node.tagName);
  left.room -= isWhole ? lengthOf(node) : lengthOf({ ...node, childNodes: [] });
  if (isWhole) return node;
  const childNodes: serializedNodeWithId[] = [];
  for (const child of node.childNodes) {
    // A document's own children make it one: they come with it.
    if (left.room > 0 || node.type === NodeType.Document) childNodes.push(piece(child, left, later));
    else later.push({ parentId: node.id, nextId: null, node: child });
  }
  return { ...node, childNodes };
}

/** Elements whose children mean nothing one by one. */
const WHOLE = new Set(["style", "textarea", "title", "select"]);
