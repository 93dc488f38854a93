/**
 * Frames over plain HTTPS: the form of posts and streams, and when they are used, sent again and given up.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { BLOCKED_MS, createFallback, HttpSocket, type Target } from "../src/protocol/channel.js";
import { CLOSE_CODES } from "../src/protocol/close.js";
import { bareFrame } from "../src/protocol/frame.js";
import { POST_BODY_BYTES_MAX } from "../src/protocol/limits.js";
import { bodyOf, lineOf, StreamReader, type Said } from "../src/protocol/posts.js";
import { OPENING_MS_MAX, type FrameSocket } from "../src/protocol/ways.js";

interface PostVector {
  line: string;
  hex: (string | number)[];
  credential: string;
  channel: string;
  number: number | null;
  frame_bytes: number[];
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function sevens(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(7);
}

describe("posts and streams", () => {
  it("have the form of the shared vectors", () => {
    const text = readFileSync(join(__dirname, "../../protocol/vectors/posts.json"), "utf8");
    for (const row of (JSON.parse(text) as { good: PostVector[] }).good) {
      const line = lineOf(row.credential, row.channel, row.number);
      const parts = row.hex.map((part) => (typeof part === "string" ? part : hexOf(sevens(part))));
      expect(hexOf(bodyOf(line, row.frame_bytes.map(sevens)))).toBe(
        Buffer.from(row.line).toString("hex") + parts.join(""),
      );
    }
  });

  it("are understood however they are cut", () => {
    const bodies = [0, 12, 125, 126, 2_000].map(sevens);
    const close = Uint8Array.from([0x88, 4, 4003 >> 8, 4003 & 0xff, 0x73, 0x75]);
    const stream = Buffer.concat([bodyOf("", bodies), Uint8Array.from([0x89, 0]), close]);
    for (const size of [1, 7, 1000, stream.length]) {
      const reader = new StreamReader();
      const said: Said[] = [];
      for (let at = 0; at < stream.length; at += size)
        said.push(...reader.take(stream.subarray(at, at + size)));
      const lengths = said.map((one) => (one.type === "frame" ? one.bytes.length : one.type));
      expect(lengths).toEqual([...bodies.map((body) => body.length), "ping", "close"]);
      expect(said.at(-1)).toEqual({ type: "close", code: 4003 });
    }
    expect(new StreamReader().take(bodyOf("", [sevens(61_452)])).length).toBe(1);
  });

  it("are refused when they are none", () => {
    for (const bytes of [
      [0x81, 1, 65],
      [0x82, 127, 0, 0],
      [0x82, 0x8c, 0, 0],
      [0x3c, 0x68],
      [0x82, 126, 0xff, 0xff],
    ])
      expect(() => new StreamReader().take(Uint8Array.from(bytes))).toThrow();
  });
});

const TARGET: Target = {
  url: "wss://s1.example/visitor",
  credential: "ticket.T",
  postCredential: "resume.R",
  cookies: "omit",
};

/** A server that streams, and keeps what is posted. */
class FakeServer {
  readonly posts: { number: number; body: Uint8Array; keepalive: boolean }[] = [];
  readonly streams: string[] = [];
  answer: () => Response | Error = () => Response.json({ state: "live" });
  private body: ReadableStreamDefaultController<Uint8Array> | null = null;

  fetch(url: string, init: RequestInit): Promise<Response> {
    const body = init.body as Uint8Array;
    const line = new TextDecoder().decode(body.subarray(0, body.indexOf(10)));
    if (url.endsWith("/stream")) {
      this.streams.push(line);
      const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        this.body = controller;
        const { signal } = init;
        signal?.addEventListener("abort", () => {
          controller.error(new DOMException("", "AbortError"));
        });
      };
      const stream = new ReadableStream<Uint8Array>({ start });
      return Promise.resolve(new Response(stream));
    }
    expect(url).toBe("https://s1.example/visitor/frames");
    const number = Number(line.split(" ")[2]);
    this.posts.push({ number, body, keepalive: init.keepalive ?? false });
    const answer = this.answer();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  say(...bytes: number[]): void {
    this.body?.enqueue(Uint8Array.from(bytes));
  }

  end(): void {
    this.body?.close();
  }
}

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => server.fetch(url, init));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const DIFF = Uint8Array.from([2, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2]);

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

async function opened(): Promise<{ socket: FrameSocket; heard: number[]; closed: number[] }> {
  const socket = new HttpSocket(TARGET);
  const heard: number[] = [];
  const closed: number[] = [];
  socket.onmessage = ({ data }) => heard.push((data as ArrayBuffer).byteLength);
  socket.onclose = ({ code }) => closed.push(code);
  await settle();
  expect(socket.readyState).toBe(WebSocket.OPEN);
  return { socket, heard, closed };
}

