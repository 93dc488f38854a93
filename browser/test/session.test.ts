/**
 * The visitor's session over a stand-in for the connection: what is sent when, and what follows each end.
 */

import { constants, inflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Tag } from "../src/loader/tag.js";
import * as deflate from "../src/mirror/deflate.js";
import * as mirror from "../src/mirror/main.js";
import { createFallback } from "../src/protocol/channel.js";
import { CLOSE_CODES, type CloseName } from "../src/protocol/close.js";
import { decodeFrame, encodeFrame, type Frame, type Kind } from "../src/protocol/frame.js";
import { toJson, type StartAnswer } from "../src/protocol/payloads.js";
import {
  BUFFERED_BYTES_MAX,
  BUFFERED_BYTES_RESUME,
  BUFFERED_CHECK_MS,
  PEER_FAULTS_MAX,
} from "../src/visitor/limits.js";
import { Session, type SessionListener, type SessionState } from "../src/visitor/session.js";

const ID = `demo:471113:${"0".repeat(32)}`;
const SETTINGS = { masks: ["#card"], mask_default: "passwords" };
const TAG: Tag = {
  group: "demo",
  groups: ["demo"],
  site: "production",
  origin: "https://www.example",
  scripts: "https://www.example/cobrowse/",
  trust: String,
  isPinned: false,
  keptIn: "cookie",
  cookieDomain: "",
  language: null,
  startPaused: false,
  termsUrl: null,
  visitorId: null,
  presence: "",
  framed: "",
  keys: {},
};
const ANSWER: StartAnswer = {
  session: ID,
  key: "471113",
  server: "wss://s1.example/visitor",
  status: "https://s1.example/visitor/status",
  ticket: "TICKET",
  resume: "RESUME",
  home: 1,
};

/** The flag of an epoch that replaces what was before. */
const PURGE = 0x04;

/** More tasks than a small page's keyframe takes; in virtual time each comes a millisecond after the other. */
const TASKS_MS = 10;

/** The flag of what belongs to a deflate stream. */
const DEFLATE = 0x08;

/** The flag of a keyframe's last chunk. */
const LAST = 0x02;

/** What a session begins with, where all of it came in time. */
const WHOLE = { deflate, mirror, late: null };
const parts: Record<string, unknown> = { ...WHOLE };

vi.mock("../src/visitor/parts.js", () => ({
  loadRequests: () => Promise.resolve(createFallback()),
  loadFirst: () => Promise.resolve(parts),
  loadMirror: () => Promise.resolve(null),
}));

class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readonly sent: Frame[] = [];
  readyState = FakeSocket.OPEN;
  bufferedAmount = 0;
  /** Bytes that each frame leaves waiting. */
  leavesWaiting = 0;
  binaryType = "";
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(decodeFrame(bytes));
    this.bufferedAmount += this.leavesWaiting;
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.onopen?.();
  }

  async receive(kind: Kind, value: unknown, source = 0): Promise<void> {
    const payload = value === null ? new Uint8Array() : toJson(value);
    const bytes = encodeFrame({ kind, flags: 0, source, epoch: 0, sequence: 0, payload });
    this.onmessage?.({ data: bytes.buffer });
    await vi.advanceTimersByTimeAsync(0);
  }

  async welcome(settings: unknown = SETTINGS, lastEpoch = 0): Promise<void> {
    this.open();
    await this.receive("welcome", {
      session: ID,
      home: 1,
      last_epoch: lastEpoch,
      grace_ms: 30_000,
      settings,
    });
    // The page is read and the keyframe written in tasks of their own.
    vi.advanceTimersByTime(TASKS_MS);
  }

  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  endBy(name: CloseName): void {
    this.end(CLOSE_CODES[name].code);
  }
}

class Witness implements SessionListener {
  readonly states: [SessionState, string | null][] = [];
  readonly points: unknown[] = [];
  readonly commands: string[] = [];
  allows = true;
  replaced = 0;
  onState(state: SessionState, reason: string | null): void {
    this.states.push([state, reason]);
  }
  onAgents(): void {
    // Not of interest here.
  }
  onPointer(agent: number, point: unknown): void {
    this.points.push([agent, point]);
  }
  onCommand(frame: Frame): void {
    this.commands.push(frame.kind);
  }
  mayContinue(): boolean {
    return this.allows;
  }
  onSettings(): void {
    // Not of interest here.
  }
  onReplaced(): void {
    this.replaced += 1;
  }
  onEpoch(): void {
    // Drawings are told in the browser suite.
  }
  onPosition(): void {
    // Not of interest here.
  }
  onUnshareable(): void {
    // Not of interest here.
  }
}

