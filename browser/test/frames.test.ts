/**
 * Frames of other origins: who may join, what each side believes of the other, and what becomes of one who breaks a rule.
 *
 * Windows and the web tier are stand-ins; ports are real. That a joined frame is mirrored is `tests/mirror`'s to show, that
 * nothing masked leaves it `tests/leaks`'s.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Framed } from "../src/frames/child.js";
import { MESSAGE_CHARS_MAX, MESSAGES_BURST, PING_MS, PINGS_MAX } from "../src/frames/limits.js";
import { Frames } from "../src/frames/parent.js";
import type { Tag } from "../src/loader/tag.js";
import { ownId, SPACE_IDS, spaceOf } from "../src/protocol/spaces.js";
import type { ForeignHost } from "../src/visitor/parts.js";
import type { Recorder, RecorderHost } from "../src/visitor/recorder.js";

const PAY = "https://pay.example";
const EVIL = "https://evil.example";
const SHOP = "https://shop.example";
const CODE = "A".repeat(43);
const SETTINGS = { masks: ["#card"], mask_default: "passwords" };

/** What was asked of the web tier, and what it answers. */
let asked: { url: string; body: unknown }[] = [];
let answers: Record<string, unknown> = {};

beforeEach(() => {
  asked = [];
  answers = {
    page: { terms: null, theme: {}, chat_origins: [], origins: [SHOP, PAY] },
    frame: { code: CODE },
    framed: { group: "demo", parent: SHOP, settings: SETTINGS },
  };
  vi.stubGlobal("fetch", (url: string, init?: { body?: string }) => {
    asked.push({ url, body: init?.body === undefined ? null : (JSON.parse(init.body) as unknown) });
    const name = /(\w+)(?:\?.*)?$/.exec(url)?.[1] ?? "";
    const answer = answers[name];
    return Promise.resolve({
      ok: answer !== undefined,
      status: answer === undefined ? 404 : 200,
      json: () => Promise.resolve(answer ?? { error: "not_found" }),
    });
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const page = (id = 1): serializedNodeWithId => ({
  type: NodeType.Document,
  id,
  childNodes: [{ type: NodeType.Element, id: id + 1, tagName: "html", attributes: {}, childNodes: [] }],
});
const text = (id: number, value: string): unknown => ({
  type: EventType.IncrementalSnapshot,
  data: { source: IncrementalSource.Mutation, texts: [{ id, value }], attributes: [], removes: [], adds: [] },
  timestamp: 1,
});

/** A page with one frame, and everything that happens to it. */
class Page {
  readonly frame = document.createElement("iframe");
  readonly sent: eventWithTime[] = [];
  readonly said: object[] = [];
  readonly posted: { data: unknown; to: string; ports: MessagePort[] }[] = [];
  readonly renewed: boolean[] = [];
  isOpen = true;
  isFree = true;
  how: "sent" | "altered" | "later" | "too_large" = "sent";
  readonly frames: Frames;
  readonly window = {
    postMessage: (data: unknown, to: string, ports: MessagePort[] = []) => {
      this.posted.push({ data, to, ports });
    },
  } as unknown as Window;

  constructor(group = `group-${String(Math.random())}`) {
    this.frame.src = `${PAY}/form`;
    document.body.append(this.frame);
    Object.defineProperty(this.frame, "contentDocument", { value: null });
    Object.defineProperty(this.frame, "contentWindow", { value: this.window });
    const host: ForeignHost = {
      session: { webTier: "https://www.example", group, resume: "secret" },
      frames: new Set([this.frame]),
      isFree: () => this.isFree,
      idOf: () => 7,
      admits: () => this.isOpen,
      send: (_, events) => {
        if (this.how === "sent" || this.how === "altered") this.sent.push(...events);
        return this.how;
      },
      say: (_, attributes) => this.said.push(attributes),
      point: () => undefined,
      renew: (isPurge) => this.renewed.push(isPurge),
    };
    this.frames = new Frames(host);
  }

  hear(data: unknown, origin = PAY, source: unknown = this.window): void {
    this.frames.hear({ data, origin, source } as MessageEvent);
  }

  /** The frame's end of the port, once there is one. */
  async join(): Promise<Port> {
    await vi.waitFor(() => expect(asked.some(({ url }) => url.includes("/page?"))).toBe(true));
    await settled();
    this.hear({ glance_frame: "ready" });
    await vi.waitFor(() => expect(this.posted.some(({ ports }) => ports.length > 0)).toBe(true));
    const { ports } = this.posted.find((one) => one.ports.length > 0) as (typeof this.posted)[number];
    return new Port(ports[0] as MessagePort);
  }
}

/** A port, and what came over it. */
class Port {
  readonly heard: { kind: string; gen?: number; count?: number; again?: boolean }[] = [];

  constructor(readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<string>) => {
      this.heard.push(JSON.parse(data) as Port["heard"][number]);
    };
  }

  say(message: unknown): void {
    this.port.postMessage(typeof message === "string" ? message : JSON.stringify(message));
  }

  until(kind: string): Promise<void> {
    return vi.waitFor(() => expect(this.heard.some((one) => one.kind === kind)).toBe(true), 5_000);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe("the page's side", () => {
  it("asks a frame of an allowed origin to join, without content and to nobody else", async () => {
    const page = new Page();
    await vi.waitFor(() => expect(page.posted).toHaveLength(1));
    expect(page.posted[0]).toEqual({ data: { glance_cobrowse: { call: "frame" } }, to: PAY, ports: [] });
    page.frames.stop();
  });

  it("gives a port with a code to exactly the origin that asked for it, and shows what comes over it in ids of its own", async () => {
    const shown = new Page();
    const port = await shown.join();
    const given = shown.posted.at(-1);
    expect(given?.to).toBe(PAY);
    expect(given?.data).toEqual({ glance_frame: "port", code: CODE });
    expect(asked.at(-1)?.body).toEqual({ resume: "secret", to: PAY });
    expect(JSON.stringify(shown.posted)).not.toContain("secret");
    await port.until("ask");
    // What was not asked for counts no more than what comes before a snapshot.
    port.say({ kind: "diff", gen: 1, events: [text(2, "early")] });
    port.say({ kind: "page", gen: 0, node: page(), left: 0, top: 0 });
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 9 });
    port.say({ kind: "diff", gen: 1, events: [text(2, "changed")] });
    await vi.waitFor(() => expect(shown.sent).toHaveLength(3));
    expect(JSON.stringify(shown.sent)).not.toContain("early");
    const ids = [...JSON.stringify(shown.sent).matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));
    expect(new Set(ids.map(spaceOf))).toEqual(new Set([1]));
    expect(ids.map(ownId)).toEqual(expect.arrayContaining([1, 2]));
    shown.frames.stop();
    await port.until("end");
  });

  it("hears no frame of another origin, no other window, and no sandboxed frame", async () => {
    const page = new Page();
    await vi.waitFor(() => expect(page.posted).toHaveLength(1));
    page.hear({ glance_frame: "ready" }, EVIL);
    page.hear({ glance_frame: "ready" }, "null");
    page.hear({ glance_frame: "ready" }, PAY, { postMessage: () => undefined });
    page.hear({ glance_frame: "ready" }, PAY, null);
    await settled();
    expect(asked.filter(({ url }) => url.endsWith("/frame"))).toEqual([]);
    expect(page.posted).toHaveLength(1);
    page.frames.stop();
  });

  it("lets no frame join that is masked, and drops one that becomes so", async () => {
    const masked = new Page();
    masked.isOpen = false;
    await settled();
    masked.hear({ glance_frame: "here" });
    masked.hear({ glance_frame: "ready" });
    await settled();
    expect([masked.posted, masked.sent]).toEqual([[], []]);
    masked.frames.stop();
    const later = new Page();
    const port = await later.join();
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(later.sent).toHaveLength(2));
    later.isOpen = false;
    later.frames.begin();
    await port.until("end");
    later.frames.stop();
  });

  it.each([
    ["no JSON", "{"],
    ["no text", { kind: "page" }.kind],
    ["a word that is none", { kind: "shout" }],
    [
      "a snapshot that is no document",
      { kind: "page", gen: 1, node: { type: 2, id: 1, tagName: "p" }, left: 0, top: 0 },
    ],
    ["a snapshot without a place", { kind: "page", gen: 1, node: page() }],
    ["events that are none", { kind: "diff", gen: 1, events: [{ type: 9 }] }],
    ["an id of somebody else's", { kind: "diff", gen: 1, events: [text(SPACE_IDS, "x")] }],
    ["a text that is too long", JSON.stringify({ kind: "pong", long: "x".repeat(MESSAGE_CHARS_MAX) })],
  ])("drops a frame that sends %s to a placeholder, and nothing else", async (_, bad) => {
    const shown = new Page();
    const other = new Page();
    const [port, well] = [await shown.join(), await other.join()];
    for (const one of [port, well]) one.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect([shown.sent.length, other.sent.length]).toEqual([2, 2]));
    port.say(bad);
    await port.until("end");
    expect(shown.said).toEqual([{ rr_src: `${PAY}/form` }]);
    expect(JSON.stringify(shown.sent.at(-1))).toContain('"isAttachIframe":true');
    well.say({ kind: "diff", gen: 1, events: [text(2, "still here")] });
    await vi.waitFor(() => expect(JSON.stringify(other.sent)).toContain("still here"));
    shown.frames.stop();
    other.frames.stop();
  });

  it("drops a frame that floods", async () => {
    const shown = new Page();
    const port = await shown.join();
    for (let at = 0; at < MESSAGES_BURST + 2_000; at += 1) port.say({ kind: "pong" });
    await port.until("end");
    shown.frames.stop();
  });

  it("asks for the snapshot anew whenever the agents' picture begins anew, and takes nothing while the line is busy", async () => {
    const shown = new Page();
    const port = await shown.join();
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await port.until("taken");
    shown.frames.begin();
    await vi.waitFor(() => expect(port.heard.filter(({ kind }) => kind === "ask")).toHaveLength(2));
    shown.isFree = false;
    port.say({ kind: "page", gen: 2, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(shown.sent).toHaveLength(4));
    await settled();
    expect(port.heard.filter(({ kind }) => kind === "taken")).toHaveLength(1);
    shown.isFree = true;
    await vi.waitFor(() => expect(port.heard.filter(({ kind }) => kind === "taken")).toHaveLength(2));
    shown.frames.stop();
  });

  it("purges when a frame has masked what it had sent, but not at a frame's pleasure", async () => {
    const shown = new Page();
    const port = await shown.join();
    port.say({ kind: "purge" });
    await vi.waitFor(() => expect(shown.renewed).toEqual([true]));
    for (let at = 0; at < 50; at += 1) port.say({ kind: "purge" });
    await port.until("end");
    expect(shown.renewed.length).toBeLessThan(20);
    shown.frames.stop();
  });

  it("proves the whole only while each frame has proven what it shows", async () => {
    const shown = new Page();
    const port = await shown.join();
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(shown.sent).toHaveLength(2));
    expect([shown.frames.isProven, shown.frames.proofOf(shown.frame)]).toEqual([false, null]);
    port.say({ kind: "proof", gen: 1, hash: "0123456789abcdef" });
    await vi.waitFor(() => expect(shown.frames.proofOf(shown.frame)).toBe("0123456789abcdef"));
    port.say({ kind: "diff", gen: 1, events: [text(2, "later")] });
    await vi.waitFor(() => expect(shown.frames.isProven).toBe(false));
    // What it proves is not what agents see any more.
    shown.how = "altered";
    port.say({ kind: "diff", gen: 1, events: [text(2, "a copy of what the page masks")] });
    port.say({ kind: "proof", gen: 1, hash: "0123456789abcdef" });
    port.say({ kind: "diff", gen: 1, events: [text(2, "last")] });
    await vi.waitFor(() => expect(JSON.stringify(shown.sent)).toContain("last"));
    expect(shown.frames.proofOf(shown.frame)).toBeNull();
    // The rest of the page is proven without it, and agents are told so; until it is shown anew, as it is.
    expect(shown.frames.isProven).toBe(true);
    expect(shown.said).toEqual([{ rr_unproven: true }]);
    shown.how = "sent";
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(shown.said).toEqual([{ rr_unproven: true }, { rr_unproven: null }]));
    expect(shown.frames.isProven).toBe(false);
    shown.frames.stop();
  });

  it("lets a frame go that does not answer, and lets it say that it is back", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const shown = new Page();
    const port = await shown.join();
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(shown.sent).toHaveLength(2));
    vi.advanceTimersByTime((PINGS_MAX + 1) * PING_MS);
    await port.until("end");
    expect(port.heard.at(-1)?.again).toBe(true);
    expect(shown.said).toEqual([{ rr_src: `${PAY}/form` }]);
    shown.frames.stop();
    vi.useRealTimers();
  });

  it("follows what agents highlight in a frame, cut to what the frame shows", async () => {
    const shown = new Page();
    const port = await shown.join();
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await vi.waitFor(() => expect(shown.sent).toHaveLength(2));
    const outer = { left: 100, top: 50, x: 100, y: 50, width: 200, height: 80, right: 300, bottom: 130 };
    shown.frame.getBoundingClientRect = () => outer as DOMRect;
    for (const [name, size] of Object.entries({
      clientWidth: 200,
      clientHeight: 80,
      clientLeft: 0,
      clientTop: 0,
    }))
      Object.defineProperty(shown.frame, name, { value: size });
    vi.stubGlobal("DOMRect", function rect(x: number, y: number, width: number, height: number) {
      return { x, y, width, height };
    });
    const id = SPACE_IDS + 2;
    expect([shown.frames.frameOf(id), shown.frames.frameOf(2)]).toEqual([shown.frame, null]);
    expect(shown.frames.place(2 * SPACE_IDS + 2)).toBeNull();
    const place = shown.frames.place(id);
    expect([place?.id(), place?.box()]).toEqual([id, outer]);
    await port.until("mark");
    port.say({ kind: "boxes", boxes: [[2, 20, -10, 500, 40]] });
    await vi.waitFor(() => expect(place?.box()).toEqual({ x: 120, y: 50, width: 180, height: 30 }));
    place?.end();
    await vi.waitFor(() => expect(JSON.stringify(port.heard.at(-1))).toBe('{"kind":"mark","ids":[]}'));
    shown.frames.stop();
  });

  it("leaves a frame alone whose content no frame of the wire can hold", async () => {
    const shown = new Page();
    const port = await shown.join();
    shown.how = "too_large";
    port.say({ kind: "page", gen: 1, node: page(), left: 0, top: 0 });
    await port.until("end");
    shown.frames.stop();
  });
});

