/**
 * The interface that integrators know: every public name, its events, its attributes; the group rule at each of its six
 * places; and what is answered to malformed use. What needs a real browser is tested end to end.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { createAgent } from "../src/agent/main.js";
import { PresenceAgent } from "../src/agent/presence.js";
import type { VisitorEvents } from "../src/loader/global.js";
import { readTag } from "../src/loader/tag.js";
import { jarOf, readCookie, writeCookie } from "../src/visitor/continuity.js";
import { readIdentity } from "../src/visitor/identity.js";
import { Visitor } from "../src/visitor/visitor.js";

// Parts come over the network; here they are taken from their folders.
vi.mock("../src/loader/parts.js", () => ({
  HASHES: {},
  loadModule: (_: unknown, name: string) =>
    name === "ways.js" ? import("../src/ways/main.js") : import("../src/assist/main.js"),
}));

const RESUME = {
  server: "wss://s1.example/visitor",
  status: "https://s1.example/visitor/status",
  resume: "R",
  home: 1,
};
const sessionOf = (group: string): string => `${group}:471113:${"0".repeat(32)}`;
const PAGE = {
  terms: null,
  theme: { accent: "#123456", place: "top_left" },
  chat_origins: ["https://chat.example"],
  origins: ["https://shop.example"],
};

/** Answers of the web tier, by the end of the address; what was asked is noted. */
function webTier(answers: Record<string, { status?: number; body: object }>): { asked: [string, string][] } {
  const asked: [string, string][] = [];
  vi.stubGlobal("fetch", (url: string, options?: { body?: string }) => {
    const name = Object.keys(answers).find((end) => url.split("?")[0]?.endsWith(end)) ?? "";
    asked.push([name, options?.body ?? ""]);
    const { status = 200, body = {} } = answers[name] ?? { status: 500 };
    return Promise.resolve({
      ok: status < 300,
      status,
      headers: new Headers(),
      json: () => Promise.resolve(body),
    });
  });
  return { asked };
}

/** A page with that tag, and the visitor's script on it. */
function visitorOn(attributes: string): Visitor {
  document.body.innerHTML = `<meta id="glance-cobrowse" data-server="https://www.example" ${attributes}>`;
  const read = (): ReturnType<typeof readTag> => readTag(document, "", String);
  return new Visitor(read(), read);
}

/** Names that are no calls of an object. */
function missingIn(object: unknown, names: string): string[] {
  return names.split(" ").filter((name) => typeof (object as Record<string, unknown>)[name] !== "function");
}

/** Parts are read from the disk, and the machine may be busy. */
const PATIENCE_MS = 15_000;

const DEMO = 'data-groupid="demo" data-additionalgroupids="support"';

beforeEach(() => {
  vi.unstubAllGlobals();
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  class Sheet {
    replaceSync(): void {
      // jsdom has no constructed style sheets.
    }
  }
  vi.stubGlobal("CSSStyleSheet", Sheet);
  vi.stubGlobal(
    "WebSocket",
    class {
      static readonly OPEN = 1;
      close(): void {
        // Nobody listens at the other end.
      }
    },
  );
  document.documentElement.querySelectorAll("glance-cobrowse-widget").forEach((one) => one.remove());
  document.cookie = "glance_cobrowse=; Max-Age=0; Path=/; Secure";
  localStorage.clear();
});

