/**
 * The viewer in a frame and the application around it: both ends of their messages.
 */

import { describe, expect, it, vi } from "vitest";

import { createAgent } from "../src/agent/main.js";
import { Parent } from "../src/viewer/parent.js";

/** A window that keeps what it is sent, and can be spoken to. */
function fakeWindow(
  origin: string,
  more: object = {},
): Window & { hear(source: unknown, from: string, data: unknown): void; sent: unknown[] } {
  const listeners: ((event: object) => void)[] = [];
  const sent: unknown[] = [];
  return {
    sent,
    location: { origin, ancestorOrigins: [] },
    document: { referrer: "" },
    addEventListener: (_: string, listener: (event: object) => void) => listeners.push(listener),
    postMessage: (data: unknown, target: string) => sent.push([target, data]),
    hear: (source: unknown, from: string, data: unknown) => {
      for (const listener of listeners) listener({ source, origin: from, data });
    },
    ...more,
  } as never;
}

const CRM = "https://crm.example";

describe("the framed viewer", () => {
  it("tells its parent's origin what has changed, and takes its calls from it alone", () => {
    const parent = fakeWindow(CRM);
    const page = fakeWindow("https://s1.example", { parent, location: { ancestorOrigins: [CRM] } });
    const calls = { onEnd: vi.fn(), onLeave: vi.fn(), onAloud: vi.fn(), onInvite: vi.fn() };
    const line = new Parent(page, calls);
    line.tell("pagevisibility", { visible: true });
    line.tell("pagevisibility", { visible: true });
    line.tell("pagevisibility", { visible: false });
    expect(parent.sent).toEqual([
      [CRM, { cobrowse: { event: "pagevisibility", visible: true } }],
      [CRM, { cobrowse: { event: "pagevisibility", visible: false } }],
    ]);
    const end = { cobrowse: { call: "end" } };
    page.hear(parent, "https://evil.example", end);
    page.hear({}, CRM, end);
    for (const bad of [null, 7, {}, { cobrowse: null }, { cobrowse: { call: "control" } }])
      page.hear(parent, CRM, bad);
    expect(calls.onEnd).not.toHaveBeenCalled();
    page.hear(parent, CRM, end);
    page.hear(parent, CRM, { cobrowse: { call: "leave" } });
    page.hear(parent, CRM, { cobrowse: { call: "accessibility", enabled: true } });
    page.hear(parent, CRM, { cobrowse: { call: "accessibility", enabled: "yes" } });
    page.hear(parent, CRM, { cobrowse: { call: "addguest" } });
    expect([calls.onEnd.mock.calls.length, calls.onLeave.mock.calls.length]).toEqual([1, 1]);
    expect(calls.onAloud.mock.calls).toEqual([[true], [false]]);
    expect(calls.onInvite).toHaveBeenCalledTimes(1);
  });

  it("asks the web tier's page around it for a new ticket, and no application", () => {
    const www = "https://www.example";
    const calls = { onEnd: vi.fn(), onLeave: vi.fn(), onAloud: vi.fn(), onInvite: vi.fn() };
    const askedOf = (origin: string, ancestorOrigins: string[] | undefined): [boolean, unknown[]] => {
      const parent = fakeWindow(origin);
      const page = fakeWindow("https://s1.example", { parent, location: { ancestorOrigins } });
      return [new Parent(page, calls, [www]).renew(true), parent.sent];
    };
    const asked = [[www, { cobrowse: { event: "renew", away: true } }]];
    expect(askedOf(www, [www])).toEqual([true, asked]);
    expect(askedOf(CRM, [CRM])).toEqual([false, []]);
    // A browser that does not say who frames a page brings the message to that origin alone.
    expect(askedOf(www, undefined)).toEqual([true, asked]);
    const alone = fakeWindow("https://s1.example");
    Object.assign(alone, { parent: alone });
    expect(new Parent(alone, calls, [www]).renew(false)).toBe(false);
  });

  it("says nothing without a parent, or when nobody tells who it is", () => {
    const alone = fakeWindow("https://s1.example");
    Object.assign(alone, { parent: alone });
    new Parent(alone, { onEnd: vi.fn(), onLeave: vi.fn(), onAloud: vi.fn(), onInvite: vi.fn() }).tell(
      "sessionend",
      { reason: null },
    );
    expect(alone.sent).toEqual([]);
    const parent = fakeWindow(CRM);
    const hidden = fakeWindow("https://s1.example", { parent, location: { ancestorOrigins: [] } });
    new Parent(hidden, { onEnd: vi.fn(), onLeave: vi.fn(), onAloud: vi.fn(), onInvite: vi.fn() }).tell(
      "sessionend",
      { reason: null },
    );
    expect(parent.sent).toEqual([]);
  });
});

describe("the application around it", () => {
  it("hears the frame that it named and no other window, and answers to its origin", () => {
    const inside = fakeWindow("https://s1.example");
    const page = fakeWindow(CRM);
    const agent = createAgent(page);
    const heard: object[] = [];
    const listener = (event: object): void => void heard.push(event);
    agent.addEventListener("rc", listener);
    const rc = { cobrowse: { event: "rc", enabled: true, suspended: false } };
    page.hear(inside, "https://s1.example", rc);
    agent.init({ contentWindow: inside, addEventListener: () => undefined } as unknown as HTMLIFrameElement);
    page.hear({}, "https://s1.example", rc);
    agent.endSession();
    expect([heard, inside.sent]).toEqual([[], []]);
    page.hear(inside, "https://s1.example", rc);
    page.hear(inside, "https://s1.example", "noise");
    expect(heard).toEqual([{ type: "rc", event: "rc", enabled: true, suspended: false }]);
    agent.endSession();
    agent.leaveSession();
    agent.enableAccessibility();
    agent.addGuest();
    expect(inside.sent).toEqual([
      ["https://s1.example", { cobrowse: { call: "end" } }],
      ["https://s1.example", { cobrowse: { call: "leave" } }],
      ["https://s1.example", { cobrowse: { call: "accessibility", enabled: true } }],
      ["https://s1.example", { cobrowse: { call: "addguest" } }],
    ]);
    agent.removeEventListener("rc", listener);
    page.hear(inside, "https://s1.example", rc);
    expect(heard).toHaveLength(1);
  });
});