let session: Session;
let witness: Witness;
const asked: string[] = [];

function last(): FakeSocket {
  return FakeSocket.all.at(-1) as FakeSocket;
}

/** What the keyframes and diffs of these frames say; each epoch is one stream. */
function textOf(frames: readonly Frame[]): string {
  const streams = new Map<number, Uint8Array[]>();
  for (const { kind, epoch, payload } of frames)
    if (kind === "keyframe" || kind === "diff") streams.set(epoch, [...(streams.get(epoch) ?? []), payload]);
  return [...streams.values()]
    .map((parts) => inflateRawSync(Buffer.concat(parts), { finishFlush: constants.Z_SYNC_FLUSH }))
    .join();
}

/** Messages between two ports in virtual time; each is a task of its own. */
class FakeChannel {
  readonly port1: { onmessage: (() => void) | null; close(): void } = {
    onmessage: null,
    close: () => undefined,
  };
  readonly port2 = { postMessage: () => setTimeout(() => this.port1.onmessage?.(), 0) };
}

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.useFakeTimers();
  FakeSocket.all = [];
  asked.length = 0;
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("MessageChannel", FakeChannel);
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(Response.json({ error: "not_found", message: "gone" }, { status: 404 }));
  });
  document.body.innerHTML = '<p>CONTROL</p><input id="card" value="CANARY1">';
  witness = new Witness();
  const { session: id, server, status, resume, home } = ANSWER;
  session = new Session(window, TAG, { session: id, server, status, resume, home }, witness);
  session.begin(ANSWER);
});

