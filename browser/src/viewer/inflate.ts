/**
 * Puts an epoch's frames together: PROTOCOL.md sections 3.2 and 4, the agent's side.
 *
 * Owns the order of frames, the chunks of a keyframe and the epoch's inflate stream with its bound. Gives JSON values;
 * whether these are events is `validate.ts`'s question.
 */

import { Inflate } from "pako";

import { FLAGS, type Frame } from "../protocol/frame.js";
import { EPOCH_INFLATED_BYTES_MAX, KEYFRAME_BYTES_MAX } from "../protocol/limits.js";

/** Why an epoch cannot go on. */
export class EpochError extends Error {
  constructor(
    readonly kind: "broken" | "too_large",
    detail: string,
  ) {
    super(detail);
  }
}

/** What a frame has brought. */
export type Step =
  | { readonly type: "facts"; readonly payload: Uint8Array; readonly isFirst: boolean }
  | { readonly type: "keyframe"; readonly events: unknown }
  | { readonly type: "diff"; readonly events: unknown }
  /** Nothing yet: a chunk of a keyframe, or a frame of an epoch that was given up. */
  | { readonly type: "nothing" };

/** Assembles the epochs of one connection. */
export class EpochReader {
  private epoch = 0;
  private sequence = 0;
  private isAlive = false;
  private keyframe: "wanted" | "arriving" | "complete" = "wanted";
  private chunkBytes = 0;
  private stream = new InflateStream();
  private isDeflated = false;
  private chunks: Uint8Array[] = [];

  /** Last reliable frame that was taken. */
  get position(): { readonly epoch: number; readonly sequence: number } {
    return { epoch: this.epoch, sequence: this.sequence };
  }

  /** Whether the current epoch's keyframe is there whole. */
  get isComplete(): boolean {
    return this.isAlive && this.keyframe === "complete";
  }

  /** Gives this epoch up: its further frames are nothing. */
  abandon(): void {
    this.isAlive = false;
    this.chunks = [];
  }

  /** Whether an ephemeral frame belongs to what is shown. */
  takesEphemeral(frame: Frame): boolean {
    return this.isComplete && frame.epoch === this.epoch;
  }

  /** Takes one reliable frame. Throws {@link EpochError}; the epoch is then given up. */
  take(frame: Frame): Step {
    try {
      return this.step(frame);
    } catch (error) {
      this.abandon();
      throw error instanceof EpochError ? error : new EpochError("broken", String(error));
    }
  }

  private step(frame: Frame): Step {
    if (frame.kind === "facts" && frame.sequence === 0) {
      this.begin(frame.epoch);
      return { type: "facts", payload: frame.payload, isFirst: true };
    }
    if (!this.isAlive) return NOTHING;
    if (frame.epoch !== this.epoch || frame.sequence !== this.sequence + 1) {
      throw new EpochError("broken", "a frame is missing");
    }
    this.sequence = frame.sequence;
    switch (frame.kind) {
      case "keyframe":
        return this.chunk(frame);
      case "diff":
        if (this.keyframe !== "complete") throw new EpochError("broken", "a diff before the keyframe");
        return { type: "diff", events: this.json(this.inflate(frame)) };
      case "facts":
        return { type: "facts", payload: frame.payload, isFirst: false };
      default:
        throw new EpochError("broken", `a ${frame.kind} frame within an epoch`);
    }
  }

  private begin(epoch: number): void {
    this.epoch = epoch;
    this.sequence = 0;
    this.isAlive = true;
    this.keyframe = "wanted";
    this.chunkBytes = 0;
    this.chunks = [];
    this.stream = new InflateStream();
  }

  private chunk(frame: Frame): Step {
    const isFirst = (frame.flags & FLAGS.first) !== 0;
    const isLast = (frame.flags & FLAGS.last) !== 0;
    if (this.keyframe !== (isFirst ? "wanted" : "arriving")) {
      throw new EpochError("broken", "a chunk out of its place");
    }
    if (isFirst) this.isDeflated = (frame.flags & FLAGS.deflate) !== 0;
    this.keyframe = isLast ? "complete" : "arriving";
    this.chunkBytes += frame.payload.length;
    if (this.chunkBytes > KEYFRAME_BYTES_MAX) throw new EpochError("too_large", "the keyframe is too long");
    this.chunks.push(...this.inflate(frame));
    if (!isLast) return NOTHING;
    const chunks = this.chunks;
    this.chunks = [];
    return { type: "keyframe", events: this.json(chunks) };
  }

  private inflate(frame: Frame): Uint8Array[] {
    if (((frame.flags & FLAGS.deflate) !== 0) !== this.isDeflated) {
      throw new EpochError("broken", "the epoch is deflated in part");
    }
    return this.stream.read(frame.payload, this.isDeflated);
  }

  private json(chunks: readonly Uint8Array[]): unknown {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
    return JSON.parse(text) as unknown;
  }
}

/** The inflate stream of one epoch, with its bound. */
class InflateStream {
  private out: Uint8Array[] = [];
  private bytes = 0;
  private readonly inflate = new Inflate({ raw: true });

  constructor() {
    this.inflate.onData = (chunk) => {
      this.count(chunk.length);
      this.out.push(chunk);
    };
  }

  read(payload: Uint8Array, isDeflated: boolean): Uint8Array[] {
    this.out = [];
    if (!isDeflated) {
      this.count(payload.length);
      return [payload];
    }
    // A bomb is found before it has unfolded: each piece of output is counted as it comes.
    this.inflate.push(payload, SYNC_FLUSH);
    if (this.inflate.ended) throw new EpochError("broken", `the stream is damaged: ${this.inflate.msg}`);
    return this.out;
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > EPOCH_INFLATED_BYTES_MAX) throw new EpochError("too_large", "the page is too large");
  }
}

const NOTHING: Step = { type: "nothing" };

/** zlib's `Z_SYNC_FLUSH`: gives all output that the input so far allows. */
const SYNC_FLUSH = 2;
