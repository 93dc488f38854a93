/**
 * How frames reach the CServer by requests, where something between refuses WebSockets: PROTOCOL.md section 3.5.
 *
 * Looks like a WebSocket, so that sessions make no difference. The visitor's script loads this when it is needed. The
 * choice is one page's: the next begins with a WebSocket again.
 */

import { guarded, launch, warn } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import { decodeFrame } from "./frame.js";
import { POST_BODY_BYTES_MAX } from "./limits.js";
import { bodyOf, lineOf, postedBytes, StreamReader } from "./posts.js";
import { OPENING_MS_MAX, type Fallback, type FrameSocket } from "./ways.js";

/** Where to connect, and as whom. */
export interface Target {
  /** Address of the WebSocket. */
  readonly url: string;
  /** What opens the connection. */
  readonly credential: string;
  /** What each post carries: a visitor's ticket serves once. */
  readonly postCredential: string;
  /** Whether cookies belong to it. */
  readonly cookies: RequestCredentials;
}

/** Remembers that WebSockets are blocked, and until when that is believed. */
export function createFallback(cookies: RequestCredentials = "omit", now: () => number = Date.now): Fallback {
  let blockedUntil = 0;
  let isHeldBack = false;
  const tell = (isSo: boolean): void => {
    isHeldBack = isSo;
  };
  return {
    open: (url, credential, postCredential) =>
      now() < blockedUntil ? new HttpSocket({ url, credential, postCredential, cookies }, tell) : null,
    blocked: () => {
      if (now() >= blockedUntil) blockedUntil = now() + BLOCKED_MS;
    },
    get isHeldBack() {
      return isHeldBack;
    },
  };
}

/** A stream from the server and posts to it, with a WebSocket's face. */
export class HttpSocket implements FrameSocket {
  readyState = CONNECTING;
  bufferedAmount = 0;
  onmessage: ((event: MessageEvent) => unknown) | null = null;
  onclose: ((event: CloseEvent) => unknown) | null = null;
  private readonly address: string;
  private readonly channel: string;
  private readonly cancel = new AbortController();
  private queue: Uint8Array[] = [];
  private number = 0;
  private isPosting = false;

