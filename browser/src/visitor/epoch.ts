/**
 * Epochs on the wire: PROTOCOL.md sections 3.2 and 4, the visitor's side.
 *
 * Owns epoch and sequence numbers, what goes into the epoch's deflate stream, the tasks that a keyframe takes, and the
 * cutting into frames. Takes only what passed the choke point. When an epoch begins, and why, is `recorder.ts`'s.
 */

import type { eventWithTime } from "@rrweb/types";

import type { Answer, InkItem } from "../protocol/commands.js";
import { bareFrame, encodeFrame, FLAGS, POINTER_SLOT } from "../protocol/frame.js";
import { FRAME_PAYLOAD_BYTES_MAX, KEYFRAME_BYTES_MAX } from "../protocol/limits.js";
import { toJson } from "../protocol/payloads.js";
import {
  DIFF_PLAIN_CHARS_SOFT,
  DIFF_RAW_BYTES_SOFT,
  EPOCH_RAW_BYTES_MAX,
  EPOCH_SLICE_RAW_BYTES,
} from "./limits.js";
import type { Masked } from "./mask.js";
import type { MirrorModules } from "./parts.js";
import { inSlices } from "./slices.js";
import { jsonOf } from "../protocol/json.js";

/** Facts whose texts passed the choke point. */
export interface MaskedFacts {
  readonly url: Masked<string>;
  readonly title: Masked<string>;
  readonly width: number;
  readonly height: number;
  readonly visible: boolean;
  /** What the agents are told while the session is paused: words of the page's own code, or none. */
  readonly paused?: string;
  /** The page's own code hides the page. */
  readonly hides?: boolean;
  /** Commands that were not carried out. */
  readonly answers?: readonly Answer[];
  /** What agents have drawn. */
  readonly ink?: readonly InkItem[];
  /** Hash of the masked page as it is at this frame. */
  readonly proof?: string;
}

/** What happened to something that was to be sent. */
export type Sent =
  | "sent"
  /** It does not fit into this epoch: a new one has to begin. */
  | "needs_epoch"
  /** No epoch could hold it. */
  | "too_large";

/** The part that makes an epoch short. */
export type Deflate = MirrorModules["deflate"];

type Stream = Pick<InstanceType<Deflate["Deflater"]>, "write">;

/** Without that part: what is written is what was given. */
const PLAIN: Stream = { write: (raw) => raw };

/** Writes the epochs of one connection. */
export class EpochWriter {
  private stream: Stream | null = null;
  /** A keyframe that is being written; another, or the end of this one, takes its place. */
  private opening: Iterator<undefined, Sent> | null = null;
  private sequence = 0;
  private rawBytes = 0;

  /** `lastEpoch` is the last one that the session has used; `deflater` is `null` where it did not load; `send` puts one frame on the connection. */
  constructor(
    private readonly source: number,
    private epoch: number,
    private readonly isInsecure: boolean,
    private readonly deflater: Deflate["Deflater"] | null,
    private readonly send: (frame: Uint8Array<ArrayBuffer>) => void,
  ) {}

  /** Number of the current epoch and of its last reliable frame. */
  get position(): { readonly epoch: number; readonly sequence: number } {
    return { epoch: this.epoch, sequence: this.sequence };
  }

  /** Whether a keyframe was sent, so that diffs may follow. */
  get isOpen(): boolean {
    return this.stream !== null;
  }

  /** Whether a keyframe is being written: what changes meanwhile follows it. */
  get isOpening(): boolean {
    return this.opening !== null;
  }

  /** Begins an epoch at once: facts, then the keyframe. */
  begin(facts: MaskedFacts, keyframe: readonly Masked<eventWithTime>[], isPurge: boolean): Sent {
    this.close();
    const opening = this.open(facts, keyframe, isPurge);
    for (;;) {
      const step = opening.next();
      if (step.done === true) return step.value;
    }
  }

  /** The same in tasks that no visitor notices. `then` is called when it is out, or cannot be; not after {@link close}. */
  beginInSlices(
    facts: MaskedFacts,
    keyframe: readonly Masked<eventWithTime>[],
    isPurge: boolean,
    then: (sent: Sent) => void,
  ): void {
    this.close();
    const opening = this.open(facts, keyframe, isPurge);
    this.opening = opening;
    inSlices(() => {
      if (this.opening !== opening) return false;
      const step = opening.next();
      if (step.done !== true) return true;
      this.opening = null;
      then(step.value);
      return false;
    });
  }

