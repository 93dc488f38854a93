/**
 * The web tier's own page around a view: it belongs to another site than the session servers, so in browsers that isolate sites it goes
 * on when a visitor's page stops the view.
 *
 * Owns the frame, the way of the ticket into it, and the way back to the agent view for another. When a view is taken away is
 * `agent/watch.ts`'s to say.
 */

import { FrameWatch, type Clock } from "../agent/watch.js";
import { mayRenew } from "../viewer/renew.js";
import { HELD } from "../watchman/wait.js";

/** What the page does to the browser. */
export interface Ways {
  submit(form: HTMLFormElement): void;
  /** Goes to an address of the web tier's, in this page's place. */
  leave(url: string): void;
  /** Whether the web tier answers: to leave for one that does not would end in an error of the browser's own. */
  isThere(): Promise<boolean>;
}

/** What this window remembers from one page to the next. */
export type Memory = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The page around one view. */
export class Around {
  private readonly frame: HTMLIFrameElement;
  private readonly watch: FrameWatch;
  private readonly server: string;
  private readonly again: string;
  private wasHeard = false;
  private isLeaving = false;

  constructor(
    private readonly page: Window & Clock,
    private readonly ways: Ways,
    private readonly memory: Memory,
  ) {
    const { body } = page.document;
    this.server = body.dataset.server ?? "";
    this.again = body.dataset.again ?? "";
    this.frame = page.document.createElement("iframe");
    this.frame.title = "The session's view";
    // The viewer copies invitations.
    this.frame.allow = "clipboard-write";
    this.watch = new FrameWatch(
      page,
      () => {
        this.part("stopped").hidden = false;
      },
      () => {
        this.memory.setItem(HELD_MARK, "1");
        void this.goAgain();
      },
    );
    this.part("alone").addEventListener("click", () => {
      this.memory.setItem(ALONE_MARK, "1");
    });
    // Whoever has chosen it once need not do so for each new ticket.
    if (memory.getItem(ALONE_MARK)) this.ways.leave(`${this.again}&Alone=1`);
    else this.open();
  }

  private open(): void {
    const { document } = this.page;
    this.frame.name = this.takeHeld() ? HELD : `view-${this.page.crypto.randomUUID()}`;
    document.body.append(this.frame);
    this.watch.over(this.frame);
    this.frame.addEventListener("load", () => {
      this.page.setTimeout(() => {
        if (!this.wasHeard) this.fail();
      }, WORD_MS_MAX);
    });
    this.page.addEventListener("message", (message) => {
      if (message.source !== this.frame.contentWindow || message.origin !== this.server) return;
      const told = (message.data as { cobrowse?: Told } | null)?.cobrowse;
      if (typeof told?.event === "string") this.hear(told);
    });
    const form = this.part("ticket") as HTMLFormElement;
    form.target = this.frame.name;
    this.ways.submit(form);
    form.remove();
    // Nothing answers there at all.
    this.page.setTimeout(() => {
      if (!this.wasHeard) this.part("fails").hidden = false;
    }, ANSWER_MS_MAX);
  }

  private hear(told: Told): void {
    if (!this.wasHeard) {
      this.wasHeard = true;
      this.part("fails").hidden = true;
      // Keys are the viewer's.
      this.frame.focus();
    }
    if (told.event === "alive") this.watch.hear(told.wait_ms);
    if (told.event === "renew") this.renew(told.away === true);
  }

  /** Views in frames may keep nothing in some browsers, so the guard against a loop is here. */
  private renew(isAway: boolean): void {
    if (this.isLeaving) return;
    if (mayRenew(() => this.memory, this.again, Date.now()))
      void this.goAgain(isAway ? `&Away=${this.server}` : "");
    else this.part("fails").hidden = false;
  }

  /** What has come is no view. Its server may have been started anew meanwhile: once that is tried by itself. */
  private fail(): void {
    if (this.page.document.body.dataset.second === "") this.part("fails").hidden = false;
    else void this.goAgain("&Again=1");
  }

  private async goAgain(more = ""): Promise<void> {
    if (this.isLeaving) return;
    this.isLeaving = true;
    while (!(await this.ways.isThere()))
      await new Promise<void>((done) => void this.page.setTimeout(done, LOOK_EVERY_MS));
    this.ways.leave(this.again + more);
  }

  /** Whether the view before this one was taken away. It is asked once: a reload shows all. */
  private takeHeld(): boolean {
    const isHeld = this.memory.getItem(HELD_MARK) !== null;
    this.memory.removeItem(HELD_MARK);
    return isHeld;
  }

  private part(id: string): HTMLElement {
    const found = this.page.document.getElementById(id);
    if (!found) throw new Error(`the page has no part "${id}"`);
    return found;
  }
}

/** A word of the viewer's. */
interface Told {
  readonly event?: unknown;
  readonly wait_ms?: unknown;
  readonly away?: unknown;
}

const HELD_MARK = "cobrowse.held";
const ALONE_MARK = "cobrowse.alone";

/** A viewer says its first word before it has loaded. */
const WORD_MS_MAX = 1_000;

/** As long as a browser on a slow line may take for the viewer. */
const ANSWER_MS_MAX = 10_000;

const LOOK_EVERY_MS = 2_000;
