/**
 * Presence over a stand-in for its connection: what it says, and what it does where WebSockets are blocked.
 */

import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { decodeFrame } from "../src/protocol/frame.js";
import { parseJson } from "../src/protocol/payloads.js";
import { startPresence } from "../src/presence/main.js";

let sockets: FakeSocket[];
let stop: () => void;

class FakeSocket {
  static readonly OPEN = 1;
  readyState = 0;
  readonly sent: Uint8Array[] = [];
  onopen?: () => void;
  onclose?: (event: { code: number }) => void;

  constructor() {
    sockets.push(this);
  }

  send(frame: Uint8Array): void {
    this.sent.push(frame);
  }

  close(): void {
    // Nobody listens any more.
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  vi.stubGlobal(
    "fetch",
    vi.fn(() => Promise.resolve(Response.json({ server: "wss://s1.example/presence", ticket: "T" }))),
  );
  vi.stubGlobal("WebSocket", FakeSocket);
  const onOffer = (): Promise<boolean> => Promise.resolve(false);
  stop = startPresence({ page: window, origin: "https://www.example", group: "demo", visitor: "v", onOffer });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Connections that are tried in so many minutes, each of which ends at once. */
async function triesIn(minutes: number, opens: boolean): Promise<number> {
  const before = sockets.length;
  for (let at = 0; at < minutes * 60; at += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    const socket = sockets.at(-1);
    if (opens) socket?.onopen?.();
    socket?.onclose?.({ code: 1006 });
    if (socket) socket.onclose = () => undefined;
  }
  return sockets.length - before;
}

it("asks once a minute where no connection opens, and soon again where one did", async () => {
  await triesIn(1, false);
  expect(await triesIn(10, false)).toBeLessThanOrEqual(10);
  // Somebody has let WebSockets pass: the next one opens.
  await triesIn(2, true);
  expect(await triesIn(1, true)).toBeGreaterThan(10);
});

it("says where the page is without what stands in its address besides", async () => {
  window.history.replaceState(null, "", "/cart;jsessionid=CANARY1/item;v=CANARY2?token=CANARY3#CANARY4");
  await vi.advanceTimersByTimeAsync(0);
  const socket = sockets.at(-1);
  if (!socket) throw new Error("no connection was tried");
  socket.readyState = FakeSocket.OPEN;
  socket.onopen?.();
  const said = socket.sent.map((frame) => parseJson(decodeFrame(frame).payload));
  expect(said).toEqual([{ url: `${window.location.origin}/cart/item`, visible: true }]);
  window.history.replaceState(null, "", "/");
});
