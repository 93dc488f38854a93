/**
 * What agents may mean by a node id: which live node it is, and whether it is still what they saw.
 *
 * Owns the memory of when a node's meaning last changed, in frames that were sent. What may be done with a target is
 * `assist/`'s; whether it is masked is the choke point's word, taken at that moment. PROTOCOL.md section 4.1.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

/** What targets need to know. */
export interface TargetsHost {
  nodeOf(id: number): Node | null;
  /** Last reliable frame; `null` while nothing may be sent. */
  position(): { readonly epoch: number; readonly sequence: number } | null;
}

/** A frame's position. */
interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

/** Targets of one page and connection. */
export class Targets {
  /** Sequence at which a node itself, or its texts and elements, last changed their meaning. */
  private itself = new WeakMap<Node, number>();
  private content = new WeakMap<Node, number>();

  /** What has changed in frames before this one, nobody knows. */
  private since: number;

  constructor(private readonly host: TargetsHost) {
    this.since = host.position()?.sequence ?? 0;
  }

  /** A new epoch: ids are given anew. */
  begin(): void {
    this.since = 0;
    this.itself = new WeakMap();
    this.content = new WeakMap();
  }

  /** Notes what was sent with the frame of that sequence. */
  sent(events: readonly eventWithTime[], sequence: number): void {
    for (const event of events) {
      if (event.type !== EventType.IncrementalSnapshot) continue;
      const { data } = event;
      if (data.source !== IncrementalSource.Mutation) continue;
      for (const { id, attributes } of data.attributes) {
        const node = this.host.nodeOf(id);
        if (!node || !Object.keys(attributes).some((name) => isMeaning(node, name))) continue;
        this.itself.set(node, sequence);
        this.noteContent(node, sequence);
      }
      const touched = [
        ...data.texts.map(({ id }) => id),
        ...data.adds.map(({ parentId }) => parentId),
        ...data.removes.map(({ parentId }) => parentId),
      ];
      for (const id of touched) this.noteContent(this.host.nodeOf(id), sequence);
    }
  }

  /** The live node that an agent meant, or why there is none. `whole`: its content counts too. */
  find(id: number, seen: Position, whole: boolean): Node | "stale" | "gone" {
    const now = this.host.position();
    if (now?.epoch !== seen.epoch || seen.sequence > now.sequence || seen.sequence < this.since)
      return "stale";
    const node = this.host.nodeOf(id);
    if (!node?.isConnected) return "gone";
    const changed = Math.max(this.itself.get(node) ?? 0, whole ? (this.content.get(node) ?? 0) : 0);
    return changed > seen.sequence ? "stale" : node;
  }

  private noteContent(changed: Node | null, sequence: number): void {
    let node = changed;
    for (let level = 0; node && level <= LEVELS; level += 1) {
      this.content.set(node, sequence);
      node = node.parentNode ?? (node as Partial<ShadowRoot>).host ?? null;
    }
  }
}

/** Whether an attribute says what an element is, or where it leads. */
function isMeaning(node: Node, name: string): boolean {
  if (name === "value") return node.nodeName === "BUTTON" || BUTTONS.has((node as HTMLInputElement).type);
  return MEANINGS.has(name);
}

/** How far up a change reaches: from a text through an icon and a label to its button. */
const LEVELS = 3;

/** Types of inputs that are buttons. */
export const BUTTONS = new Set(["button", "submit", "reset", "image"]);

const MEANINGS = new Set(["href", "type", "name", "id", "for", "role", "action", "formaction", "aria-label"]);