  private *open(
    facts: MaskedFacts,
    keyframe: readonly Masked<eventWithTime>[],
    isPurge: boolean,
  ): Generator<undefined, Sent> {
    const stream = this.deflater ? new this.deflater() : PLAIN;
    const raw = toJson(keyframe);
    const pieces = cut(raw, EPOCH_SLICE_RAW_BYTES);
    const deflated: Uint8Array[] = [];
    for (const [at, piece] of pieces.entries()) {
      yield;
      deflated.push(stream.write(piece, at === pieces.length - 1));
    }
    const bytes = join(deflated);
    if (bytes.length > KEYFRAME_BYTES_MAX || raw.length > EPOCH_RAW_BYTES_MAX) return "too_large";
    this.stream = stream;
    this.epoch += 1;
    this.sequence = 0;
    this.rawBytes = raw.length;
    this.sendFacts(facts, isPurge);
    const chunks = cut(bytes, FRAME_PAYLOAD_BYTES_MAX);
    chunks.forEach((payload, index) => {
      const first = index === 0 ? FLAGS.first : 0;
      const last = index === chunks.length - 1 ? FLAGS.last : 0;
      this.sequence += 1;
      this.put("keyframe", this.deflated | first | last, payload);
    });
    return "sent";
  }

  /** Sends changes. A batch that is too long for one frame is cut between its events. */
  diff(events: readonly Masked<eventWithTime>[]): Sent {
    for (const part of parts(events, this.deflater ? DIFF_RAW_BYTES_SOFT : DIFF_PLAIN_CHARS_SOFT)) {
      if (!this.stream) return "needs_epoch";
      const raw = encoder.encode(`[${part.join(",")}]`);
      this.rawBytes += raw.length;
      const payload = this.stream.write(raw, true);
      if (payload.length > FRAME_PAYLOAD_BYTES_MAX || this.rawBytes > EPOCH_RAW_BYTES_MAX) {
        // The stream has taken bytes in that no viewer will see: this epoch is over.
        this.stream = null;
        return "needs_epoch";
      }
      this.sequence += 1;
      this.put("diff", this.deflated, payload);
    }
    return "sent";
  }

  /** Sends facts that have changed within the epoch. */
  facts(facts: MaskedFacts): void {
    if (!this.stream) return;
    this.sequence += 1;
    this.sendFacts(facts, false);
  }

  /** Sends where the visitor's pointer is. */
  pointer(event: Masked<eventWithTime>): void {
    if (this.stream) this.put("ephemeral", POINTER_SLOT, toJson(event));
  }

  /** Ends the epoch: nothing more is sent until the next one begins. */
  close(): void {
    this.stream = null;
    this.opening = null;
  }

  /** Says that the visitor ends the session, or that this page goes away. */
  part(kind: "bye" | "leaving"): void {
    this.send(bareFrame(kind, this.source, this.epoch, this.sequence));
  }

  private get deflated(): number {
    return this.deflater ? FLAGS.deflate : 0;
  }

  private sendFacts(facts: MaskedFacts, isPurge: boolean): void {
    const flags = (isPurge ? FLAGS.purge : 0) | (this.isInsecure ? FLAGS.insecure : 0);
    this.put("facts", flags, toJson(facts));
  }

  private put(kind: "keyframe" | "diff" | "ephemeral" | "facts", flags: number, payload: Uint8Array): void {
    const { source, epoch, sequence } = this;
    this.send(encodeFrame({ kind, flags, source, epoch, sequence, payload }));
  }
}

/** Cuts bytes into chunks of at most `max`; nothing is one empty chunk. */
export function cut(bytes: Uint8Array, max: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += max) chunks.push(bytes.subarray(at, at + max));
  return chunks;
}

/** Groups events, as JSON, so that a group stays near so many characters. */
function parts(events: readonly Masked<eventWithTime>[], soft: number): string[][] {
  const groups: string[][] = [];
  let room = 0;
  for (const event of events) {
    const json = jsonOf(event);
    const last = groups.at(-1);
    if (last && json.length <= room) {
      last.push(json);
      room -= json.length;
    } else {
      groups.push([json]);
      room = soft - json.length;
    }
  }
  return groups;
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const encoder = new TextEncoder();