/** A frame's page, and everything that it says. */
class Inside {
  readonly posted: { data: unknown; to: string }[] = [];
  readonly recorded: object[] = [];
  readonly hosts: RecorderHost[] = [];
  readonly done: string[] = [];
  readonly parent = {
    postMessage: (data: unknown, to: string) => {
      this.posted.push({ data, to });
    },
  };
  readonly page: Window & typeof globalThis;
  readonly framed: Framed;
  groups = ["demo"];
  private readonly target = new EventTarget();

  constructor(more: object = {}) {
    const target = this.target;
    this.page = {
      parent: this.parent,
      addEventListener: target.addEventListener.bind(target),
      ...more,
    } as unknown as Window & typeof globalThis;
    this.framed = new Framed({
      page: this.page,
      readTag: () => ({ origin: "https://www.example", groups: this.groups }) as unknown as Tag,
      record: (settings, host) => {
        this.recorded.push(settings);
        this.hosts.push(host);
        return {
          start: () => this.done.push("start"),
          stop: () => this.done.push("stop"),
          planEpoch: () => this.done.push("epoch"),
        } as unknown as Recorder;
      },
      part: () => Promise.resolve(null),
    });
  }

  /** A port comes; gives the page's end of it. */
  give(over: { origin?: string; source?: unknown; data?: unknown; ports?: number } = {}): Port {
    const { port1, port2 } = new MessageChannel();
    const { origin = SHOP, source = this.parent, data = { glance_frame: "port", code: CODE } } = over;
    const ports = [port2, new MessageChannel().port1].slice(0, over.ports ?? 1);
    this.target.dispatchEvent(Object.assign(new Event("message"), { origin, source, data, ports }));
    return new Port(port1);
  }