describe("the public names", () => {
  const VISITOR =
    "startSession stopSession inSession getKey pauseSession showTerms continueSessionAt crossDomain getSessionState addEventListener removeEventListener loaded showButton toggleButton setStyle getStatus";

  it("are all there before the whole script is, and after", async () => {
    document.body.innerHTML = `<meta id="glance-cobrowse" data-server="https://www.example" data-groupid="demo" data-presence="api">`;
    await import("../src/loader/main.js");
    const { Cobrowse, Presence } = window.GLANCE ?? {};
    expect(missingIn(Cobrowse?.Visitor, VISITOR)).toEqual([]);
    expect(missingIn(visitorOn(DEMO), VISITOR)).toEqual([]);
    expect(
      missingIn(Cobrowse?.VisitorUI, "showButton toggleButton showTerms setStyle promptCrossDomain"),
    ).toEqual([]);
    if (!Presence?.Visitor) throw new Error("no GLANCE.Presence.Visitor");
    expect(missingIn(new Presence.Visitor({ visitorid: "crm-77" }), "connect disconnect")).toEqual([]);
    const agent =
      "init addEventListener removeEventListener endSession leaveSession enableAccessibility addGuest";
    expect(missingIn(createAgent(window), agent)).toEqual([]);
    const lookingFor = new PresenceAgent({ visitorid: "crm-77" }, "https://www.example/cobrowse/agent.js");
    expect(missingIn(lookingFor, "lookupVisitor signalVisitor")).toEqual([]);
    await import("../src/agent/global.js");
    const { GLANCE } = window as { GLANCE?: { Presence?: { Agent?: unknown; Visitor?: unknown } } };
    expect(Object.keys(GLANCE?.Presence ?? {}).sort()).toEqual(["Agent", "Visitor"]);
  });

  it("of calls without code are known in tag, buttons and keys", () => {
    const keys = `data-inputevents='{"ctrl-13":"showButton","alt-shift-83":"startSession"}'`;
    const tag = readTag(
      pageWith(`${DEMO} ${keys} data-presence="api" data-cookietype="dual" data-startpaused`),
      "",
      String,
    );
    expect(tag.keys).toEqual({ "ctrl-13": "showButton", "alt-shift-83": "startSession" });
    expect([tag.presence, tag.keptIn, tag.startPaused]).toEqual(["api", "both", true]);
  });

  it("stand in the guide, each of them", () => {
    const guide = readFileSync(join(__dirname, "../../docs/guides/api.md"), "utf8");
    const events: (keyof VisitorEvents)[] = [
      ...(["sessionstarting", "sessionstart", "sessioncontinue", "sessionend", "statereceived"] as const),
      ...(["connection", "agents", "pause", "rcrequested", "rc", "blur", "focus", "leavesession"] as const),
      ...(["accessibility", "error"] as const),
    ];
    const agent =
      "addguest addguestsuccess addguestfail accessdenied connectfailed enableAccessibility addGuest";
    const more = `${agent} GLANCE.Presence.Visitor GLANCE.Presence.Agent lookupVisitor signalVisitor getMaskingDescriptor`;
    for (const name of [...VISITOR.split(" "), ...events, ...more.split(" ")])
      expect(guide, name).toContain(name);
  });
});

function pageWith(attributes: string): Document {
  document.body.innerHTML = `<meta id="glance-cobrowse" data-server="https://www.example" ${attributes}>`;
  return document;
}

describe("events", () => {
  function heard(visitor: Visitor): [string, object][] {
    const told: [string, object][] = [];
    for (const name of ["blur", "focus", "statereceived", "leavesession", "error", "sessionend"] as const)
      visitor.addEventListener(name, (event) => told.push([name, event]));
    return told;
  }

  it("tell when the session goes to another tab and comes back, and what the servers know", () => {
    const visitor = visitorOn(DEMO);
    const told = heard(visitor);
    visitor.onState("live", null);
    visitor.onState("passive", "superseded");
    visitor.onState("live", null);
    expect(told.map(([name]) => name)).toEqual(["statereceived", "blur", "focus", "statereceived"]);
    expect(told[0]?.[1]).toMatchObject({ type: "statereceived", state: "live", agents: 0 });
  });

  it("tell that a session was lost, or goes on as another", () => {
    const lost = visitorOn(DEMO);
    const told = heard(lost);
    lost.onState("ended", "unreachable");
    expect(told).toMatchObject([
      ["error", { code: "conndrop" }],
      ["sessionend", { reason: "error", detail: "unreachable" }],
    ]);
    const other = visitorOn(DEMO);
    const left = heard(other);
    other.onState("ended", "superseded");
    expect(left.map(([name]) => name)).toEqual(["leavesession", "sessionend"]);
  });

  it("tell that a mask of the settings cannot be read", async () => {
    webTier({ "/api/v1/page": { body: PAGE } });
    const visitor = visitorOn(`${DEMO} data-cookietype="ls"`);
    const told = heard(visitor);
    writeCookie(jarOf(window, "storage"), { session: sessionOf("demo"), ...RESUME }, "");
    await visitor.takeUp();
    visitor.onSettings({ masks: ["#card"], mask_default: "passwords" });
    visitor.onSettings({ masks: ["#card["], mask_default: "passwords" });
    await vi.waitFor(() => {
      expect(told).toHaveLength(1);
    }, PATIENCE_MS);
    expect(told).toMatchObject([["error", { code: "maskingerror" }]]);
  });

  it("go to every listener, though one of them fails", () => {
    const visitor = visitorOn(DEMO);
    const second = vi.fn();
    visitor.addEventListener("pause", () => {
      throw new Error("the page's own");
    });
    visitor.addEventListener("connection", second);
    visitor.onState("live", null);
    expect(second).toHaveBeenCalledWith({ type: "connection", status: "ok" });
  });
});

