/**
 * Takes a framed view away that does not answer any more.
 *
 * A page can stop the thread that lays it out. An application of another site has a thread of its own in browsers that isolate sites
 * (Chromium and Firefox), so it goes on, and it alone can end its frame. Owns the wait and the frame's return; what tells that a view
 * is alive is `viewer/alive.ts`. The view that comes in its place holds the page back until its agent asks for it.
 */

import { afterSilence, HELD, type Timers } from "../watchman/wait.js";

/** What the watch needs of the application's page. */
export interface Clock extends Timers {
  readonly performance: { now(): number };
}

/** The watch over one frame at a time. */
export class FrameWatch {
  private frame: HTMLIFrameElement | null = null;
  private callOff = (): void => undefined;
  private heardAt = 0;
  /** What the frame is called, while it has another name for the view that is to come. */
  private ownName: string | null = null;
  /**
   * Another document in the frame, like the one that the view's own service worker puts there: what was said before is not of it.
   * A view's own comes right behind its first word, and may be its last one.
   */
  private readonly onLoad = (): void => {
    if (this.clock.performance.now() - this.heardAt > OWN_LOAD_MS) this.callOff();
  };

  constructor(
    private readonly clock: Clock,
    private readonly onStopped: () => void,
    /** How a view is to be had again; `putBack` puts its frame where it was. */
    private readonly comeBack = (putBack: () => void): void => {
      putBack();
    },
  ) {}

  /** Watches over this frame from now on, and over no other. */
  over(frame: HTMLIFrameElement): void {
    this.callOff();
    this.frame?.removeEventListener("load", this.onLoad);
    this.frame = frame;
    frame.addEventListener("load", this.onLoad);
  }

  /** The view in it has said that it answers, and how long it may be silent: 0 while nobody sees it. */
  hear(waitMs: unknown): void {
    this.callOff();
    if (this.frame && this.ownName !== null) this.frame.name = this.ownName;
    this.ownName = null;
    if (typeof waitMs !== "number" || !(waitMs > 0 && waitMs <= WAIT_MS_MAX)) return;
    this.heardAt = this.clock.performance.now();
    this.callOff = afterSilence(this.clock, waitMs + WORKER_FIRST_MS, () => {
      this.takeAway();
    });
  }

  /** To send it elsewhere would ask its thread. Out of the page, and after a while in again, it gets another one. */
  private takeAway(): void {
    const { frame } = this;
    if (!frame?.parentNode) return;
    this.ownName = frame.name;
    frame.name = HELD;
    const place = frame.ownerDocument.createComment("");
    frame.replaceWith(place);
    this.clock.setTimeout(() => {
      this.comeBack(() => {
        place.replaceWith(frame);
      });
    }, PROCESS_ENDS_MS);
    this.onStopped();
  }
}

/** Where the view's service worker can help it does, and says why in the frame: it comes first. */
const WORKER_FIRST_MS = 2_000;

/** A view has loaded so long after its first word, and no worker has put another in its place so soon. */
const OWN_LOAD_MS = 5_000;

/** Chromium ends the process of a frame that is gone only then, and until it has gives it to the next frame of its site. */
const PROCESS_ENDS_MS = 3_000;

/** Longer than any view waits. */
const WAIT_MS_MAX = 120_000;
