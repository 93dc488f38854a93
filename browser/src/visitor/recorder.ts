/**
 * Records the page with rrweb, and decides when an epoch begins.
 *
 * Owns rrweb's options, the batching of what it emits, and the wait for a slow connection. What leaves goes through
 * `mask.ts` to `epoch.ts`; the connection itself is `session.ts`'s.
 */

import { guarded, launch, hearFaults, on, warn } from "../guard/guard.js";
import { record } from "@rrweb/record";
import { EventType, type eventWithTime } from "@rrweb/types";

import type { Answer, InkItem } from "../protocol/commands.js";
import type { VisitorSettings } from "../protocol/payloads.js";
import { rootOf } from "./closed.js";
import type { EpochWriter } from "./epoch.js";
import { Faults } from "./faults.js";
import { FactsWatcher } from "./facts.js";
import { findLatest } from "./latest.js";
import {
  BUFFERED_BYTES_MAX,
  BUFFERED_BYTES_RESUME,
  BUFFERED_CHECK_MS,
  EPOCH_INTERVAL_MS,
  READINGS_MAX,
} from "./limits.js";
import { Masker, type Masked } from "./mask.js";
import type { Targets } from "../mirror/meant.js";
import type { FirstParts, Foreign, ForeignHost, FrameSession, Mirror, MirrorModules } from "./parts.js";
import { startPatches } from "./patches.js";
import { PointerPace, pointerEvent } from "./pointer.js";
import { read } from "./reading.js";
import type { Resources } from "../mirror/resources.js";
import { watchRoot } from "./root.js";
import { parentsOf, Rules, type MaskMemory } from "./rules.js";
import { told } from "./told.js";
import type { Walk } from "./walk.js";
import { put, unread, written } from "./written.js";

/** Where the recorder writes: a connection, or the page around a frame. */
export type Writer = Pick<
  EpochWriter,
  "position" | "isOpen" | "isOpening" | "beginInSlices" | "diff" | "facts" | "pointer" | "close" | "part"
>;

/** What the recorder needs from the connection. */
export interface RecorderHost {
  readonly writer: Writer;
  bufferedBytes(): number;
  /** The page is too large for any epoch, or cannot be read: says so to the visitor. */
  onUnshareable(why: "too_large" | "failed"): void;
  onSent(): void;
  onEpoch(): void;
  /** The page has another root, and nothing listens to it any more: it has to be recorded from the beginning. */
  onReplaced(): void;
  /** The session that frames of other origins may join; `null` where none may. */
  readonly frames: FrameSession | null;
  /** A part that completes the mirror; `null` where it does not load. */
  part<N extends keyof MirrorModules>(name: N): Promise<MirrorModules[N] | null>;
}

/** How agents' commands reach the page. */
export interface Reach {
  find: Targets["find"];
  /** The id by which agents know a node; not above 0 where they do not. */
  idOf(node: Node): number;
  isOpen(node: Node): boolean;
  /** What stands above a node, through shadow trees, slots and frames. */
  parentsOf(node: Node): Node[];
  nodeOf(id: number): Node | null;
  /** Frames of other origins, once there are any. */
  foreign(): Foreign | null;
}