  fire(name: string): void {
    this.target.dispatchEvent(new Event(name));
  }
}

describe("the frame's side", () => {
  it("says that it is ready to exactly the page that asked, and nothing more", () => {
    const inside = new Inside();
    inside.framed.invite(SHOP, { glance_cobrowse: { call: "startSession" } });
    inside.framed.invite("http://shop.example", { glance_cobrowse: { call: "frame" } });
    inside.framed.invite("null", { glance_cobrowse: { call: "frame" } });
    expect(inside.posted).toEqual([]);
    inside.framed.invite(SHOP, { glance_cobrowse: { call: "frame" } });
    expect(inside.posted).toEqual([{ data: { glance_frame: "ready" }, to: SHOP }]);
    expect(asked).toEqual([]);
  });

  it("asks the web tier itself, and records by its settings once it is asked for a snapshot", async () => {
    const inside = new Inside();
    const port = inside.give();
    await vi.waitFor(() => expect(inside.recorded).toHaveLength(1));
    expect(asked).toEqual([{ url: "https://www.example/api/v1/sessions/framed", body: { code: CODE } }]);
    expect(inside.recorded[0]).toMatchObject(SETTINGS);
    expect(inside.hosts[0]?.frames).toBeNull();
    expect(inside.done).toEqual([]);
    port.say({ kind: "ask", gen: 1 });
    port.say({ kind: "ask", gen: 2 });
    await vi.waitFor(() => expect(inside.done).toEqual(["start", "epoch"]));
    port.say({ kind: "end", again: false });
    await vi.waitFor(() => expect(inside.done).toEqual(["start", "epoch", "stop"]));
    expect(inside.posted).toEqual([]);
  });

  it("records nothing for another window, another page, or a page over plain HTTP", async () => {
    const inside = new Inside();
    inside.give({ source: { postMessage: () => undefined } });
    inside.give({ source: null });
    inside.give({ origin: "http://shop.example" });
    inside.give({ ports: 2 });
    inside.give({ ports: 0 });
    inside.give({ data: { glance_frame: "port", code: "no code at all" } });
    inside.give({ data: { glance_frame: "port", code: "A".repeat(65) } });
    await settled();
    expect(asked).toEqual([]);
    // A page of an allowed origin that holds a code which was made for another.
    const port = inside.give({ origin: EVIL });
    await port.until("refused");
    expect(inside.recorded).toEqual([]);
  });

  it.each([
    ["a code that is used up or too old", undefined],
    ["an answer without settings", { group: "demo", parent: SHOP }],
    [
      "settings that cannot be read",
      { group: "demo", parent: SHOP, settings: { masks: "all", mask_default: "x" } },
    ],
    ["a group that its tag does not list", { group: "other", parent: SHOP, settings: SETTINGS }],
    ["a code of another page", { group: "demo", parent: EVIL, settings: SETTINGS }],
  ])("records nothing with %s", async (_, answer) => {
    answers.framed = answer;
    const inside = new Inside();
    const port = inside.give();
    await port.until("refused");
    expect(inside.recorded).toEqual([]);
  });

  it("stays out while its own code has something to hide that nobody asks for", async () => {
    const inside = new Inside({ GLANCE_COBROWSE: { getMaskingDescriptor: () => ({}) } });
    const port = inside.give();
    await port.until("refused");
    expect([asked, inside.recorded]).toEqual([[], []]);
  });

  it("says that it leaves, and says again that it is ready after it was silent", async () => {
    const inside = new Inside();
    inside.framed.invite(SHOP, { glance_cobrowse: { call: "frame" } });
    const port = inside.give();
    port.say({ kind: "ask", gen: 1 });
    await vi.waitFor(() => expect(inside.done).toEqual(["start"]));
    port.say({ kind: "ping" });
    await port.until("pong");
    port.say({ kind: "end", again: true });
    await vi.waitFor(() => expect(inside.posted).toHaveLength(2));
    const next = inside.give();
    next.say({ kind: "ask", gen: 1 });
    await vi.waitFor(() => expect(inside.done).toEqual(["start", "stop", "start"]));
    inside.fire("pagehide");
    await next.until("leave");
    expect(inside.done.at(-1)).toBe("stop");
  });
});