describe("what the page tells of its visitor", () => {
  it("is taken up to 63, 127 and 31 characters, and left out whole beyond", () => {
    const exact = { name: "n".repeat(63), email: "e".repeat(127), phone: "1".repeat(31) };
    expect(readIdentity(exact)).toEqual(exact);
    const long = { name: "n".repeat(64), email: "e".repeat(128), phone: "1".repeat(32) };
    expect(readIdentity(long)).toEqual({});
    expect(readIdentity({ name: 7, phone: "" } as never)).toEqual({});
    expect(readIdentity(undefined)).toEqual({});
  });
});

describe("data-cookietype", () => {
  const kept = { session: sessionOf("demo"), ...RESUME };

  it.each([
    ["normal", true, false],
    ["secure", true, false],
    ["ls", false, true],
    ["dual", true, true],
  ])("%s keeps the session where it says", (type, inCookie, inStorage) => {
    const { keptIn } = readTag(pageWith(`${DEMO} data-cookietype="${type}"`), "", String);
    const cookie = { cookie: "" };
    const page = { document: cookie, localStorage } as unknown as Window;
    writeCookie(jarOf(page, keptIn), kept, "");
    expect(cookie.cookie.startsWith("glance_cobrowse=")).toBe(inCookie);
    expect(cookie.cookie === "" || cookie.cookie.includes("; Secure")).toBe(true);
    expect(localStorage.getItem("glance_cobrowse") !== null).toBe(inStorage);
    expect(readCookie(jarOf(page, keptIn))).toEqual(kept);
  });
});

describe("setStyle", () => {
  it("gives what the visitor sees the look of a group that the tag lists, and of no other", async () => {
    const { asked } = webTier({ "/api/v1/page": { body: PAGE } });
    const visitor = visitorOn(DEMO);
    visitor.setStyle("elsewhere");
    visitor.setStyle("support");
    await vi.waitFor(() => {
      expect(asked).toHaveLength(1);
    }, PATIENCE_MS);
  });
});

