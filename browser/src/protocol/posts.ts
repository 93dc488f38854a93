/**
 * Frames over plain HTTPS on the wire: PROTOCOL.md section 3.5.
 *
 * Owns the form of posts and of the stream. When something is sent, and what a failure means, is `channel.ts`'s.
 */

import { FRAME_HEADER_BYTES, FRAME_PAYLOAD_BYTES_MAX } from "./limits.js";

/** The line that a request's body begins with: of a stream, or of the post of that number. */
export function lineOf(credential: string, channel: string, number: number | null): string {
  return `${credential} ${channel}${number === null ? "" : ` ${String(number)}`}\n`;
}

/** The body of a request: its line, then frames. */
export function bodyOf(line: string, frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = [new TextEncoder().encode(line)];
  for (const frame of frames) parts.push(prefixOf(frame.length), frame as Uint8Array<ArrayBuffer>);
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/** What a stream says. */
export type Said =
  | { readonly type: "frame"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "ping" }
  | { readonly type: "close"; readonly code: number };

/** Takes a stream's bytes as they come, cut anywhere. */
export class StreamReader {
  private held = new Uint8Array(0);

  /** What is whole with these bytes. Throws when it is no stream of ours. */
  take(bytes: Uint8Array): Said[] {
    const all = new Uint8Array(this.held.length + bytes.length);
    all.set(this.held);
    all.set(bytes, this.held.length);
    const said: Said[] = [];
    let at = 0;
    for (;;) {
      const message = messageAt(all, at);
      if (!message) break;
      at = message.end;
      said.push(read(message.first, all.slice(message.start, message.end)));
    }
    this.held = all.slice(at);
    return said;
  }
}

/** Bytes that a frame takes in a post. */
export function postedBytes(frame: Uint8Array): number {
  return (frame.length < LONG ? 2 : 4) + frame.length;
}

function prefixOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(length < LONG ? [BINARY, length] : [BINARY, LONG, length >> 8, length & 0xff]);
}

function messageAt(bytes: Uint8Array, at: number): { first: number; start: number; end: number } | null {
  const [first, length, high, low] = bytes.subarray(at, at + 4);
  if (first === undefined || length === undefined) return null;
  if (![BINARY, PING, CLOSE].includes(first) || length > LONG) throw new Error("not a stream of ours");
  const isLong = length === LONG;
  if (isLong && (high === undefined || low === undefined)) return null;
  const size = isLong ? (high ?? 0) * 256 + (low ?? 0) : length;
  if (size > FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES_MAX) throw new Error("a message that is too long");
  const start = at + (isLong ? 4 : 2);
  return start + size <= bytes.length ? { first, start, end: start + size } : null;
}

function read(first: number, bytes: Uint8Array<ArrayBuffer>): Said {
  switch (first) {
    case BINARY:
      return { type: "frame", bytes };
    case PING:
      return { type: "ping" };
    default:
      return { type: "close", code: (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0) };
  }
}

/** First bytes of RFC 6455's messages, and the length from which the longer form is used. */
const BINARY = 0x82;
const CLOSE = 0x88;
const PING = 0x89;
const LONG = 126;
