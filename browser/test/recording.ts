/**
 * The real recorder behind the choke point, for tests: what it would send is kept.
 */

import { record } from "@rrweb/record";
import type { eventWithTime } from "@rrweb/types";

import type { VisitorSettings } from "../src/protocol/payloads.js";
import { Masker } from "../src/visitor/mask.js";
import { MaskMemory, Rules } from "../src/visitor/rules.js";

/** Records the page as the visitor's script does, through the choke point. */
export class Recording {
  readonly sent: eventWithTime[] = [];
  readonly masker: Masker;
  private readonly stop: (() => void) | undefined;

  constructor(settings: VisitorSettings, memory = new MaskMemory()) {
    this.masker = new Masker(new Rules(settings, document, memory), record.mirror, document, memory);
    this.stop = record({
      emit: (event) => {
        const masked = this.masker.event(event);
        if (masked) this.sent.push(masked);
      },
      sampling: { mousemove: false, scroll: 0 },
      slimDOMOptions: { script: true, comment: true },
    });
  }

  get json(): string {
    return JSON.stringify(this.sent);
  }

  end(): void {
    this.stop?.();
  }
}
