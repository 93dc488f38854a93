/**
 * Takes a view away that does not answer any more.
 *
 * A page can stop the browser's thread that lays it out, and nothing in that page can end it. A service worker has a thread of its own
 * and may send a window elsewhere: to a page with a sandbox, which browsers that isolate such pages begin in another process. Owns the
 * wait and the move; what tells it that a view is alive is `viewer/alive.ts`.
 */

import { afterSilence, type Timers } from "./wait.js";

/** What a view says. */
export interface Beat {
  /** It is taken away when it says nothing more for so long; 0: it is not watched, since nobody sees it. */
  readonly waitMs: number;
}

/** A window. */
export interface Client {
  readonly id: string;
  readonly url: string;
  navigate(url: string): Promise<unknown>;
}

interface Told {
  waitUntil(work: Promise<unknown>): void;
}

/** What the worker needs of a service worker's scope. */
export interface Scope extends Timers {
  readonly clients: { claim(): Promise<void>; get(id: string): Promise<Client | undefined> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listen: (event: Told) => void): void;
  addEventListener(
    type: "message",
    listen: (
      event: Told & { readonly data: unknown; readonly source: { readonly id: string } | null },
    ) => void,
  ): void;
}

/** Begins to watch. */
export function keepWatch(scope: Scope): void {
  /** How to end the wait for each view. */
  const waits = new Map<string, () => void>();
  scope.addEventListener("install", (event) => {
    event.waitUntil(scope.skipWaiting());
  });
  scope.addEventListener("activate", (event) => {
    event.waitUntil(scope.clients.claim());
  });
  scope.addEventListener("message", (event) => {
    const { data, source } = event;
    if (!source) return;
    const { id } = source;
    waits.get(id)?.();
    waits.delete(id);
    const waitMs = (data as Partial<Beat> | null)?.waitMs ?? 0;
    if (waitMs <= 0) return;
    event.waitUntil(
      new Promise<void>((done) => {
        const callOff = afterSilence(scope, waitMs, () => {
          waits.delete(id);
          void takeAway(scope, id).finally(done);
        });
        waits.set(id, () => {
          callOff();
          done();
        });
      }),
    );
  });
}

/** Sends a view to the page that says so. One that is gone, or is on its way already, is left alone. */
async function takeAway(scope: Scope, id: string): Promise<void> {
  try {
    const view = await scope.clients.get(id);
    if (view) await view.navigate(`${new URL(view.url).pathname}/stopped`);
  } catch {
    // A browser that forbids it leaves the view as it is.
  }
}