/** Records one page for one connection. */
export class Recorder {
  private readonly masker: Masker;
  private readonly facts: FactsWatcher;
  /** What makes the picture whole, and knows what agents may mean; `null` where its part did not load: then their commands count while nothing changes. */
  private readonly mirror: Mirror | null;
  /** What travels along for agents who cannot reach it; `null` where the group does not want that, and until its part is there. */
  private resources: Resources | null = null;
  private readonly addresses: Rules["addresses"];
  private readonly undo: (() => void)[] = [];
  /** Looks at the fields that the reading under way has not come to. */
  private meetFields = (): void => undefined;
  /** Canvases that were recorded, where their pictures travel. */
  private readonly canvases = new Set<HTMLCanvasElement>();
  /** Frame elements of the picture, and who lets those of other origins join; that part is loaded for the first of them. */
  private readonly frames = new Set<HTMLIFrameElement>();
  private foreign: Foreign | null = null;
  private wantsForeign = false;
  private batch: Masked<eventWithTime>[] = [];
  /** What stands before the snapshot that is being read. */
  private keyframe: Masked<eventWithTime>[] = [];
  private walk: Walk | null = null;
  /** Readings in a row that the page has disturbed. */
  private disturbed = 0;
  private isFlushPlanned = false;
  private isEpochPlanned = false;
  private isStopped = false;
  /** The page has another root: nothing of it is told by this recorder. */
  private isReplaced = false;
  private epochTimer: ReturnType<typeof setTimeout> | undefined;
  private plannedAt = 0;
  private readonly faults = new Faults();
  /** How many events there were: a proof holds for one number. */
  private events = 0;
  private epochAt = Number.NEGATIVE_INFINITY;
  /** What waited once the epoch's keyframe was out: mostly that. */
  private keyframeBytes = 0;
  private readonly pointer: PointerPace;

  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly settings: VisitorSettings,
    private readonly memory: MaskMemory,
    private readonly host: RecorderHost,
    mirror: FirstParts["mirror"],
  ) {
    const rules = new Rules(settings, page.document, memory);
    this.addresses = rules.addresses;
    this.masker = new Masker(rules, record.mirror, page.document, memory, () => {
      if (!this.isStopped) this.planEpoch();
    });
    if (host.frames) {
      this.masker.onFrame = (frame) => {
        // One that the page has removed would keep its document, some 0.4 MB, until the next epoch.
        for (const one of this.frames) if (!one.isConnected) this.frames.delete(one);
        this.frames.add(frame);
        // Those of a keyframe are looked at once it is out.
        if (host.writer.isOpen) this.foreign?.met(frame);
        // One whose page is still to come says itself that it is there.
        if (!frame.contentDocument) this.wantForeign();
      };
    }
    this.facts = new FactsWatcher(page, this.masker);
    this.pointer = new PointerPace(page, (x, y, target) => {
      this.tellPointer(x, y, record.mirror.getId(target));
    });
    this.mirror =
      mirror &&
      new mirror.Mirror(page, {
        ids: KNOWN,
        canvases: settings.canvas_rate ? this.canvases : null,
        proving: this.proving,
        unread,
        written,
        put,
        position: () => this.position,
        roots: this.masker.roots,
        isOpen: (element) => this.masker.isOpen(element),
        emit: (event) => {
          this.take(event);
        },
        send: this.tell,
        renew: () => this.replaceEpoch(),
        fault: this.noteFault,
      });
  }

  /** Starts to record; the first epoch follows at once. */
  start(): void {
    const { document } = this.page;
    hearFaults(this.noteFault);
    const { inner } = this.masker;
    this.undo.push(
      startPatches(
        this.page,
        (emit) => {
          const end = this.mirror?.start();
          const stop = record({ maskTextFn: inner, maskInputFn: inner, emit });
          return () => {
            stop?.();
            end?.();
          };
        },
        (event) => {
          this.take(event);
        },
      ),
    );
    this.undo.push(
      watchRoot(document, () => {
        this.host.writer.close();
        this.isReplaced = true;
        const at = this.epochAt + EPOCH_INTERVAL_MS;
        setTimeout(
          guarded(() => !this.isStopped && this.host.onReplaced()),
          Math.max(0, at - performance.now()),
        );
      }),
    );
    this.listen(this.page, "resize", () => this.noteFacts());
    this.listen(this.page, "popstate", () => this.noteFacts());
    this.listen(document, "visibilitychange", () => this.noteFacts());
    for (const name of ["pointermove", "pointerdown"]) {
      this.listen(document, name, (event) => this.pointer.note(event as PointerEvent));
    }
    if (this.host.frames) {
      this.listen(this.page, "message", (event) => {
        const message = event as MessageEvent<{ glance_frame?: unknown } | null>;
        if (!message.data?.glance_frame) return;
        if (this.foreign) this.foreign.hear(message);
        else this.wantForeign(message);
      });
    }
    // rrweb has taken a first snapshot by itself, unless the page is still being parsed: then it follows.
    const { upload_origins: origins = [], canvas_rate: perSecond } = this.settings;
    if (origins.length > 0) {
      this.with("uploads", ({ Resources, readResources }) => {
        const resources = new Resources(origins);
        this.resources = this.addresses.resources = resources;
        // Before anybody looks: what was told so far names none.
        this.planEpoch();
        return readResources(this.page, {
          resources,
          onRead: () => {
            this.replaceEpoch();
          },
        });
      });
    }
    if (!perSecond) return;
    this.with("canvas", ({ tellCanvases }) =>
      tellCanvases(this.page, {
        canvases: this.canvases,
        perSecond,
        epoch: () => (this.canAdd ? this.host.writer.position.epoch : null),
        isOpen: (canvas) => this.masker.isOpen(canvas),
        send: (canvas, picture) => this.tell(canvas, { rr_canvas: picture }),
      }),
    );
  }

  /** Frames of other origins join by a part of its own. */
  private wantForeign(heard?: MessageEvent): void {
    const { frames: session } = this.host;
    if (this.wantsForeign || !session) return;
    this.wantsForeign = true;
    const { mirror } = record;
    const host: ForeignHost = {
      session,
      frames: this.frames,
      isFree: () => this.host.bufferedBytes() <= BUFFERED_BYTES_RESUME,
      idOf: (node) => mirror.getId(node),
      admits: (frame) => mirror.getId(frame) > 0 && this.masker.admits(frame),
      send: (frame, events) => this.addForeign(frame, events),
      say: this.tell,
      point: (frame, x, y, id) => {
        this.tellPointer(x, y, id, frame);
      },
      renew: (isPurge) => {
        if (isPurge) this.masker.expose();
        this.planEpoch();
      },
    };
    this.with("frames", ({ Frames }) => {
      const foreign = new Frames(host);
      this.foreign = foreign;
      if (heard) foreign.hear(heard);
      return () => {
        foreign.stop();
      };
    });
  }

  /** What a frame has recorded of itself leaves by itself, so that it is known whose a change was that is too long. */
  private addForeign(
    frame: HTMLIFrameElement,
    events: readonly eventWithTime[],
  ): "sent" | "altered" | "later" | "too_large" {
    const { writer } = this.host;
    if (!this.isStopped) this.flush();
    if (this.isStopped || !writer.isOpen || this.isEpochPlanned) return "later";
    let sent: "sent" | "altered" = "sent";
    const masked = events
      .map((event) => this.masker.foreign(frame, event, () => (sent = "altered")))
      .filter((event) => event !== null);
    if (this.masker.mustPurge) this.planEpoch();
    if (this.masker.mustPurge || masked.length < events.length) return "later";
    this.events += 1;
    if (writer.diff(masked) !== "sent") {
      this.replaceEpoch();
      return "too_large";
    }
    this.host.onSent();
    return sent;
  }

  /** Begins a part once it is there; what it gives ends it. */
  private with<N extends keyof MirrorModules>(name: N, begin: (part: MirrorModules[N]) => () => void): void {
    launch(async () => {
      const part = await this.host.part(name);
      if (part && !this.isStopped) this.undo.push(begin(part));
    });
  }

  private get position(): Writer["position"] | null {
    return this.host.writer.isOpen && !this.isEpochPlanned ? this.host.writer.position : null;
  }

  /** Whether something that is no change of the page may be sent now: an epoch is open, and the line is free. */
  private get canAdd(): boolean {
    return this.position !== null && this.host.bufferedBytes() <= BUFFERED_BYTES_RESUME;
  }

  /** Stops, and puts back what was wrapped. */
  stop(): void {
    this.isStopped = true;
    this.host.writer.close();
    clearTimeout(this.epochTimer);
    for (const undo of this.undo.splice(0).reverse()) undo();
    this.masker.stop();
  }

  /** Begins a new epoch in a task of its own, when no change is still on its way to rrweb. The earlier of two plans holds. */
  planEpoch(afterMs = 0): void {
    this.host.writer.close();
    this.batch = [];
    this.walk = null;
    const at = performance.now() + afterMs;
    if (this.isEpochPlanned && this.plannedAt <= at) return;
    clearTimeout(this.epochTimer);
    this.isEpochPlanned = true;
    this.plannedAt = at;
    this.epochTimer = setTimeout(
      guarded(() => {
        this.isEpochPlanned = false;
        if (this.isStopped || this.host.writer.isOpen) return;
        if (this.host.bufferedBytes() > BUFFERED_BYTES_RESUME) {
          this.waitForBuffer();
          return;
        }
        try {
          record.takeFullSnapshot(true);
        } catch (error) {
          // While the page is still being parsed rrweb does not record yet: its first snapshot will follow.
          if (this.page.document.readyState === "loading") return;
          this.fail(error);
        }
      }),
      afterMs,
    );
  }

  /** Something of ours has failed, and the picture may miss something: it begins anew. Where that goes on and on there is none. */
  private readonly noteFault = (error: unknown): void => {
    if (this.isStopped) return;
    if (this.faults.note()) this.fail(error);
    else this.replaceEpoch();
  };

  private fail(error: unknown): void {
    if (this.isStopped) return;
    this.walk = null;
    warn("the page could not be read.", error);
    this.host.onUnshareable("failed");
  }

  /** What agents' commands reach through: only live, and only what is not masked at that moment. */
  readonly reach: Reach = {
    find: (id, seen, whole) =>
      this.mirror?.find(id, seen, whole) ?? findLatest(record.mirror.getNode(id), seen, this.position),
    idOf: (node) => record.mirror.getId(node),
    isOpen: (node) => this.masker.isOpen(node),
    parentsOf,
    nodeOf: (id) => record.mirror.getNode(id),
    foreign: () => this.foreign,
  };

  /** Tells the agents how the visitor's side stands, besides the page, and answers their commands. */
  say(words: Readonly<Record<string, unknown>>, answers: readonly Answer[] = []): void {
    this.facts.say(words, answers);
    this.noteFacts();
  }

  /** Tells the agents what was drawn; while there is no epoch nothing is, and the next begins with all of it. */
  sayInk(ink: readonly InkItem[]): void {
    if (this.isStopped || !this.host.writer.isOpen) return;
    this.host.writer.facts({ ...this.facts.read(), ink });
    this.host.onSent();
  }

  /** Begins a new epoch because this one cannot go on. */
  private replaceEpoch(): void {
    this.planEpoch(Math.max(0, this.epochAt + EPOCH_INTERVAL_MS - performance.now()));
  }

  /** Takes one event from rrweb. */
  private take(given: eventWithTime): void {
    if (this.isStopped || this.isReplaced) return;
    this.events += 1;
    const event = this.mirror ? this.mirror.complete(given) : given;
    if (!event) return;
    if (event.type === EventType.Meta) {
      const meta = this.masker.event(event);
      if (this.masker.mustPurge) this.masker.purged();
      this.batch = [];
      this.frames.clear();
      this.host.writer.close();
      this.keyframe = meta ? [meta] : [];
      return;
    }
    if (event.type === EventType.FullSnapshot) {
      this.read(event);
      return;
    }
    const { writer } = this.host;
    // What is typed while nothing is sent may be repeated later.
    if (!(writer.isOpen || writer.isOpening || this.walk) || this.isEpochPlanned) {
      this.masker.look();
      return;
    }
    if (this.walk) this.meetFields();
    const masked = this.masker.event(event);
    const isShaken = this.walk?.isShaken(event) ?? false;
    if (isShaken) this.disturbed += 1;
    if (this.masker.mustPurge || isShaken) {
      this.planEpoch();
    } else if (masked) {
      (this.walk ? this.keyframe : this.batch).push(...this.named());
      this.batch.push(masked);
      this.planFlush();
    }
  }

  /** Reads the page. rrweb gives the way through it in the place of a tree (`browser/rrweb.mjs`). */
  private read(event: eventWithTime & { type: EventType.FullSnapshot }): void {
    const { node, initialOffset } = event.data;
    const walk = node as unknown as Walk;
    this.walk = walk;
    this.resources?.begin();
    this.meetFields = read(walk, initialOffset, {
      masker: this.masker,
      mirror: this.mirror,
      page: this.page.document,
      isWhole: this.disturbed >= READINGS_MAX,
      isOver: () => this.isStopped || this.walk !== walk,
      onPart: () => {
        this.keyframe.push(...this.named());
        // What was sent before is masked now: the next reading begins a purge.
        if (this.masker.mustPurge) this.planEpoch();
      },
      onRead: (full) => {
        if (this.walk !== walk) return;
        this.walk = null;
        if (full) {
          this.disturbed = 0;
          this.beginEpoch(full);
        } else {
          this.disturbed += 1;
          this.planEpoch();
        }
      },
      onFault: (error) => {
        this.fail(error);
      },
    });
  }

  private beginEpoch(full: Masked<eventWithTime>): void {
    this.epochAt = performance.now();
    this.mirror?.read();
    const [meta, ...more] = this.keyframe;
    const keyframe = [...(meta ? [this.masker.located(meta)] : []), ...more, full];
    const { memory } = this;
    this.host.writer.beginInSlices(this.facts.read(), keyframe, memory.owesPurge, (sent) => {
      if (sent === "too_large") {
        this.batch = [];
        this.host.onUnshareable("too_large");
        return;
      }
      memory.owesPurge = false;
      this.keyframeBytes = this.host.bufferedBytes();
      this.host.onSent();
      this.host.onEpoch();
      this.flush();
      this.foreign?.begin();
      launch(async () => this.mirror?.learn());
      const { epoch } = this.host.writer.position;
      this.mirror?.tell(() => this.isStopped || this.host.writer.position.epoch !== epoch);
    });
  }

  /** Resources that were named by what was masked last: they go before it. */
  private named(): Masked<eventWithTime>[] {
    return (this.resources?.take() ?? []).map((resource) => this.masker.resource(resource));
  }

  /** All that rrweb emits in one task leaves in one diff. */
  private planFlush(): void {
    if (this.isFlushPlanned) return;
    this.isFlushPlanned = true;
    queueMicrotask(
      guarded(() => {
        this.isFlushPlanned = false;
        this.flush();
      }),
    );
  }

  private flush(): void {
    // What changed while the keyframe is read and written follows it.
    if (this.walk || this.host.writer.isOpening) return;
    const batch = this.batch;
    this.batch = [];
    // A watcher of the page's own may have masked what it was told of after us.
    if (!this.isStopped && !this.masker.isSound) this.planEpoch();
    if (this.isStopped || this.isEpochPlanned || !this.host.writer.isOpen) return;
    if (this.host.bufferedBytes() > this.keyframeBytes + BUFFERED_BYTES_MAX) {
      this.waitForBuffer();
      return;
    }
    if (batch.length > 0 && this.host.writer.diff(batch) !== "sent") this.replaceEpoch();
    else this.sendChangedFacts();
    this.mirror?.sent(batch, this.host.writer.position.sequence);
    launch(async () => this.mirror?.learn());
    this.host.onSent();
  }

  private waitForBuffer(): void {
    this.host.writer.close();
    const timer = setInterval(
      guarded(() => {
        if (!this.isStopped && this.host.bufferedBytes() > BUFFERED_BYTES_RESUME) return;
        clearInterval(timer);
        if (!this.isStopped) this.planEpoch();
      }),
      BUFFERED_CHECK_MS,
    );
  }

  /** Proves what was sent last; what is still on its way makes the mark another. */
  private readonly proving = {
    mark: (): string | null => {
      const canProve =
        this.host.writer.isOpen &&
        !this.isEpochPlanned &&
        this.batch.length === 0 &&
        this.foreign?.isProven !== false;
      return canProve ? `${String(this.host.writer.position.epoch)}/${String(this.events)}` : null;
    },
    known: KNOWN,
    proofIn: (frame: Node) => this.foreign?.proofOf(frame) ?? null,
    mask: (event: eventWithTime): Masked<eventWithTime> | null => {
      // A proof records nothing anew: no frame is asked because of it.
      const { onFrame } = this.masker;
      this.masker.onFrame = null;
      const masked = this.masker.event(event);
      this.masker.onFrame = onFrame;
      return masked;
    },
    onProof: (hash: string): void => {
      if (this.masker.mustPurge) {
        this.planEpoch();
        return;
      }
      this.host.writer.facts(this.facts.proven(hash));
      this.host.onSent();
    },
  };

  /** Tells of attributes that no mutation has. What has no id yet will carry them when it is added. */
  private readonly tell = (node: Node, attributes: Record<string, unknown>): void => {
    const id = record.mirror.getId(node);
    if (!this.isStopped && id > 0 && node.isConnected) this.take(told(id, attributes));
  };

  private noteFacts(): void {
    if (this.isStopped || !this.host.writer.isOpen) return;
    this.sendChangedFacts();
    this.host.onSent();
  }

  private sendChangedFacts(): void {
    const facts = this.facts.changed();
    if (facts) this.host.writer.facts(facts);
  }

  /** `frame`: the pointer is in it, and the id is of its own. */
  private tellPointer(x: number, y: number, id: number, frame?: Element): void {
    if (this.isStopped || !this.host.writer.isOpen || this.host.bufferedBytes() > BUFFERED_BYTES_RESUME)
      return;
    const event = pointerEvent(x, y, id);
    const masked = frame ? this.masker.foreign(frame, event) : this.masker.event(event);
    if (masked) this.host.writer.pointer(masked);
  }

  private listen(target: EventTarget, name: string, listener: (event: Event) => void): void {
    this.undo.push(on(target, name, guarded(listener), { capture: true, passive: true }));
  }
}

/** What parts that walk through the page ask. */
const KNOWN = {
  getId: (node: Node | null): number => record.mirror.getId(node),
  getNode: (id: number): Node | null => record.mirror.getNode(id),
  rootOf,
};
