/**
 * `GLANCE.Presence.Agent`: what it asks the web tier, and what an application is answered.
 */

import { beforeEach, describe, expect, it, vi } from "vitest";

import { PresenceAgent } from "../src/agent/presence.js";

const SERVER = "https://www.cobrowse.example";

/** A web tier that answers so. */
function answering(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fetched = vi.fn(() =>
    Promise.resolve({ ok: status < 300, status, json: () => Promise.resolve(body) }),
  );
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

const agent = (): PresenceAgent => new PresenceAgent({ visitorid: "crm 77" }, `${SERVER}/cobrowse/agent.js`);

const PAGE = {
  group: "demo",
  visitor: "crm 77",
  url: "https://s/",
  visible: true,
  since_ms: 1,
  active_ms: 2,
};

beforeEach(() => {
  vi.unstubAllGlobals();
});

describe("an application that looks for a visitor", () => {
  it("is told where the visitor was active last, by promise and by callback", async () => {
    const fetched = answering(200, { visitors: [PAGE, { ...PAGE, url: "https://older/" }] });
    const onsuccess = vi.fn();
    const found = await agent().lookupVisitor({ onsuccess });
    const { group, visitor, ...rest } = PAGE;
    expect(found).toEqual({ visitorid: visitor, groupid: group, ...rest });
    expect(onsuccess).toHaveBeenCalledWith(found);
    const [url, how] = fetched.mock.calls[0] as [string, RequestInit];
    expect(url).toBe(`${SERVER}/api/v1/agent/presence?VisitorId=crm%2077`);
    expect(how.credentials).toBe("include");
  });

  it("offers a session and is told where the agent waits", async () => {
    const fetched = answering(201, { view: `${SERVER}/cobrowse/AgentView?SessionKey=crm-77` });
    const other = new PresenceAgent({ uniqueid: "crm-77", presenceserver: "https://other.example/x" });
    const { view } = await other.signalVisitor({ groupid: "support" });
    expect(view).toContain("SessionKey=crm-77");
    const [url, how] = fetched.mock.calls[0] as [string, RequestInit];
    expect(url).toBe("https://other.example/api/v1/agent/offers");
    expect(JSON.parse(how.body as string)).toEqual({ visitor: "crm-77", session: "support" });
  });

  it.each([
    [200, { visitors: [] }, "visitornotpresent"],
    [200, "nonsense", "visitornotpresent"],
    [401, {}, "authorization"],
    [403, {}, "authorization"],
    [500, {}, "service"],
  ])("is told by a code what was wrong: %i", async (status, body, code) => {
    answering(status, body);
    const onfail = vi.fn();
    await expect(agent().lookupVisitor({ onfail })).rejects.toMatchObject({ code });
    expect(onfail).toHaveBeenCalledWith(code);
  });

  it.each([
    [404, {}, "visitornotpresent"],
    [400, {}, "visitornotpresent"],
    [503, {}, "service"],
    [201, {}, "service"],
  ])("is told why nothing was offered: %i", async (status, body, code) => {
    answering(status, body);
    await expect(agent().signalVisitor()).rejects.toMatchObject({ code });
  });

  it("is told when nobody answers", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new Error("offline")));
    await expect(agent().lookupVisitor()).rejects.toMatchObject({ code: "service" });
  });
});
