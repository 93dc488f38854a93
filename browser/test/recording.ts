/**
 * The real recorder behind the choke point, for tests: what it would send is kept.
 */

import { record } from "@rrweb/record";
import { EventType, type eventWithTime } from "@rrweb/types";

import type { VisitorSettings } from "../src/protocol/payloads.js";
import { VALUED } from "../src/visitor/copies.js";
import { Masker } from "../src/visitor/mask.js";
import { MaskMemory, Rules } from "../src/visitor/rules.js";
import type { Walk } from "../src/visitor/walk.js";

/** Records the page as the visitor's script does, through the choke point. */
export class Recording {
  readonly sent: eventWithTime[] = [];
  readonly masker: Masker;
  private isEnded = false;
  private readonly stop: (() => void) | undefined;

  constructor(settings: VisitorSettings, memory = new MaskMemory()) {
    this.masker = new Masker(new Rules(settings, document, memory), record.mirror, document, memory);
    this.stop = record({
      emit: (event) => {
        const masked = event.type === EventType.FullSnapshot ? this.read(event) : this.masker.event(event);
        if (masked) this.sent.push(masked);
      },
      maskTextFn: this.masker.inner,
      maskInputFn: this.masker.inner,
      sampling: { scroll: 0 },
    });
  }

  /** All at once; again where a value became known on the way. */
  private read(event: eventWithTime & { type: EventType.FullSnapshot }): eventWithTime | null {
    const walk = event.data.node as unknown as Walk;
    this.masker.look();
    for (const field of document.querySelectorAll(VALUED)) this.masker.meet(field);
    const { put, end } = this.masker.parts();
    walk.go(put, () => false);
    const masked = end(event.data.initialOffset);
    // As the recorder does, in a task behind this one.
    if (!masked) setTimeout(() => !this.isEnded && record.takeFullSnapshot(), 0);
    return masked;
  }

  get json(): string {
    return JSON.stringify(this.sent);
  }

  end(): void {
    this.isEnded = true;
    this.stop?.();
    this.masker.stop();
  }
}
