/**
 * Pages that stop a view from answering: remembered until a browser has laid them out, so that the next view of the session does not
 * run into the same page.
 *
 * Owns the mark, which has to outlive a page that is killed. No bound on what a visitor sends keeps a browser from taking minutes
 * over it: a few kilobytes of style or of drawings that repeat each other do, and nothing in a page can end its own layout.
 */

import { HELD } from "../watchman/wait.js";
import { BURDEN_AGE_MS_MAX, BURDEN_AGE_MS_MIN } from "./limits.js";

/** Where the mark is kept. */
export interface Memory {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/** What the mark needs of the page around it. */
export interface Surroundings {
  /** The memory that all views of this server share. Opening it may fail: some browsers forbid it. Then there is no mark. */
  memory(): Memory;
  now(): number;
  /** Calls back when what was changed has been laid out; not while nobody sees the page, for then nothing is. */
  whenLaidOut(done: () => void): void;
  isSeen(): boolean;
}

/** The mark of one session. */
export class Burden {
  private isMarked = false;
  private held: boolean;
  private readonly value: string;

  constructor(
    session: string,
    private readonly around: Surroundings,
    /** Whether the view before this one was taken away. */
    wasTaken = false,
  ) {
    this.value = digest(session);
    const wasLeft = this.attempt((memory) => {
      const [session, at] = (memory.getItem(NAME) ?? "").split(" ");
      const ageMs = around.now() - Number(at);
      return session === this.value && ageMs >= BURDEN_AGE_MS_MIN && ageMs < BURDEN_AGE_MS_MAX;
    });
    this.held = wasTaken || wasLeft;
  }

  /** Whether nothing is to be shown unasked: what the view before this one began to show was never laid out. */
  get isHeld(): boolean {
    return this.held;
  }

  /** The agent wants to see the page all the same. */
  release(): void {
    this.held = false;
  }

  /** Something is about to be shown. */
  begin(): void {
    if (this.isMarked || !this.around.isSeen()) return;
    this.isMarked = true;
    this.attempt((memory) => {
      memory.setItem(NAME, `${this.value} ${String(this.around.now())}`);
      return true;
    });
    this.around.whenLaidOut(() => {
      this.end();
    });
  }

  /** It is laid out, or nobody waits for it any more. */
  end(): void {
    if (!this.isMarked) return;
    this.isMarked = false;
    this.attempt((memory) => {
      memory.removeItem(NAME);
      return true;
    });
  }

  private attempt(work: (memory: Memory) => boolean): boolean {
    try {
      return work(this.around.memory());
    } catch {
      return false;
    }
  }
}

/** The surroundings of a real page. */
export function surroundings(page: Window): Surroundings {
  return {
    memory: () => page.localStorage,
    now: () => Date.now(),
    // A task behind the next frame's begins after its layout.
    whenLaidOut: (done) => page.requestAnimationFrame(() => page.setTimeout(done, 0)),
    isSeen: () => page.document.visibilityState === "visible",
  };
}

/** Whether the page before this one was a view that was taken away. It is asked once: a reload shows all. */
export function wasTaken(page: Window): boolean {
  if (page.name === HELD) {
    page.name = "";
    return true;
  }
  if (page.location.hash !== TAKEN) return false;
  page.history.replaceState(null, "", page.location.pathname);
  return true;
}

/** Tells sessions apart in the mark without naming them. */
function digest(session: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(session)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}

/** What the link of the page that took its place ends with. */
const TAKEN = "#taken";

/** One for all sessions: it is the newest that counts. */
const NAME = "cobrowse.burden";