  constructor(
    private readonly target: Target,
    private readonly tellHeldBack: (isSo: boolean) => void = () => undefined,
  ) {
    this.address = target.url.replace(/^ws/, "http");
    const random = crypto.getRandomValues(new Uint8Array(8));
    this.channel = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    launch(() => this.run());
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== OPEN) return;
    // A page that goes away cannot wait for its turn.
    if (PARTING.has(decodeFrame(bytes).kind)) {
      launch(() => this.post(0, [bytes], true));
      return;
    }
    this.queue.push(bytes);
    this.bufferedAmount += bytes.length;
    launch(() => this.pump());
  }

  close(): void {
    if (this.readyState >= CLOSING) return;
    this.readyState = CLOSING;
    this.end(NORMAL);
  }

  /** Opens the stream and reads it to its end. */
  private async run(): Promise<void> {
    const reader = new StreamReader();
    // What is said once the connection is over comes when nobody listens any more.
    let code = LOST;
    try {
      const { credential } = this.target;
      // A server says something at once. What collects answers may pass their head on, or nothing.
      const late = setTimeout(
        guarded(() => {
          this.tellHeldBack(true);
          warn(
            "no streamed answer came within 10 s. A proxy that collects answers until they end lets none through.",
          );
          this.cancel.abort();
        }),
        OPENING_MS_MAX,
      );
      const body = bodyOf(lineOf(credential, this.channel, null), []);
      const response = await this.request("stream", body, false, this.cancel.signal);
      if (!response.ok) clearTimeout(late);
      const stream = response.ok ? response.body?.getReader() : undefined;
      if (stream && this.readyState === CONNECTING) {
        this.readyState = OPEN;
      }
      while (stream && this.readyState === OPEN) {
        const { done, value } = await stream.read();
        clearTimeout(late);
        if (done) break;
        this.tellHeldBack(false);
        for (const said of reader.take(value)) {
          if (said.type === "close") code = said.code;
          else if (said.type === "ping") launch(() => this.post(0, [], false));
          else this.onmessage?.(new MessageEvent("message", { data: said.bytes.buffer }));
        }
        if (code !== LOST) break;
      }
    } catch {
      // Nobody answers, or what answers is none of ours: the connection is lost.
    }
    this.end(code);
  }

  /** Sends what waits, one post after the other. */
  private async pump(): Promise<void> {
    if (this.isPosting) return;
    this.isPosting = true;
    while (this.queue.length > 0 && this.readyState === OPEN) {
      const frames = this.next();
      this.number += 1;
      if (!(await this.deliver(this.number, frames))) {
        // The stream may be about to say why; nothing more is sent.
        setTimeout(
          guarded(() => {
            this.end(LOST);
          }),
          REASON_MS,
        );
        return;
      }
      for (const frame of frames) this.bufferedAmount -= frame.length;
    }
    this.isPosting = false;
  }

  /** As many frames as one post holds. */
  private next(): Uint8Array[] {
    const { postCredential } = this.target;
    let room = POST_BODY_BYTES_MAX - lineOf(postCredential, this.channel, 0xffff_ffff).length;
    let count = 0;
    for (const frame of this.queue) {
      room -= postedBytes(frame);
      if (room < 0) break;
      count += 1;
    }
    return this.queue.splice(0, Math.max(count, 1));
  }

  /** A post that nobody answers is sent again; the server takes it once. */
  private async deliver(number: number, frames: readonly Uint8Array[]): Promise<boolean> {
    for (let tries = 0; tries < POST_TRIES_MAX && this.readyState === OPEN; tries += 1) {
      const taken = await this.post(number, frames, false);
      if (taken !== null) return taken;
      await new OwnPromise((resolve) => setTimeout(guarded(resolve), POST_PAUSE_MS * 2 ** tries));
    }
    return false;
  }

  /** Whether a post was taken; `null` when nobody answered. */
  private async post(
    number: number,
    frames: readonly Uint8Array[],
    outlives: boolean,
  ): Promise<boolean | null> {
    const body = bodyOf(lineOf(this.target.postCredential, this.channel, number), frames);
    try {
      const signal = AbortSignal.timeout(POST_MS_MAX);
      return (await this.request("frames", body, outlives, signal)).ok;
    } catch {
      return null;
    }
  }

  private request(
    what: "stream" | "frames",
    body: Uint8Array<ArrayBuffer>,
    keepalive: boolean,
    signal: AbortSignal,
  ): Promise<Response> {
    return fetch(`${this.address}/${what}`, {
      method: "POST",
      // A type that needs no question to the server before, from a page of another origin.
      headers: { "Content-Type": "text/plain" },
      body,
      keepalive,
      signal,
      credentials: this.target.cookies,
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
  }

  private end(code: number): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.queue = [];
    this.bufferedAmount = 0;
    this.cancel.abort();
    this.onclose?.(new CloseEvent("close", { code }));
  }
}

/** States of a WebSocket. */
const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Close codes of RFC 6455 that are not ours: in good order, and lost. */
const NORMAL = 1000;
const LOST = 1006;

/** What a page says that goes away. */
const PARTING: ReadonlySet<string> = new Set(["bye", "leaving"]);

/** How long it is believed that WebSockets are blocked. After that a reconnect tries one. */
export const BLOCKED_MS = 600_000;

/** Answer to a post. Longer counts as unanswered. */
const POST_MS_MAX = 10_000;

/** How long the stream has to say why a post was refused. */
const REASON_MS = 1_000;

/** Tries of one post. Then the connection is lost. */
const POST_TRIES_MAX = 3;

/** Before the second try; twice that before the third. */
const POST_PAUSE_MS = 250;