describe("the group rule is checked", () => {
  const code = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "started",
      (error: unknown) => (error as { code: string }).code,
    );

  it("at the interface", async () => {
    const { asked } = webTier({});
    expect(await code(visitorOn(DEMO).startSession({ groupid: "elsewhere" }))).toBe("group_not_allowed");
    expect(await code(visitorOn(DEMO).showTerms({ groupId: "elsewhere" }))).toBe("group_not_allowed");
    expect(asked).toEqual([]);
    await code(visitorOn(DEMO).startSession({ groupid: "support" }));
    expect(asked[0]?.[1]).toContain('"group":"support"');
  });

  it("at a window message", async () => {
    const { asked } = webTier({ "/api/v1/page": { body: PAGE } });
    const say = (groupid: string): void => {
      const message = { glance_cobrowse: { call: "startSession", groupid } };
      visitorOn(DEMO).receive("https://chat.example", message);
    };
    say("elsewhere");
    await Promise.resolve();
    expect(asked).toEqual([]);
    say("demo");
    await vi.waitFor(() => {
      expect(asked.map(([name]) => name)).toContain("");
    }, PATIENCE_MS);
  });

  it("at presence", async () => {
    webTier({});
    expect(await visitorOn(DEMO).offer({ agent: "Ada", group: "elsewhere" })).toBe(false);
    expect(document.querySelector("glance-cobrowse-widget")).toBeNull();
  });

  it.each([
    ["elsewhere", false],
    ["support", true],
  ])("at navigation: a session of %s", async (group, goesOn) => {
    webTier({});
    const visitor = visitorOn(`${DEMO} data-cookietype="ls"`);
    writeCookie(jarOf(window, "storage"), { session: sessionOf(group), ...RESUME }, "");
    await visitor.takeUp();
    expect(visitor.inSession()).toBe(goesOn);
  });

  it.each([
    ["elsewhere", false],
    ["support", true],
  ])("at a domain crossing: a session of %s", async (group, goesOn) => {
    webTier({ "/sessions/arrive": { body: { session: sessionOf(group), ...RESUME } } });
    const visitor = visitorOn(`${DEMO} data-cookietype="ls"`);
    window.location.hash = "#glance_cobrowse=CODE";
    await visitor.takeUp();
    expect(visitor.inSession()).toBe(goesOn);
    expect(window.location.hash).toBe("");
  });

  it("at the focus", async () => {
    webTier({});
    const visitor = visitorOn(`${DEMO} data-cookietype="ls"`);
    writeCookie(jarOf(window, "storage"), { session: sessionOf("support"), ...RESUME }, "");
    await visitor.takeUp();
    expect(visitor.mayContinue()).toBe(true);
    document.getElementById("glance-cobrowse")?.removeAttribute("data-additionalgroupids");
    expect(visitor.mayContinue()).toBe(false);
  });

  it("within its site: what is staged runs in groups of its own, by the names that the page knows", async () => {
    const answer = { ...RESUME, session: sessionOf("demo~staging"), key: "471113", ticket: "T" };
    const { asked } = webTier({ "/api/v1/sessions": { status: 201, body: answer } });
    const visitor = visitorOn(`${DEMO} data-site="staging"`);
    expect(await visitor.startSession({ groupid: "demo" })).toEqual({ sessionKey: "471113", group: "demo" });
    expect(asked[0]?.[1]).toContain('"group":"demo~staging"');
    expect(visitor.getStatus().group).toBe("demo");
  });
});

describe("malformed use is answered", () => {
  it("one request is enough to start where there are no terms", async () => {
    const answer = { ...RESUME, session: sessionOf("demo"), key: "471113", ticket: "T" };
    const { asked } = webTier({ "/api/v1/sessions": { status: 201, body: answer } });
    await visitorOn(DEMO).startSession();
    expect(asked.map(([name]) => name)).toEqual(["/api/v1/sessions"]);
  });

  it.each(["a b", "x".repeat(64), "ключ", "a/b"])("a key that is none: %s", async (sessionKey) => {
    const { asked } = webTier({});
    const refused = visitorOn(DEMO).startSession({ sessionKey });
    await expect(refused).rejects.toMatchObject({ code: "bad_request" });
    expect(asked).toEqual([]);
  });

  it.each(["dem/o", "süd", "x".repeat(33)])("a tag whose group can be none: %s", async (group) => {
    const { asked } = webTier({});
    const visitor = visitorOn(`data-groupid="${group}"`);
    await expect(visitor.startSession()).rejects.toMatchObject({ code: "group_not_allowed" });
    expect(asked).toEqual([]);
  });

  it("a second session on one key, with a name of its own", async () => {
    webTier({ "/api/v1/sessions": { status: 409, body: { error: "key_in_use", message: "" } } });
    const visitor = visitorOn(DEMO);
    const told = vi.fn();
    visitor.addEventListener("error", told);
    await expect(visitor.startSession("twice")).rejects.toMatchObject({ code: "key_in_use" });
    expect(told).toHaveBeenCalledWith({ type: "error", code: "dupkey", detail: "key_in_use" });
  });

  it("an answer of the web tier that is none", async () => {
    const answer = { ...RESUME, session: "demo:471113:short", key: "471113", ticket: "T" };
    webTier({ "/api/v1/sessions": { status: 201, body: answer } });
    await expect(visitorOn(DEMO).startSession()).rejects.toMatchObject({ code: "unreachable" });
  });
});
