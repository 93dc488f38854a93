/**
 * One frame that has joined: what it says is read, bounded, moved into its own ids and handed to the recorder.
 *
 * Owns the port, the budget and the order: nothing counts before the snapshot that was asked for last. A word that is none
 * ends it, and harms nothing else.
 */

import { guarded } from "../guard/guard.js";
import { IncrementalSource, type eventWithTime } from "@rrweb/types";

import { ownId } from "../protocol/spaces.js";
import type { ForeignHost, Place } from "../visitor/parts.js";
import { Budget } from "./budget.js";
import {
  CHARS_BURST,
  CHARS_PER_S,
  LINE_CHECK_MS,
  MARKS_MAX,
  MESSAGES_BURST,
  MESSAGES_PER_S,
  PAGE_MS,
  PAGES_BURST,
  PINGS_MAX,
  SHOW_MS_MAX,
} from "./limits.js";
import { readFromFrame, type Box, type FromFrame, type ToFrame } from "./messages.js";
import { mutation } from "./pieces.js";
import { Shift } from "./shift.js";
import { jsonOf } from "../protocol/json.js";

/** Why a frame is shown no longer. */
export type LinkEnd = "left" | "refused" | "silent" | "broken" | "too_large";

/** What a link needs. */
export interface LinkHost {
  readonly host: ForeignHost;
  readonly frame: HTMLIFrameElement;
  /** A space of ids that nothing in the agents' picture has; `null` while there is none. */
  nextSpace(): number | null;
  onShown(): void;
  onEnd(why: LinkEnd): void;
}

/** The link to one document of one frame. */
export class Link {
  private gen = 0;
  private shift: Shift | null = null;
  private unasked = false;
  private silent = 0;
  private isOver = false;
  isAltered = false;
  private untaken = 0;
  private lineTimer: ReturnType<typeof setInterval> | undefined;
  private showTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly chars: Budget;
  private readonly messages: Budget;
  private readonly pages: Budget;
  /** Nodes that agents highlight, by their own ids, one for each highlight; and where they are. */
  private readonly marks: number[] = [];
  private boxes = new Map<number, Box>();
  /** The hash of what is shown, while it is. */
  proof: string | null = null;

  constructor(
    private readonly port: MessagePort,
    private readonly on: LinkHost,
  ) {
    const now = performance.now();
    this.chars = new Budget(CHARS_BURST, CHARS_PER_S, now);
    this.messages = new Budget(MESSAGES_BURST, MESSAGES_PER_S, now);
    this.pages = new Budget(PAGES_BURST, 1_000 / PAGE_MS, now);
    this.showTimer = setTimeout(
      guarded(() => {
        if (!this.wasShown) this.fail("silent");
      }),
      SHOW_MS_MAX,
    );
    port.onmessage = guarded(({ data }: MessageEvent) => {
      if (!this.isOver) this.hear(data);
    });
  }

  private wasShown = false;

  /** Whether the agents' picture has what the frame shows. */
  get isShown(): boolean {
    return this.shift !== null;
  }

  /** Asks for a snapshot: the picture has begun anew, or has lost this frame's part. */
  ask(): void {
    this.gen += 1;
    this.shift = null;
    this.proof = null;
    this.unasked = false;
    this.say({ kind: "ask", gen: this.gen });
  }

  /** Whether it shows a node of that id. */
  shows(id: number): boolean {
    return this.shift?.holds(id) ?? false;
  }

  /** Follows a node that it shows. */
  place(id: number): Place {
    const { frame, host } = this.on;
    const own = ownId(id);
    if (this.marks.length < MARKS_MAX) this.marks.push(own);
    this.sayMarks();
    return {
      frame,
      id: () => this.shift?.id(own) ?? host.idOf(frame),
      box: () => boxIn(frame, this.boxes.get(own)),
      end: () => {
        const at = this.marks.indexOf(own);
        if (at >= 0) this.marks.splice(at, 1);
        this.sayMarks();
      },
    };
  }

  /** Asks whether it is there. */
  ping(): void {
    this.silent += 1;
    if (this.silent > PINGS_MAX) this.fail("silent");
    else this.say({ kind: "ping" });
  }

  /** Ends it; `again`: the frame may say that it is there. */
  end(again: boolean): void {
    if (this.isOver) return;
    this.say({ kind: "end", again });
    this.isOver = true;
    this.shift = null;
    clearInterval(this.lineTimer);
    clearTimeout(this.showTimer);
    this.port.onmessage = null;
    this.port.close();
  }

  private sayMarks(): void {
    this.say({ kind: "mark", ids: [...new Set(this.marks)] });
  }

  private say(message: ToFrame): void {
    if (!this.isOver) this.port.postMessage(jsonOf(message));
  }

