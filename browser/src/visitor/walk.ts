/**
 * A snapshot's way through the page, which can rest anywhere: rrweb tells one node after the other.
 *
 * Owns the order (a document, its children, a host's shadow tree behind its own children), the place where it goes on, and the
 * word that it cannot. Between two tasks the page may change. What rrweb tells of then concerns nodes that were told before, and
 * follows the snapshot; what it does not know yet it leaves out, and the walk meets it as it is by then. So only a change of
 * the very place where the walk rests makes it begin anew. The build puts this in the place of rrweb's own (`browser/rrweb.mjs`).
 */

import { EventType, IncrementalSource, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";

import type { Ids } from "./tree.js";

/** The tree as rrweb sees it, whatever the page has put in the browser's place. */
export interface Tree {
  firstChild(node: Node): Node | null;
  nextSibling(node: Node): Node | null;
  parentNode(node: Node): Node | null;
  shadowRoot(node: Node): ShadowRoot | null;
}

/** Tells one node without what is below it; `null` leaves it out. `isTight`: without gaps between elements. `isStyled`: its rules were told by its parent. */
export type Tell = (node: Node, isTight: boolean, isStyled: boolean) => serializedNodeWithId | null;

/** Takes a node in; gives the list that its children come into, `null` where they are known and not shown. */
export type Put = (node: serializedNodeWithId, into: serializedNodeWithId[]) => serializedNodeWithId[] | null;

/** A node whose children are being told. */
interface Level {
  readonly live: Node;
  readonly into: serializedNodeWithId[] | null;
  readonly isTight: boolean;
  readonly isStyled: boolean;
  /** The last child that agents know, from which the walk goes on in another task. */
  last: Node | null;
  restsAt: number;
  at: Node | null;
}

/** One walk. */
export class Walk {
  private readonly levels: Level[] = [];
  private root: serializedNodeWithId | null;

  constructor(
    private readonly top: Node,
    private readonly tree: Tree,
    private readonly ids: Ids,
    private readonly tell: Tell,
  ) {
    // Its number is the first, and known from now on.
    this.root = tell(top, false, false);
  }

  /** Whether a change has taken away what the walk goes on from. */
  isShaken({ type, data }: eventWithTime): boolean {
    if (type !== EventType.IncrementalSnapshot || data.source !== IncrementalSource.Mutation) return false;
    return data.removes.some(({ id }) => this.levels.some(({ restsAt }) => restsAt === id));
  }

  /** Goes on until `isOver`. `again`: the page has changed where the walk was. */
  go(put: Put, isOver: () => boolean): "more" | "done" | "again" {
    const { levels, tree, ids, root } = this;
    if (root) {
      this.root = null;
      this.enter(this.top, root, put(root, []), false);
    }
    for (const level of levels) {
      if (level.last && tree.parentNode(level.last) !== level.live) return "again";
      level.at = level.last;
    }
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const node: Node | null = level.at ? tree.nextSibling(level.at) : tree.firstChild(level.live);
      level.at = node;
      if (!node) {
        levels.pop();
        continue;
      }
      if (isOver()) return "more";
      let id = ids.getId(node);
      if (id === NEW) {
        const told = this.tell(node, level.isTight, level.isStyled);
        if (!told) continue;
        ({ id } = told);
        this.enter(node, told, level.into && put(told, level.into), level.isTight);
      } else if (id > 0 && !ids.getNode(id)) {
        // It was told where it stood before, and went to where nobody was told of it.
        return "again";
      }
      if (id > 0) {
        level.last = node;
        level.restsAt = id;
      }
    }
    return "done";
  }

  private enter(
    live: Node,
    told: serializedNodeWithId,
    into: serializedNodeWithId[] | null,
    isTight: boolean,
  ): void {
    if (!("childNodes" in told)) return;
    const { tagName, attributes } = told as { tagName?: string; attributes?: Record<string, unknown> };
    const below = (parent: Node): void => {
      this.levels.push({
        live: parent,
        into,
        isTight: isTight || tagName === "head",
        isStyled: attributes?._cssText !== undefined,
        last: null,
        restsAt: 0,
        at: null,
      });
    };
    const root = this.tree.shadowRoot(live);
    if (root) below(root);
    // A field's text is its value.
    if (tagName !== "textarea" || attributes?.value === undefined) below(live);
  }
}

/** Number of a node that rrweb does not know; those that it leaves out have another below 0. */
const NEW = -1;
