/**
 * Frames: PROTOCOL.md section 3. Encodes and decodes one binary WebSocket message.
 *
 * Owns kinds, flags and the header's layout. Leaves payloads to `payloads.ts` and to the scripts.
 */

import type { CloseName } from "./close.js";
import {
  AGENT_PAYLOAD_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_PAYLOAD_BYTES_MAX,
  PRESENCE_BYTES_MAX,
} from "./limits.js";
import type { Privilege } from "./payloads.js";

/** Who sends frames of a kind. */
export type Sender = "visitor" | "agent" | "server";

interface KindRow {
  readonly byte: number;
  readonly from: Sender;
  readonly reliable: boolean;
  readonly flags: number;
  readonly payloadBytesMax: number;
  readonly needs: Privilege | null;
}

/** Flag bits. Which kind may carry which stands in {@link KINDS}. */
export const FLAGS = { first: 0x01, last: 0x02, purge: 0x04, deflate: 0x08, insecure: 0x10 } as const;

/** Slots of `ephemeral` frames. */
export const POINTER_SLOT = 0;

/** Every kind by its name. */
export const KINDS = {
  keyframe: visitor(0x01, true, 0x0b),
  diff: visitor(0x02, true, 0x08),
  ephemeral: visitor(0x03, false, 0x0f),
  facts: visitor(0x04, true, 0x14),
  bye: visitor(0x05, false, 0, 0),
  leaving: visitor(0x06, false, 0, 0),
  presence: visitor(0x07, false, 0, PRESENCE_BYTES_MAX),
  pointer: agent(0x81, "point"),
  draw: agent(0x82, "draw"),
  scroll: agent(0x83, "scroll"),
  click: agent(0x84, "click"),
  type: agent(0x85, "type"),
  navigate: agent(0x86, "navigate"),
  control: agent(0x87, "control"),
  end: agent(0x88, "end", 0),
  resync: agent(0x90, "view", 0),
  welcome: server(0xc1),
  keyframe_request: server(0xc2, 0),
  participants: server(0xc3),
  offer: server(0xc4, PRESENCE_BYTES_MAX),
  joined: server(0xe1),
  visitor_state: server(0xe2),
  skipped: server(0xe3, 0),
} as const satisfies Record<string, KindRow>;

/** Name of a kind. */
export type Kind = keyof typeof KINDS;

/** One frame. `payload` of a decoded frame is a view into the message. */
export interface Frame {
  readonly kind: Kind;
  readonly flags: number;
  readonly source: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** A message that is not a frame. `code` is the close code that the CServer would give for it. */
export class FrameError extends Error {
  constructor(
    readonly code: CloseName,
    detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

/** The wire form. Throws {@link FrameError} for what the peer would refuse: that is a bug of ours. */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  check(KINDS[frame.kind], frame.kind, frame.flags, frame.payload.length);
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS[frame.kind].byte);
  view.setUint8(1, frame.flags);
  view.setUint16(2, frame.source);
  view.setUint32(4, frame.epoch);
  view.setUint32(8, frame.sequence);
  bytes.set(frame.payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Reads one message. Throws {@link FrameError}. */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < FRAME_HEADER_BYTES) throw new FrameError("bad_frame", "shorter than a header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = BY_BYTE.get(view.getUint8(0));
  if (!kind) throw new FrameError("unknown_kind", `kind 0x${view.getUint8(0).toString(16)}`);
  const flags = view.getUint8(1);
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  check(KINDS[kind], kind, flags, payload.length);
  return {
    kind,
    flags,
    source: view.getUint16(2),
    epoch: view.getUint32(4),
    sequence: view.getUint32(8),
    payload,
  };
}

/** A frame without payload. */
export function bareFrame(
  kind: Kind,
  source: number,
  epoch: number,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  return encodeFrame({ kind, flags: 0, source, epoch, sequence, payload: NOTHING });
}

function check(row: KindRow, kind: Kind, flags: number, payloadBytes: number): void {
  if (payloadBytes > row.payloadBytesMax) {
    throw new FrameError("too_long", `${kind} with ${String(payloadBytes)} bytes`);
  }
  if ((flags & ~row.flags) !== 0) throw new FrameError("bad_frame", `${kind} with flags ${String(flags)}`);
}

function visitor(byte: number, reliable: boolean, flags: number, max = FRAME_PAYLOAD_BYTES_MAX): KindRow {
  return { byte, from: "visitor", reliable, flags, payloadBytesMax: max, needs: null };
}

function agent(byte: number, needs: Privilege, max = AGENT_PAYLOAD_BYTES_MAX): KindRow {
  return { byte, from: "agent", reliable: false, flags: 0, payloadBytesMax: max, needs };
}

function server(byte: number, max = FRAME_PAYLOAD_BYTES_MAX): KindRow {
  return { byte, from: "server", reliable: false, flags: 0, payloadBytesMax: max, needs: null };
}

const BY_BYTE = new Map((Object.keys(KINDS) as Kind[]).map((kind) => [KINDS[kind].byte, kind]));

const NOTHING = new Uint8Array(0);