  private hear(data: unknown): void {
    const now = performance.now();
    const length = typeof data === "string" ? data.length : 0;
    this.silent = 0;
    const message = this.chars.take(length, now) && this.messages.take(1, now) ? readFromFrame(data) : null;
    if (!message) {
      this.fail("broken");
      return;
    }
    if (message.kind !== "pong") this.take(message);
    if (!this.isOver && COUNTED.has(message.kind)) this.taken();
  }

  private take(message: FromFrame): void {
    switch (message.kind) {
      case "page":
        if (message.gen === this.gen) this.show(message);
        break;
      case "diff":
        if (message.gen === this.gen) this.pass((shift) => shift.events(message.events));
        break;
      case "pointer":
        if (this.shift) {
          const { x, y, id } = message;
          const { frame, host } = this.on;
          const { left, top } = frame.getBoundingClientRect();
          this.attempt((shift) => {
            host.point(frame, x + left + frame.clientLeft, y + top + frame.clientTop, shift.id(id));
          });
        }
        break;
      case "proof":
        if (message.gen === this.gen && this.shift && !this.isAltered) this.proof = message.hash;
        break;
      case "boxes":
        this.boxes = new Map(message.boxes.map((box) => [box[0], box]));
        break;
      case "purge":
        // A purge is a new picture of the whole page: a frame may not have that done all the time.
        if (this.pages.take(1, performance.now())) this.on.host.renew(true);
        else this.fail("broken");
        break;
      case "leave":
        this.fail("left");
        break;
      case "refused":
        this.fail("refused");
        break;
      case "pong":
        break;
    }
  }

  /** A snapshot takes the place of what the frame's element held in the picture. */
  private show(page: FromFrame & { kind: "page" }): void {
    if (this.unasked && !this.pages.take(1, performance.now())) {
      this.fail("broken");
      return;
    }
    this.unasked = true;
    this.setAltered(false);
    const space = this.on.nextSpace();
    if (space === null) return;
    this.shift = new Shift(space, page.node.id);
    this.pass((shift) => {
      const node = shift.tree(page.node);
      const parentId = this.on.host.idOf(this.on.frame);
      const { left: x, top: y } = page;
      const scroll = { source: IncrementalSource.Scroll, id: node.id, x, y };
      const document = mutation([{ parentId, nextId: null, node }], true);
      // Also where it is not scrolled: the document before it may have been.
      return [document, { ...document, data: scroll } as eventWithTime];
    });
    if (this.isShown && !this.wasShown) {
      this.wasShown = true;
      this.on.onShown();
    }
  }

  /** Hands on what is shown; what comes before the picture is open will be asked for again. */
  private pass(make: (shift: Shift) => eventWithTime[]): void {
    this.attempt((shift) => {
      this.proof = null;
      const sent = this.on.host.send(this.on.frame, make(shift));
      if (sent === "altered") this.setAltered(true);
      if (sent === "later") this.shift = null;
      else if (sent === "too_large") this.fail("too_large");
    });
  }

  /** The frame proves what it has said, and agents see something else: they are told that this one is not proven. */
  private setAltered(isAltered: boolean): void {
    if (isAltered === this.isAltered) return;
    this.isAltered = isAltered;
    this.on.host.say(this.on.frame, { rr_unproven: isAltered || null });
  }

  private attempt(act: (shift: Shift) => void): void {
    if (!this.shift) return;
    try {
      act(this.shift);
    } catch {
      this.fail("broken");
    }
  }

  /** While the line is busy nothing is taken, so that the frame waits. */
  private taken(): void {
    this.untaken += 1;
    if (!this.on.host.isFree()) {
      this.lineTimer ??= setInterval(
        guarded(() => {
          if (this.on.host.isFree()) this.sayTaken();
        }),
        LINE_CHECK_MS,
      );
      return;
    }
    this.sayTaken();
  }

  private sayTaken(): void {
    clearInterval(this.lineTimer);
    this.lineTimer = undefined;
    this.say({ kind: "taken", count: this.untaken });
    this.untaken = 0;
  }

  private fail(why: LinkEnd): void {
    this.on.onEnd(why);
    // Whoever was replaced meanwhile is told by nobody.
    this.end(false);
  }
}

/** A box of a frame's inside in the page around it, cut to what the frame shows. */
function boxIn(frame: HTMLIFrameElement, inner: Box | undefined): DOMRect {
  const outer = frame.getBoundingClientRect();
  if (!inner) return outer;
  const [, left, top, width, height] = inner;
  const within = (at: number, max: number): number => Math.min(Math.max(at, 0), max);
  const [x, y] = [within(left, frame.clientWidth), within(top, frame.clientHeight)];
  const right = within(left + width, frame.clientWidth);
  const bottom = within(top + height, frame.clientHeight);
  return new DOMRect(
    outer.left + frame.clientLeft + x,
    outer.top + frame.clientTop + y,
    right - x,
    bottom - y,
  );
}

/** Messages that the frame counts until they are taken: those of its recorder. */
const COUNTED = new Set<FromFrame["kind"]>(["page", "diff", "pointer", "proof", "purge"]);
