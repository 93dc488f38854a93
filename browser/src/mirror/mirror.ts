/**
 * What makes the picture of one recorder whole: what rrweb does not tell of a page, and the proof of all that is told.
 *
 * Owns the order of these. It is there before the first keyframe, where the part has loaded; without it the page is shown as
 * rrweb tells of it. Masks are no business of this part: what it finds goes through the choke point like everything else.
 */

import { EventType, IncrementalSource, type eventWithTime, type serializedNodeWithId } from "@rrweb/types";

import { hearFaults } from "../guard/guard.js";
import type { Ids } from "../visitor/tree.js";
import type { Known } from "./living.js";
import { Targets, type TargetsHost } from "./meant.js";
import { Prover, type ProofHost } from "./proof.js";
import { learnRules, type Sources } from "./sources.js";
import { PageStates } from "./states.js";
import { StyleWatcher } from "./styles.js";
import { tellUnsaid } from "./unsaid.js";

/** What it asks of the recorder. */
export interface MirrorHost extends Sources {
  readonly ids: Ids & Known;
  /** Gets the canvases that are recorded; `null` where nobody asks. */
  readonly canvases: Set<HTMLCanvasElement> | null;
  readonly proving: ProofHost;
  readonly position: TargetsHost["position"];
  readonly emit: (event: eventWithTime) => void;
  /** Tells of attributes that no mutation has. */
  readonly send: (node: Node, attributes: Record<string, unknown>) => void;
  /** Something changed that no event can tell; a keyframe can. */
  renew(): void;
  /** Hears of errors of this part's own: the picture may miss something. */
  readonly fault: (error: unknown) => void;
}

/** The mirror of one recorder. */
export class Mirror {
  private readonly meant: Targets;
  private readonly states: PageStates;
  private readonly styles: StyleWatcher;
  private isStopped = false;

  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly host: MirrorHost,
  ) {
    const { ids, position, emit, send, canvases } = host;
    hearFaults(host.fault);
    this.meant = new Targets({ nodeOf: (id) => ids.getNode(id), position });
    this.styles = new StyleWatcher(() => {
      host.renew();
    });
    this.states = new PageStates(page, ids, emit, send, this.styles.watch, canvases);
  }

  /** Begins to listen and to wrap; gives the way back. */
  start(): () => void {
    const stops = [
      this.states.start(),
      this.styles.start(),
      new Prover(this.page, this.host.proving).start(),
    ];
    return () => {
      this.isStopped = true;
      for (const stop of stops) stop();
    };
  }

  /** The same event with what rrweb has left out; `null` when it says nothing true. */
  complete(event: eventWithTime): eventWithTime | null {
    const whole = this.states.complete(event);
    if (
      whole?.type === EventType.IncrementalSnapshot &&
      whole.data.source === IncrementalSource.AdoptedStyleSheet
    ) {
      const { ids } = this.host;
      const node = ids.getNode(whole.data.id);
      this.styles.noteList(node && (ids.rootOf(node) ?? (node as Document)));
    }
    return whole;
  }

  /** A snapshot begins. */
  begin(): void {
    this.states.begin();
  }

  /** Completes a node of a snapshot. */
  node(node: serializedNodeWithId): void {
    this.states.node(node);
  }

  /** The page was read: ids are given anew. */
  read(): void {
    this.meant.begin();
  }

  /** Its keyframe is out: what neither attributes nor sheets say follows, until `isOver`. */
  tell(isOver: () => boolean): void {
    const { ids, roots, emit } = this.host;
    tellUnsaid(this.page.document, ids, roots, isOver, emit);
  }

  /** Notes what was sent with the frame of that sequence. */
  sent(events: readonly eventWithTime[], sequence: number): void {
    this.meant.sent(events, sequence);
  }

  /** The live node that an agent meant. */
  readonly find: Targets["find"] = (id, seen, whole) => this.meant.find(id, seen, whole);

  /** Rules that the browser wrote without their values are told once more when it is known what stood there. */
  async learn(): Promise<void> {
    const { host } = this;
    if (host.unread.size > 0 && (await learnRules(this.page, host)) && !this.isStopped) host.renew();
  }
}
