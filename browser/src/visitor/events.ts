/**
 * Events of the page's interface: who listens, and telling them.
 *
 * Owns the listeners. A listener that fails is the page's fault and keeps nobody else from hearing.
 */

import type { VisitorEvents } from "../loader/global.js";
import { warn } from "../guard/guard.js";

type Listener = (event: never) => void;

/** Listeners by the names of events. */
export class Events {
  private readonly listeners = new Map<string, Set<Listener>>();

  add<N extends keyof VisitorEvents>(name: N, listener: (event: VisitorEvents[N]) => void): void {
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known.add(listener));
  }

  remove<N extends keyof VisitorEvents>(name: N, listener: (event: VisitorEvents[N]) => void): void {
    this.listeners.get(name)?.delete(listener);
  }

  emit<N extends keyof VisitorEvents>(name: N, event: VisitorEvents[N]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        listener({ type: name, ...event } as never);
      } catch (error) {
        warn(`a listener of "${name}" failed.`, error);
      }
    }
  }
}