describe("a connection over requests", () => {
  it("opens with the ticket, reads the stream, answers pings and says why it ended", async () => {
    const { heard, closed } = await opened();
    expect(server.streams[0]).toMatch(/^ticket\.T [0-9a-f]{16}$/);
    server.say(0x82, 12, ...DIFF, 0x89, 0);
    await settle();
    expect(heard).toEqual([12]);
    expect(server.posts.map((post) => post.number)).toEqual([0]);
    server.say(0x88, 2, 4003 >> 8, 4003 & 0xff);
    await settle();
    expect(closed).toEqual([CLOSE_CODES.superseded.code]);
  });

  it("is lost when the stream ends without a word", async () => {
    const { closed } = await opened();
    server.end();
    await settle();
    expect(closed).toEqual([1006]);
  });

  it("sends one post at a time, in order, as much as one holds", async () => {
    const { socket } = await opened();
    let release: ((response: Response) => void) | undefined;
    const held = new Promise<Response>((resolve) => (release = resolve));
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
      void server.fetch(url, init);
      return server.posts.length === 1 ? held : Promise.resolve(Response.json({}));
    });
    const large = new Uint8Array(40_000);
    large.set(DIFF);
    socket.send(DIFF);
    for (const frame of [DIFF, large, large]) socket.send(frame);
    await settle();
    expect(server.posts.map((post) => post.number)).toEqual([1]);
    expect(socket.bufferedAmount).toBe(3 * 40_000 - 40_000 + 24);
    release?.(Response.json({}));
    await settle();
    expect(server.posts.map((post) => post.number)).toEqual([1, 2, 3]);
    for (const post of server.posts) expect(post.body.length).toBeLessThanOrEqual(POST_BODY_BYTES_MAX);
    expect(socket.bufferedAmount).toBe(0);
  });

  it("sends an unanswered post again under its number, then gives up", async () => {
    const { socket, closed } = await opened();
    const answers = [new TypeError("reset"), Response.json({})];
    server.answer = () => answers.shift() ?? new TypeError("reset");
    socket.send(DIFF);
    await settle(1_000);
    expect(server.posts.map((post) => post.number)).toEqual([1, 1]);
    socket.send(DIFF);
    await settle(10_000);
    expect(server.posts.map((post) => post.number)).toEqual([1, 1, 2, 2, 2]);
    expect(closed).toEqual([1006]);
  });

  it("leaves it to the stream to say why a post was refused", async () => {
    const { socket, closed } = await opened();
    server.answer = () => Response.json({ error: "not_found" }, { status: 404 });
    socket.send(DIFF);
    await settle();
    server.say(0x88, 2, 4003 >> 8, 4003 & 0xff);
    await settle(5_000);
    expect(closed).toEqual([CLOSE_CODES.superseded.code]);
    expect(server.posts.length).toBe(1);
  });

  it("sends what a leaving page says at once and outside the order", async () => {
    const { socket } = await opened();
    socket.send(bareFrame("leaving", 1, 1, 1));
    socket.close();
    expect(server.posts.map(({ number, keepalive }) => [number, keepalive])).toEqual([[0, true]]);
  });
});

describe("the choice of the way", () => {
  it("knows of a proxy that holds the stream back, whether or not it passes the head on, and of one that no longer does", async () => {
    const fallback = createFallback();
    fallback.blocked();
    const open = (): number[] => {
      const socket = fallback.open(TARGET.url, TARGET.credential, TARGET.postCredential);
      const closed: number[] = [];
      if (socket) socket.onclose = ({ code }) => closed.push(code);
      return closed;
    };
    const withHead = open();
    await settle(OPENING_MS_MAX - 1);
    expect([withHead, fallback.isHeldBack]).toEqual([[], false]);
    await settle(1);
    expect([withHead, fallback.isHeldBack]).toEqual([[1006], true]);
    const passed = open();
    await settle(1);
    server.say(0x82, 12, ...DIFF);
    await settle(OPENING_MS_MAX);
    expect([passed, fallback.isHeldBack]).toEqual([[], false]);
    vi.stubGlobal(
      "fetch",
      (_: string, { signal }: RequestInit) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reject(new DOMException("", "AbortError"));
          });
        }),
    );
    const withNothing = open();
    await settle(OPENING_MS_MAX);
    expect([withNothing, fallback.isHeldBack]).toEqual([[1006], true]);
  });

  it("is requests once WebSockets are blocked, and a WebSocket again later", () => {
    const now = { ms: 1 };
    const open = (): FrameSocket | null =>
      fallback.open(TARGET.url, TARGET.credential, TARGET.postCredential);
    const fallback = createFallback("omit", () => now.ms);
    expect(open()).toBeNull();
    fallback.blocked();
    expect(open()).toBeInstanceOf(HttpSocket);
    now.ms = BLOCKED_MS;
    fallback.blocked();
    expect(open()).toBeInstanceOf(HttpSocket);
    now.ms = BLOCKED_MS + 1;
    expect(open()).toBeNull();
  });
});
