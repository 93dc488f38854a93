/**
 * Presence over a stand-in for its connection: what it does where WebSockets are blocked.
 */

import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { startPresence } from "../src/presence/main.js";

let sockets: FakeSocket[];
let stop: () => void;

class FakeSocket {
  static readonly OPEN = 1;
  readonly readyState = 0;
  onopen?: () => void;
  onclose?: (event: { code: number }) => void;

  constructor() {
    sockets.push(this);
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