afterEach(() => {
  session.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("does not go on by itself on a page that no longer allows the group", () => {
  last().open();
  last().endBy("superseded");
  expect(witness.states.at(-1)).toEqual(["passive", null]);
  const before = FakeSocket.all.length;
  witness.allows = false;
  window.dispatchEvent(new Event("focus"));
  expect(FakeSocket.all.length).toBe(before);
  witness.allows = true;
  window.dispatchEvent(new Event("focus"));
  expect(FakeSocket.all.length).toBe(before + 1);
});

describe("a session", () => {
  it("offers its ticket, sends nothing before the welcome, then an epoch after the last one", async () => {
    expect(last().protocols).toEqual(["cobrowse.v1", "ticket.TICKET"]);
    last().open();
    expect(last().sent).toEqual([]);
    await last().welcome(SETTINGS, 6);
    const { sent } = last();
    expect(sent.map((frame) => frame.kind)).toEqual(["facts", "keyframe"]);
    expect(sent.map((frame) => [frame.epoch, frame.sequence])).toEqual([
      [7, 0],
      [7, 1],
    ]);
    expect(witness.states.at(-1)).toEqual(["live", null]);
  });

  it("goes on without what deflates: the page and its changes leave as they are", async () => {
    parts.deflate = null;
    try {
      await last().welcome();
      document.querySelector("p")?.append("more ", "x".repeat(40_000));
      await vi.advanceTimersByTimeAsync(TASKS_MS);
      const { sent } = last();
      expect(sent.map(({ kind }) => kind)).toEqual(["facts", "keyframe", "diff"]);
      for (const { flags } of sent) expect(flags & DEFLATE).toBe(0);
      expect(new TextDecoder().decode(sent[1]?.payload)).toContain("CONTROL");
      expect(new TextDecoder().decode(sent[2]?.payload)).toContain("more ");
      for (const { payload } of sent) expect(new TextDecoder().decode(payload)).not.toContain("CANARY");
    } finally {
      Object.assign(parts, WHOLE);
    }
  });

  it("is shown without what completes the mirror, and anew when that has come", async () => {
    let arrive: (module: typeof mirror) => void = () => undefined;
    Object.assign(parts, { late: new Promise((resolve) => (arrive = resolve)), mirror: null });
    try {
      const box = document.body.appendChild(document.createElement("input"));
      Object.assign(box, { type: "checkbox", indeterminate: true });
      await last().welcome();
      expect(last().sent.map(({ kind, epoch }) => kind + String(epoch))).toEqual(["facts1", "keyframe1"]);
      expect(textOf(last().sent)).not.toContain("rr_indeterminate");
      arrive(mirror);
      await vi.advanceTimersByTimeAsync(TASKS_MS);
      expect(textOf(last().sent.filter(({ epoch }) => epoch === 2))).toContain("rr_indeterminate");
      expect(textOf(last().sent)).not.toContain("CANARY");
    } finally {
      Object.assign(parts, WHOLE);
    }
  });

  it("sends nothing more over a connection that is gone when what completes the mirror comes", async () => {
    let arrive: (module: typeof mirror) => void = () => undefined;
    Object.assign(parts, { late: new Promise((resolve) => (arrive = resolve)), mirror: null });
    try {
      await last().welcome();
      last().end(1006);
      arrive(mirror);
      await vi.advanceTimersByTimeAsync(TASKS_MS);
      expect(FakeSocket.all[0]?.sent.map(({ epoch }) => epoch)).toEqual([1, 1]);
    } finally {
      Object.assign(parts, WHOLE);
    }
  });

  it.each([undefined, {}, { masks: [], mask_default: "nothing" }])(
    "sends nothing without settings: %j",
    async (settings) => {
      await last().welcome(settings ?? null);
      expect(last().sent).toEqual([]);
      expect(witness.states.at(-1)?.[0]).toBe("ended");
    },
  );

  it("comes back with its resume secret when the connection breaks", async () => {
    await last().welcome();
    last().end(1006);
    expect(witness.states.at(-1)?.[0]).toBe("reconnecting");
    vi.advanceTimersByTime(1_000);
    expect(FakeSocket.all.length).toBe(2);
    expect(last().protocols).toEqual(["cobrowse.v1", "resume.RESUME"]);
    await last().welcome(SETTINGS, 1);
    expect(last().sent[0]).toMatchObject({ kind: "facts", epoch: 2 });
  });

  it("rests when another tab took over, until it is looked at", async () => {
    await last().welcome();
    last().endBy("superseded");
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all.length).toBe(1);
    expect(witness.states.at(-1)?.[0]).toBe("passive");
    window.dispatchEvent(new Event("focus"));
    expect(FakeSocket.all.length).toBe(2);
  });

  it("tells what a slow line has no room for by a keyframe once that is empty, and waits for no keyframe's own bytes", async () => {
    const change = async (text: string): Promise<void> => {
      document.querySelector("p")?.append(text);
      await vi.advanceTimersByTimeAsync(TASKS_MS);
    };
    const kinds = (): string[] => last().sent.map(({ kind }) => kind);
    last().leavesWaiting = BUFFERED_BYTES_MAX;
    await last().welcome();
    // Facts and keyframe wait, and changes behind them.
    await change("one");
    expect(kinds()).toEqual(["facts", "keyframe", "diff"]);
    await change("two");
    expect(kinds()).toEqual(["facts", "keyframe", "diff", "diff"]);
    for (const text of ["three", "four"]) await change(text);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(kinds()).toEqual(["facts", "keyframe", "diff", "diff"]);
    last().bufferedAmount = BUFFERED_BYTES_RESUME;
    await vi.advanceTimersByTimeAsync(BUFFERED_CHECK_MS + TASKS_MS);
    expect(kinds().slice(4)).toEqual(["facts", "keyframe"]);
    expect(textOf(last().sent.slice(4))).toContain('"four"');
  });

  it("rests in a page that was opened behind another, until that is seen", () => {
    const seen = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    const { session: id, server, status, resume, home } = ANSWER;
    const behind = new Session(window, TAG, { session: id, server, status, resume, home }, witness);
    const before = FakeSocket.all.length;
    behind.resume();
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeSocket.all.length).toBe(before);
    expect(witness.states.at(-1)).toEqual(["passive", null]);
    seen.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(FakeSocket.all.length).toBe(before + 1);
    behind.stop();
  });

  it("goes on when what took over may have been an attempt of its own that came late, once for each", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
    last().end(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    const attempts = FakeSocket.all.length;
    expect(attempts).toBe(2);
    await last().welcome();
    last().endBy("superseded");
    expect(witness.states.at(-1)?.[0]).toBe("reconnecting");
    vi.advanceTimersByTime(1_000);
    expect(FakeSocket.all.length).toBe(attempts + 1);
    await last().welcome();
    last().endBy("superseded");
    expect(witness.states.at(-1)?.[0]).toBe("passive");
  });

  it("ends for good when an agent has ended it", async () => {
    await last().welcome();
    last().endBy("session_ended_agent");
    expect(witness.states.at(-1)).toEqual(["ended", "session_ended_agent"]);
    window.dispatchEvent(new Event("focus"));
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all.length).toBe(1);
  });

  it("asks why an upgrade failed, then the web tier, and ends when neither knows it", async () => {
    last().end(1006);
    await vi.waitFor(() => expect(witness.states.at(-1)).toEqual(["ended", "not_found"]));
    expect(asked).toEqual([
      "https://s1.example/visitor/status",
      "https://www.example/api/v1/sessions/continue",
    ]);
  });

  it("shows a home that has let it in its resume secret, and a ticket only once that home does not know it", async () => {
    let status: Response | null = null;
    vi.stubGlobal("fetch", (url: string) => {
      if (!url.endsWith("/status")) return Promise.resolve(Response.json({ ...ANSWER, ticket: "NEW" }));
      return status ? Promise.resolve(status) : Promise.reject(new TypeError("nobody there"));
    });
    const shown = async (): Promise<string | undefined> => {
      const sockets = FakeSocket.all.length;
      last().end(1006);
      await vi.waitFor(() => {
        vi.advanceTimersByTime(2_000);
        expect(FakeSocket.all.length).toBe(sockets + 1);
      });
      return last().protocols[1];
    };
    await last().welcome();
    expect(await shown()).toBe("resume.RESUME");
    // Nobody answers, so the web tier is asked: the same home, with a ticket.
    expect(await shown()).toBe("resume.RESUME");
    status = Response.json({ error: "not_found" }, { status: 404 });
    expect(await shown()).toBe("ticket.NEW");
    status = Response.json({ error: "already_live" }, { status: 409 });
    expect(await shown()).toBe("resume.RESUME");
  });

  it("asks the web tier after one silence, and names a home that stays silent, so that it is given another", async () => {
    const told: unknown[] = [];
    const elsewhere = { ...ANSWER, home: 2, server: "wss://s2.example/visitor" };
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
      if (url.endsWith("/status")) return Promise.reject(new TypeError("nobody there"));
      const body = JSON.parse(init.body as string) as { unreachable?: number };
      told.push(body.unreachable);
      return Promise.resolve(Response.json(body.unreachable === 1 ? elsewhere : ANSWER));
    });
    for (const unreachable of [undefined, undefined, 1]) {
      const sockets = FakeSocket.all.length;
      last().end(1006);
      await vi.waitFor(() => {
        expect(told.length).toBe(sockets);
      });
      expect(told.at(-1)).toBe(unreachable);
      await vi.waitFor(() => {
        vi.advanceTimersByTime(2_000);
        expect(FakeSocket.all.length).toBe(sockets + 1);
      });
    }
    expect(last().url).toBe("wss://s2.example/visitor");
    last().end(1006);
    await vi.waitFor(() => {
      expect(told.length).toBe(4);
    });
    expect(told.at(-1)).toBe(undefined);
  });

  it("takes changed masks at once, forgets what was sent by the old ones, and leaves the same ones alone", async () => {
    document.body.innerHTML = '<p id="late">SENT</p><p id="card">CANARY</p>';
    const session = new Session(window, TAG, ANSWER, witness);
    session.begin(ANSWER);
    await last().welcome();
    const socket = last();
    // A keyframe leaves in slices, task by task.
    const isWhole = (from: number): boolean =>
      socket.sent.slice(from).some(({ kind, flags }) => kind === "keyframe" && (flags & LAST) !== 0);
    await vi.waitFor(() => {
      expect(isWhole(0)).toBe(true);
    });
    const before = socket.sent.length;
    const welcome = async (settings: object): Promise<void> => {
      await socket.receive("welcome", { session: ID, home: 1, last_epoch: 1, grace_ms: 30_000, settings });
      vi.advanceTimersByTime(TASKS_MS);
    };
    await welcome({ ...SETTINGS, theme: { accent: "#112233" } });
    expect(socket.sent.slice(before).filter((frame) => frame.kind === "keyframe")).toEqual([]);
    await welcome({ masks: ["#late"], mask_default: "passwords" });
    await vi.waitFor(() => {
      expect(isWhole(before)).toBe(true);
    });
    const later = socket.sent.slice(before);
    expect(later[0]).toMatchObject({ kind: "facts", flags: PURGE, sequence: 0 });
    const text = textOf(later);
    // Stricter: masked now. Looser: what was masked once stays so.
    expect(text).not.toContain("SENT");
    expect(text).not.toContain("CANARY");
    session.stop();
  });

  it("goes on over requests when the server answers and its WebSocket carried nothing", async () => {
    vi.stubGlobal("fetch", (url: string) => {
      asked.push(url);
      return url.endsWith("/status")
        ? Promise.resolve(Response.json({ state: "live" }))
        : new Promise(() => null);
    });
    last().end(1006);
    await vi.waitFor(() => expect(asked).toEqual(["https://s1.example/visitor/status"]));
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitFor(() => expect(asked.length).toBe(2));
    expect(asked[1]).toBe("https://s1.example/visitor/stream");
    expect(FakeSocket.all.length).toBe(1);
  });

  it("says so when the network holds the streamed answer back as well", async () => {
    vi.stubGlobal("fetch", (url: string, { signal }: RequestInit) =>
      url.endsWith("/status")
        ? Promise.resolve(Response.json({ state: "live" }))
        : new Promise((_, reject) => {
            signal?.addEventListener("abort", () => {
              reject(new DOMException("", "AbortError"));
            });
          }),
    );
    last().end(1006);
    await vi.advanceTimersByTimeAsync(15_000);
    await vi.waitFor(() => expect(witness.states.at(-1)).toEqual(["reconnecting", "unreachable"]));
  });

  it("gives up after some closes in a row that are its own fault, though each welcome succeeded", async () => {
    for (let at = 0; at < PEER_FAULTS_MAX; at += 1) {
      expect(witness.states.at(-1)?.[0]).not.toBe("ended");
      await last().welcome(SETTINGS, at);
      last().endBy("out_of_order");
      vi.advanceTimersByTime(9_000);
    }
    expect(witness.states.at(-1)).toEqual(["ended", "out_of_order"]);
    expect(FakeSocket.all.length).toBe(PEER_FAULTS_MAX);
  });

  it("says goodbye when the visitor ends it, and sends nothing after that", async () => {
    await last().welcome();
    session.stop();
    expect(last().sent.at(-1)?.kind).toBe("bye");
    const { length } = last().sent;
    document.body.append("more");
    await last().receive("keyframe_request", null);
    vi.advanceTimersByTime(5_000);
    expect(last().sent.length).toBe(length);
    expect(witness.states.at(-1)).toEqual(["ended", "stopped"]);
  });

  it("says goodbye on a new connection when it is ended while it has none", async () => {
    await last().welcome();
    last().end(1006);
    session.stop();
    expect(FakeSocket.all.length).toBe(2);
    await last().welcome(SETTINGS, 1);
    expect(last().sent.map((frame) => frame.kind)).toEqual(["bye"]);
  });

  it("says that it is leaving when its page goes away", async () => {
    await last().welcome();
    window.dispatchEvent(new Event("pagehide"));
    expect(last().sent.at(-1)?.kind).toBe("leaving");
    expect(FakeSocket.all.length).toBe(1);
  });

  it("begins a new epoch when it is asked for a keyframe", async () => {
    await last().welcome();
    await last().receive("keyframe_request", null);
    vi.advanceTimersByTime(2 * TASKS_MS);
    expect(last().sent.map((frame) => [frame.kind, frame.epoch])).toEqual([
      ["facts", 1],
      ["keyframe", 1],
      ["facts", 2],
      ["keyframe", 2],
    ]);
  });

  it("lets a canary out in none of its frames, and the control out", async () => {
    await last().welcome();
    const card = document.querySelector<HTMLInputElement>("#card") as HTMLInputElement;
    card.value = "CANARY2";
    card.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.advanceTimersByTimeAsync(50);
    const stream = last().sent.filter((frame) => frame.kind === "keyframe" || frame.kind === "diff");
    const text = textOf(stream);
    expect(stream.length).toBeGreaterThan(1);
    expect(text).toContain("CONTROL");
    expect(text).not.toContain("CANARY");
  });

  it("shows an agent's pointer, and takes no notice of what it does not know", async () => {
    await last().welcome();
    await last().receive("pointer", { x: 3, y: 4 }, 9);
    await last().receive("pointer", {}, 9);
    await last().receive("pointer", { x: "3" }, 9);
    await last().receive("click", { x: 3, y: 4 }, 9);
    last().onmessage?.({ data: new Uint8Array(20).fill(0xf0).buffer });
    last().onmessage?.({ data: "text" });
    expect(witness.points).toEqual([
      [9, { x: 3, y: 4 }],
      [9, null],
    ]);
    expect(witness.states.at(-1)?.[0]).toBe("live");
  });
});
