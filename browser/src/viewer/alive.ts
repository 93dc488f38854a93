/**
 * Tells the service worker beside the viewer (`watchman/watch.ts`) and the application around it (`agent/watch.ts`) that the view
 * still answers.
 *
 * Owns when it is told, and when it need not be: a view that nobody sees is not laid out, and one that is being printed stands still.
 */

import { ALIVE_EVERY_MS, ALIVE_WAIT_MS, ASKED_WAIT_MS } from "./limits.js";
import type { Beat } from "../watchman/watch.js";

/** Where views stand, and how far the worker's power reaches. */
export const VIEWS = "/view/";

/** The watch over one view. */
export class Alive {
  private waitMs = ALIVE_WAIT_MS;
  private isPrinting = false;

  /** Without a service worker (plain HTTP, a browser that forbids them) only an application watches, if there is one: `tellParent`. */
  constructor(
    private readonly page: Window,
    private readonly workers: ServiceWorkerContainer | undefined,
    script: string,
    private readonly tellParent: (waitMs: number) => void,
  ) {
    workers?.register(script, { scope: VIEWS }).catch(() => undefined);
    const tell = (): void => {
      this.tell();
    };
    page.setInterval(tell, ALIVE_EVERY_MS);
    page.document.addEventListener("visibilitychange", tell);
    // At the first view of a browser it comes later than the page.
    workers?.addEventListener("controllerchange", tell);
    tell();
    for (const [event, isPrinting] of [
      ["beforeprint", true],
      ["afterprint", false],
    ] as const) {
      page.addEventListener(event, () => {
        this.isPrinting = isPrinting;
        this.tell();
      });
    }
    page.addEventListener("pagehide", () => {
      this.say(0);
    });
  }

  /** The agent has asked for a page that stopped a view before: it is given longer. */
  bePatient(): void {
    this.waitMs = ASKED_WAIT_MS;
    this.tell();
  }

  private tell(): void {
    const isWatched = this.page.document.visibilityState === "visible" && !this.isPrinting;
    this.say(isWatched ? this.waitMs : 0);
  }

  private say(waitMs: number): void {
    const beat: Beat = { waitMs };
    this.workers?.controller?.postMessage(beat);
    this.tellParent(waitMs);
  }
}

/** Service workers; none over plain HTTP, nor where a browser forbids them. */
export function workersOf(page: Window): ServiceWorkerContainer | undefined {
  try {
    return (page.navigator as Partial<Navigator>).serviceWorker;
  } catch {
    return undefined;
  }
}
