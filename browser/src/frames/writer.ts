/**
 * What a frame's recorder writes to: the port of the page that it joined, in place of a connection.
 *
 * Owns the messages of a snapshot and of changes, and how many characters the page has not taken yet. Takes only what passed
 * the frame's own choke point.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

import type { MaskedFacts, Sent } from "../visitor/epoch.js";
import type { Masked } from "../visitor/mask.js";
import type { Writer } from "../visitor/recorder.js";
import { inSlices } from "../visitor/slices.js";
import { MESSAGE_CHARS_MAX, MESSAGE_CHARS_SOFT, PIECE_CHARS_SOFT } from "./limits.js";
import { cutTree, mutation } from "./pieces.js";
import { jsonOf } from "../protocol/json.js";

/** Writes one frame's page to its parent's port. */
export class PortWriter implements Writer {
  private snapshots = 0;
  private diffs = 0;
  /** Characters of messages that were not taken yet, the oldest first. */
  private readonly waiting: number[] = [];
  /** A snapshot that is being written. */
  private opening: Iterator<undefined, Sent> | null = null;
  isOpen = false;
  /** The page's last wish for a snapshot. */
  gen = 0;

  /** `put` sends one message. */
  constructor(private readonly put: (text: string) => void) {}

  get position(): { readonly epoch: number; readonly sequence: number } {
    return { epoch: this.snapshots, sequence: this.diffs };
  }

  get isOpening(): boolean {
    return this.opening !== null;
  }

  /** Characters that wait. */
  get bufferedChars(): number {
    return this.waiting.reduce((sum, chars) => sum + chars, 0);
  }

  /** The page has taken the oldest messages. */
  taken(count: number): void {
    this.waiting.splice(0, count);
  }

  beginInSlices(
    _facts: MaskedFacts,
    keyframe: readonly Masked<eventWithTime>[],
    isPurge: boolean,
    then: (sent: Sent) => void,
  ): void {
    this.close();
    this.snapshots += 1;
    this.diffs = 0;
    if (isPurge) this.say({ kind: "purge" });
    const opening = this.open(keyframe);
    this.opening = opening;
    inSlices(() => {
      if (this.opening !== opening) return false;
      const step = opening.next();
      if (step.done !== true) return true;
      this.opening = null;
      this.isOpen = step.value === "sent";
      then(step.value);
      return false;
    });
  }

  /** A snapshot in messages of their own tasks. Resources go before what names them, so that part comes later. */
  private *open(keyframe: readonly Masked<eventWithTime>[]): Generator<undefined, Sent> {
    const { gen } = this;
    const resources = keyframe.filter(({ type }) => type === EventType.Custom);
    const full = keyframe.find(({ type }) => type === EventType.FullSnapshot);
    if (full?.type !== EventType.FullSnapshot) return "too_large";
    const { node, initialOffset } = full.data;
    const { root, later } = cutTree(node, PIECE_CHARS_SOFT, resources.length > 0);
    if (!this.say({ kind: "page", gen, node: root, left: initialOffset.left, top: initialOffset.top }))
      return "too_large";
    for (const group of groupsOf([...resources, ...later.map((add) => mutation([add]))])) {
      yield;
      if (!this.say({ kind: "diff", gen, events: group })) return "too_large";
    }
    return "sent";
  }

  diff(events: readonly Masked<eventWithTime>[]): Sent {
    if (!this.isOpen) return "needs_epoch";
    const { gen } = this;
    this.diffs += 1;
    // What is too long for a message is told with a new snapshot, where it may be cut.
    const isSent = groupsOf(events).every((group) => this.say({ kind: "diff", gen, events: group }));
    return isSent ? "sent" : "needs_epoch";
  }

  /** Of its facts a frame tells the proof. */
  facts({ proof }: MaskedFacts): void {
    if (this.isOpen && proof !== undefined) this.say({ kind: "proof", gen: this.gen, hash: proof });
  }

  pointer(event: Masked<eventWithTime>): void {
    if (this.isOpen) this.say({ kind: "pointer", event });
  }

  close(): void {
    this.isOpen = false;
    this.opening = null;
  }

  part(): void {
    this.say({ kind: "leave" });
  }

  private say(message: object): boolean {
    const text = jsonOf(message);
    if (text.length > MESSAGE_CHARS_MAX) return false;
    this.waiting.push(text.length);
    this.put(text);
    return true;
  }
}

/** Events in groups that each make a message. */
function groupsOf(events: readonly eventWithTime[]): eventWithTime[][] {
  const groups: eventWithTime[][] = [];
  let room = 0;
  for (const event of events) {
    if (isOfWindow(event)) continue;
    const { length } = jsonOf(event);
    if (length > room) {
      groups.push([]);
      room = MESSAGE_CHARS_SOFT;
    }
    groups.at(-1)?.push(event);
    room -= length;
  }
  return groups;
}

/** The size of a frame's window is told by its element. */
function isOfWindow(event: eventWithTime): boolean {
  return (
    event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.ViewportResize
  );
}
