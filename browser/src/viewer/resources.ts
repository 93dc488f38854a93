/**
 * Resources that the visitor's browser has sent along: put where their names stand. PROTOCOL.md section 4.
 *
 * Owns the memory of one epoch. What a resource may be is `validate.ts`'s question.
 */

import { EventType, type eventWithTime } from "@rrweb/types";

/** The resources of the epoch that is shown. */
export class Resources {
  private readonly data = new Map<string, string>();

  /** A new epoch tells its own. */
  clear(): void {
    this.data.clear();
  }

  /** Takes resources out of the events, and puts those that are known where they are named. */
  fill(events: readonly eventWithTime[]): eventWithTime[] {
    const shown: eventWithTime[] = [];
    for (const event of events) {
      if (event.type === EventType.Custom) {
        const { hash, data } = event.data.payload as { hash: string; data: string };
        this.data.set(hash, data);
        continue;
      }
      if (this.data.size > 0 && event.data) this.walk(event.data);
      shown.push(event);
    }
    return shown;
  }

  private walk(value: object): void {
    for (const [key, part] of Object.entries(value) as [string, unknown][]) {
      if (typeof part === "string") {
        if (part.includes("resource:")) Reflect.set(value, key, this.filled(part));
      } else if (typeof part === "object" && part !== null) this.walk(part);
    }
  }

  private filled(text: string): string {
    return text.replace(NAME, (name, hash: string) => this.data.get(hash) ?? name);
  }
}

const NAME = /resource:([0-9a-f]{64})/g;
