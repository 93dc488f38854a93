/**
 * What crossed a WebSocket, decoded by rules read from PROTOCOL.md and by nothing of the product's own code.
 *
 * A capture keeps every binary message. `textOf` inflates each epoch's stream, so that a search for a canary sees
 * exactly what an agent, or a CServer that looked, could read.
 */

import { constants, inflateRawSync } from "node:zlib";
import type { Page } from "@playwright/test";

const HEADER_BYTES = 12;
const KEYFRAME = 0x01;
const DIFF = 0x02;
const FACTS = 0x04;
const DEFLATE = 0x08;

export interface Header {
  readonly kind: number;
  readonly flags: number;
  readonly source: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** Messages of one direction, in order. */
export class Capture {
  readonly messages: Buffer[] = [];

  /** Everything that this page sends over any WebSocket from now on. */
  static ofSent(page: Page): Capture {
    const capture = new Capture();
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => capture.take(payload));
    });
    return capture;
  }

  /** Everything that this page receives. */
  static ofReceived(page: Page): Capture {
    const capture = new Capture();
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => capture.take(payload));
    });
    return capture;
  }

  take(payload: string | Buffer): void {
    this.messages.push(Buffer.from(payload));
  }

  /** How many frames of that kind. */
  count(kind: number): number {
    return this.messages.filter((message) => message[0] === kind).length;
  }

  /** Whether there was a frame of that kind with that flag in that epoch. */
  has(kind: number, flag: number, epoch: number): boolean {
    return this.messages
      .filter((message) => message.length >= HEADER_BYTES)
      .map(header)
      .some((one) => one.kind === kind && (one.flags & flag) !== 0 && one.epoch === epoch);
  }

  /** All payloads as text: inflated where they are compressed, as they are elsewhere. */
  text(): string {
    return textOf(this.messages);
  }
}

/** Reads a header. */
export function header(message: Buffer): Header {
  return {
    kind: message.readUInt8(0),
    flags: message.readUInt8(1),
    source: message.readUInt16BE(2),
    epoch: message.readUInt32BE(4),
    sequence: message.readUInt32BE(8),
  };
}

/** The readable content of messages in their order. Each epoch of each connection has one deflate stream. */
export function textOf(messages: readonly Buffer[]): string {
  const parts: string[] = [];
  let stream: Buffer[] = [];
  const flush = (): void => {
    if (stream.length > 0) parts.push(inflate(Buffer.concat(stream)));
    stream = [];
  };
  for (const message of messages) {
    if (message.length < HEADER_BYTES) {
      parts.push(message.toString("utf8"));
      continue;
    }
    const { kind, flags, sequence } = header(message);
    const payload = message.subarray(HEADER_BYTES);
    if (kind === FACTS && sequence === 0) flush();
    if ((kind === KEYFRAME || kind === DIFF) && (flags & DEFLATE) !== 0) stream.push(payload);
    else parts.push(payload.toString("utf8"));
  }
  flush();
  return parts.join("\n");
}

/** Raw deflate that ends at a sync flush, not at an end of stream. */
function inflate(bytes: Buffer): string {
  return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8");
}
