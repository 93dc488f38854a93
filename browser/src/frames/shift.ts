/**
 * Moves what a frame has recorded into its own space of ids, so that no number of it can mean a node of the page.
 *
 * Owns the walk over validated events. What tells about more than the frame itself is left out: sizes of its window, which
 * are none of the page's.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type incrementalData,
  type serializedNodeWithId,
} from "@rrweb/types";

import { SPACE_IDS, spaceOf } from "../protocol/spaces.js";

/** A number that no document of a frame has. */
export class StrangeId extends Error {}

/** Moves ids into one space. */
export class Shift {
  private readonly base: number;

  /** `root` is the frame's document, by its own number. */
  constructor(
    space: number,
    private readonly root: number,
  ) {
    this.base = space * SPACE_IDS;
  }

  /** An id, or the -1 and -2 of no node. */
  id(own: number): number {
    if (own >= SPACE_IDS) throw new StrangeId();
    return own < 1 ? own : own + this.base;
  }

  /** Whether an id is of this space. */
  holds(id: number): boolean {
    return spaceOf(id) * SPACE_IDS === this.base;
  }

  /** A tree. To the agents' picture the frame's document is none of its own: its nodes say which one they belong to. */
  tree(node: serializedNodeWithId): serializedNodeWithId {
    const moved = { ...node, id: this.id(node.id) };
    if (moved.type !== NodeType.Document) moved.rootId = this.id(node.rootId ?? this.root);
    if (moved.type === NodeType.Document || moved.type === NodeType.Element)
      moved.childNodes = moved.childNodes.map((child) => this.tree(child));
    return moved;
  }

  /** Changes. */
  events(events: readonly eventWithTime[]): eventWithTime[] {
    return events.flatMap((event): eventWithTime[] => {
      if (event.type === EventType.Custom) return [event];
      if (event.type !== EventType.IncrementalSnapshot) return [];
      const data = this.data(event.data);
      return data ? [{ ...event, data }] : [];
    });
  }

  private data(data: incrementalData): incrementalData | null {
    switch (data.source) {
      case IncrementalSource.Mutation:
        return {
          ...data,
          texts: data.texts.map((text) => ({ ...text, id: this.id(text.id) })),
          attributes: data.attributes.map((change) => ({ ...change, id: this.id(change.id) })),
          removes: data.removes.map((gone) => ({
            ...gone,
            id: this.id(gone.id),
            parentId: this.id(gone.parentId),
          })),
          adds: data.adds.map(({ parentId, nextId, node }) => ({
            parentId: this.id(parentId),
            nextId: nextId === null ? null : this.id(nextId),
            node: this.tree(node),
          })),
        };
      case IncrementalSource.MouseMove:
      case IncrementalSource.TouchMove:
      case IncrementalSource.Drag:
        return { ...data, positions: data.positions.map((at) => ({ ...at, id: this.id(at.id) })) };
      case IncrementalSource.MouseInteraction:
      case IncrementalSource.Scroll:
      case IncrementalSource.Input:
      case IncrementalSource.MediaInteraction:
        return { ...data, id: this.id(data.id) };
      case IncrementalSource.StyleSheetRule:
      case IncrementalSource.StyleDeclaration: {
        const { id, styleId } = data;
        return {
          ...data,
          ...(id === undefined ? {} : { id: this.id(id) }),
          ...(styleId === undefined ? {} : { styleId: this.id(styleId) }),
        };
      }
      case IncrementalSource.AdoptedStyleSheet:
        return {
          ...data,
          id: this.id(data.id),
          styleIds: data.styleIds.map((id) => this.id(id)),
          ...(data.styles
            ? { styles: data.styles.map((style) => ({ ...style, styleId: this.id(style.styleId) })) }
            : {}),
        };
      case IncrementalSource.Selection:
        return {
          ...data,
          ranges: data.ranges.map((range) => ({
            ...range,
            start: this.id(range.start),
            end: this.id(range.end),
          })),
        };
      default:
        return null;
    }
  }
}
