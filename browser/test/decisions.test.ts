/**
 * What the scripts do when a connection ends, and what carries a session over pages: all without a network.
 */

import { describe, expect, it, vi } from "vitest";

import { isSessionKept, readTag } from "../src/loader/tag.js";
import { CLOSE_CODES, type CloseName } from "../src/protocol/close.js";
import { clearCookie, readCookie, writeCookie, type CookieJar } from "../src/visitor/continuity.js";
import { afterClose, afterContinue, afterName } from "../src/visitor/decide.js";
import { PEER_FAULTS_MAX } from "../src/visitor/limits.js";
import { callOfKey, isCallMessage, readKeys } from "../src/loader/calls.js";
import * as de from "../src/words/de.js";
import * as en from "../src/words/en.js";
import * as es from "../src/words/es.js";
import * as fr from "../src/words/fr.js";
import * as it_ from "../src/words/it.js";
import { fill } from "../src/visitor/fill.js";
import { languageOf, Sentences } from "../src/visitor/words.js";
import { framesUrl, mayFollow, type Place } from "../src/viewer/follow.js";
import { FOLLOW_INTERVAL_MS, RENEW_INTERVAL_MS, RENEWS_MAX } from "../src/viewer/limits.js";
import { ENDINGS, stateWords as viewerWords } from "../src/viewer/messages.js";
import { FrameName, isThere, mayRenew, memoryOf, renewUrl } from "../src/viewer/renew.js";

const NAMES = Object.keys(CLOSE_CODES) as CloseName[];

describe("the visitor's script", () => {
  it("knows what to do for every close code", () => {
    const table = Object.fromEntries(NAMES.map((name) => [name, afterName(name, 0).do]));
    expect(table).toEqual({
      session_ended_visitor: "over",
      session_ended_agent: "over",
      session_ended_timeout: "over",
      superseded: "rest",
      moved: "move",
      draining: "move",
      revoked: "over",
      secure_page: "retry",
      bad_frame: "retry",
      unauthorized: "move",
      not_allowed: "over",
      not_found: "move",
      unknown_kind: "retry",
      already_live: "retry",
      out_of_order: "retry",
      too_long: "retry",
      incompatible: "over",
      flooding: "retry",
      head_too_long: "retry",
      internal: "retry",
      too_slow: "retry",
      overload: "retry",
    });
  });

  it("asks why when an upgrade failed, and comes back when a connection broke", () => {
    expect(afterClose(1006, false, 0)).toEqual({ do: "ask" });
    expect(afterClose(1006, true, 0)).toEqual({ do: "retry" });
    expect(afterClose(4000, true, 0)).toEqual({ do: "over", reason: "session_ended_visitor" });
  });

  it("does not come back for ever when it breaks the protocol itself, and does for an overload", () => {
    expect(afterName("out_of_order", PEER_FAULTS_MAX - 1)).toEqual({ do: "retry" });
    expect(afterName("out_of_order", PEER_FAULTS_MAX)).toEqual({ do: "over", reason: "out_of_order" });
    expect(afterName("overload", PEER_FAULTS_MAX)).toEqual({ do: "retry" });
  });

  it("believes the web tier when the session is gone, and asks again when it cannot say", () => {
    expect(afterContinue(404)).toEqual({ do: "over", reason: "not_found" });
    expect(afterContinue(403).do).toBe("over");
    for (const status of [null, 429, 500, 503]) expect(afterContinue(status).do).toBe("retry");
  });

  it("says who watches, and something of its own for each end and each failed start", () => {
    const say = new Sentences();
    expect(say.state("live", [], false)).toContain("code");
    expect(say.state("live", ["Ada"], false)).toBe("Screen shared with Ada");
    expect(say.state("live", ["Ada", "Bo", "Cy"], false)).toBe("Screen shared with Ada, Bo and Cy");
    expect(say.state("live", ["Ada", "Bo", "Cy", "Di", "Ed"], false)).toBe(
      "Screen shared with Ada, Bo, Cy and 2 more",
    );
    expect(say.end("session_ended_agent")).not.toBe(say.end("session_ended_timeout"));
    expect(say.error("key_in_use")).not.toBe(say.error("no_server"));
    expect(say.error("of a later version")).not.toBe("");
    expect(say.state("live", ["Ada"], true)).toContain("Paused");
  });

  it("takes keys and buttons for calls, and says what is wrong with the attribute", () => {
    const keys = readKeys('{"ctrl-13":"showButton","shift-alt-72":"stopSession"}');
    const press = (init: object): KeyboardEvent => new KeyboardEvent("keydown", init);
    expect(callOfKey(press({ keyCode: 13, ctrlKey: true }), keys)).toBe("showButton");
    expect(callOfKey(press({ keyCode: 72, altKey: true, shiftKey: true }), keys)).toBe("stopSession");
    expect(callOfKey(press({ keyCode: 13 }), keys)).toBeNull();
    expect(readKeys("")).toEqual({});
    for (const bad of [
      "{",
      "[1]",
      '{"ctrl-x":"showButton"}',
      '{"13":"eval"}',
      '{"hyper-13":"showButton"}',
      '"x"',
    ])
      expect(() => readKeys(bad), bad).toThrow("data-inputevents");
    expect(isCallMessage({ glance_cobrowse: { call: "startSession" } })).toBe(true);
    for (const other of [null, "glance_cobrowse", 7, {}]) expect(isCallMessage(other)).toBe(false);
  });

  it("speaks the tag's language, else the page's, and every language says the same things", () => {
    const page = { documentElement: { lang: "de-AT" } } as Document;
    expect(languageOf(page, null)).toBe("de");
    expect(languageOf(page, "fr")).toBe("fr");
    expect(languageOf(page, "en-GB")).toBe("");
    const holes = (words: object): string[] =>
      Object.values(words).flatMap((one: unknown) =>
        typeof one === "string" ? (one.match(/\{\w+\}/g) ?? []) : holes(one as object),
      );
    for (const other of [de, es, fr, it_]) {
      for (const part of ["widget", "assist"] as const) {
        expect(Object.keys(other[part])).toEqual(Object.keys(en[part]));
        expect(holes(other[part])).toEqual(holes(en[part]));
      }
      expect(Object.keys(other.widget.ends)).toEqual(Object.keys(en.widget.ends));
      expect(Object.keys(other.widget.errors)).toEqual(Object.keys(en.widget.errors));
    }
    expect(fill("{a} und {b}", { a: "1" })).toBe("1 und {b}");
  });
});

describe("the viewer's protocol", () => {
  const place = (protocol: string, isFramed = false, hash = ""): Place => {
    const memory = new Map<string, string>();
    const made = {
      location: { protocol, host: "s1.example", hash },
      top: null as unknown,
      sessionStorage: {
        getItem: (name: string) => memory.get(name) ?? null,
        setItem: (name: string, value: string) => memory.set(name, value),
      },
    };
    made.top = isFramed ? {} : made;
    return made;
  };
  const PLAIN = "http://plain.s1.example:443/view/01";

  it("follows a page over plain HTTP, and not again before a while has passed", () => {
    const page = place("https:");
    expect(mayFollow(page, PLAIN, "01", 1_000_000)).toBe("now");
    expect(mayFollow(page, PLAIN, "01", 1_000_001)).toBe("later");
    expect(mayFollow(page, PLAIN, "02", 1_000_001)).toBe("now");
    expect(mayFollow(page, PLAIN, "01", 1_000_000 + FOLLOW_INTERVAL_MS)).toBe("now");
  });

  it("stays where it is when the group does not follow, in a frame, and over plain HTTP", () => {
    expect(mayFollow(place("https:"), "", "01", 1)).toBe("never");
    expect(mayFollow(place("https:"), "javascript:alert(1)", "01", 1)).toBe("never");
    expect(mayFollow(place("https:", true), PLAIN, "01", 1)).toBe("never");
    expect(mayFollow(place("https:", false, "#stay"), PLAIN, "01", 1)).toBe("never");
    expect(mayFollow(place("http:"), "https://s1.example/view/01", "01", 1)).toBe("never");
    expect(framesUrl(place("http:"), "01")).toBe("ws://s1.example/agent/01");
    expect(framesUrl(place("https:"), "01")).toBe("wss://s1.example/agent/01");
  });
});

describe("the viewer", () => {
  it("has a sentence for every close code, and for no other", () => {
    expect(Object.keys(ENDINGS).sort()).toEqual([...NAMES].sort());
    for (const name of NAMES) expect(ENDINGS[name].words, name).toMatch(/^[A-Z].{10,}[.…]$/);
  });

  it("fetches a new ticket exactly where the session may live on elsewhere", () => {
    expect(NAMES.filter((name) => ENDINGS[name].then === "cross")).toEqual(["secure_page"]);
    const renewed = NAMES.filter((name) => ENDINGS[name].then === "renew");
    expect(renewed.sort()).toEqual(["draining", "moved", "unauthorized"]);
    for (const name of [
      "session_ended_visitor",
      "session_ended_agent",
      "session_ended_timeout",
      "revoked",
    ] as const) {
      expect(ENDINGS[name].then).toBe("stay");
    }
  });

  it("fetches a few tickets within its interval and no more, and none where it can remember nothing", () => {
    const kept = new Map<string, string>();
    const memory = {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
    };
    for (let trip = 0; trip < RENEWS_MAX; trip += 1)
      expect(mayRenew(() => memory, "demo:1", 1_000_000 + trip)).toBe(true);
    expect(mayRenew(() => memory, "demo:1", 1_000_000 + RENEW_INTERVAL_MS - 1)).toBe(false);
    expect(mayRenew(() => memory, "demo:2", 1_000_001)).toBe(true);
    expect(mayRenew(() => memory, "demo:1", 1_000_000 + RENEW_INTERVAL_MS)).toBe(true);
    const broken = (): never => {
      throw new Error("forbidden");
    };
    expect(mayRenew(broken, "demo:1", 1)).toBe(false);
  });

  it("remembers in its frame's name where the browser keeps nothing for it, and gives the name back", () => {
    const place = (name: string, isFramed = true): Window => {
      const made = {
        name,
        parent: {},
        get sessionStorage(): never {
          throw new DOMException("forbidden", "SecurityError");
        },
      };
      if (!isFramed) made.parent = made;
      return made as unknown as Window;
    };
    const frame = place("the crm's | own");
    for (let trip = 0; trip < RENEWS_MAX; trip += 1) {
      // Each trip begins with another page of the same frame.
      const name = new FrameName(frame);
      expect(frame.name).toBe("the crm's | own");
      expect(mayRenew(() => memoryOf(frame, name), "demo:4|%1", 1_000_000 + trip)).toBe(true);
      expect(frame.name).not.toBe("the crm's | own");
    }
    const last = new FrameName(frame);
    expect(mayRenew(() => memoryOf(frame, last), "demo:4|%1", 1_000_010)).toBe(false);
    expect(mayRenew(() => memoryOf(frame, last), "demo:5", 1_000_010)).toBe(true);
    // A window by itself loses its name on the way.
    const alone = place("", false);
    expect(mayRenew(() => memoryOf(alone, new FrameName(alone)), "demo:1", 1)).toBe(false);
    // Names of others are left alone.
    for (const given of ["", "%", "cobrowse-held", "cobrowse-kept", "cobrowse-kept|a|%|x|y|z"]) {
      const other = place(given);
      expect(() => new FrameName(other).getItem("x")).not.toThrow();
    }
    const held = place("cobrowse-held");
    expect([new FrameName(held).getItem("demo:1"), held.name]).toEqual([null, "cobrowse-held"]);
  });

  it("looks whether the web tier is there, at one address and without a credential", async () => {
    const asked: [string, RequestInit | undefined][] = [];
    vi.stubGlobal("fetch", (url: URL, init?: RequestInit) => {
      asked.push([url.href, init]);
      return url.host === "www.example" ? Promise.resolve(Response.error()) : Promise.reject(new TypeError());
    });
    expect(await isThere("https://www.example")).toBe(true);
    expect(await isThere("https://gone.example")).toBe(false);
    vi.unstubAllGlobals();
    expect(asked[0]?.[0]).toBe("https://www.example/healthz");
    expect(asked[0]?.[1]).toMatchObject({ credentials: "omit", mode: "no-cors" });
    // Browsers refuse any other together with no-cors.
    expect(asked[0]?.[1]?.redirect ?? "follow").toBe("follow");
  });

  it("goes to the web tier with key and group, over HTTPS only", () => {
    expect(renewUrl("https://www.example:8443", "4 7&1", "demo")).toBe(
      "https://www.example:8443/cobrowse/AgentView?SessionKey=4+7%261&Group=demo",
    );
    expect(renewUrl("https://www.example", "1", "demo", "https://s1.example")).toBe(
      "https://www.example/cobrowse/AgentView?SessionKey=1&Group=demo&Away=https%3A%2F%2Fs1.example",
    );
    expect(renewUrl("http://www.example", "1", "demo")).toBeNull();
    expect(renewUrl("", "1", "demo")).toBeNull();
  });

  it("says how long the visitor is offline", () => {
    expect(viewerWords("offline", 900)).toBe("The visitor has been offline for 1 second");
    expect(viewerWords("offline", 125_000)).toBe("The visitor has been offline for 2 minutes");
  });
});

describe("the cookie", () => {
  const continuity = {
    session: `demo:471113:${"0".repeat(32)}`,
    server: "wss://s1.example/visitor",
    status: "https://s1.example/visitor/status",
    resume: "R".repeat(194),
    home: 2,
  };

  /** Keeps what was written, as a browser does. */
  class Jar implements CookieJar {
    written = "";
    get cookie(): string {
      return `other=1; ${this.written.split(";")[0] ?? ""}; more=2`;
    }
    set cookie(text: string) {
      this.written = text;
    }
  }

  it("brings a session back as it was, and only over HTTPS and within the site", () => {
    const jar = new Jar();
    writeCookie(jar, continuity, "");
    expect(jar.written).toMatch(/; Path=\/; Secure; SameSite=Lax$/);
    expect(readCookie(jar)).toEqual(continuity);
    writeCookie(jar, continuity, "shop.example");
    expect(jar.written).toContain("; Domain=shop.example");
  });

  it("is removed with the same path and domain", () => {
    const jar = new Jar();
    clearCookie(jar, "shop.example");
    expect(jar.written).toBe(
      "glance_cobrowse=; Max-Age=0; Path=/; Secure; SameSite=Lax; Domain=shop.example",
    );
    expect(readCookie(jar)).toBeNull();
  });

  it.each([
    ["no JSON", "x"],
    ["an unknown version", encodeURIComponent('{"v":2}')],
    [
      "a server without TLS",
      encodeURIComponent(
        JSON.stringify({
          v: 1,
          s: continuity.session,
          w: "ws://evil.example/",
          u: continuity.status,
          r: "R",
          h: 1,
        }),
      ),
    ],
    [
      "no session id",
      encodeURIComponent(
        JSON.stringify({ v: 1, s: "x", w: continuity.server, u: continuity.status, r: "R", h: 1 }),
      ),
    ],
  ])("is not taken when it is %s", (_, value) => {
    const jar = new Jar();
    jar.cookie = `glance_cobrowse=${value}`;
    expect(readCookie(jar)).toBeNull();
  });
});

describe("the tag", () => {
  const FROM = "https://www.example:8443/cobrowse/loader.js";

  const meta = (more: string): string => `<meta id="glance-cobrowse" data-groupid="demo" ${more}>`;

  function tagOf(html: string, loadedFrom = FROM): ReturnType<typeof readTag> {
    document.body.innerHTML = html;
    return readTag(document, loadedFrom, String);
  }

  it("of a script says group, further groups in both spellings, site and the web tier's origin", () => {
    expect(
      tagOf(
        `<script id="glance-cobrowse" type="text/plain" src="${FROM}" data-groupid="demo" data-additionalgroupids="a, b" data-additionalgroupid="c" data-site="staging" data-cookiedomain="shop.example"></script>`,
      ),
    ).toEqual({
      group: "demo~staging",
      groups: ["demo~staging", "a~staging", "b~staging", "c~staging"],
      site: "staging",
      origin: "https://www.example:8443",
      scripts: "https://www.example:8443/cobrowse/",
      isPinned: false,
      keptIn: "cookie",
      language: null,
      startPaused: false,
      termsUrl: null,
      visitorId: null,
      presence: "",
      framed: "",
      trust: String,
      keys: {},
      cookieDomain: "shop.example",
    });
  });

  it("may be a meta element, with the origin that the loader came from, or its own", () => {
    expect(tagOf('<meta id="glance-cobrowse" data-groupid="demo">').origin).toBe("https://www.example:8443");
    expect(
      tagOf('<meta id="glance-cobrowse" data-groupid="demo" data-server="https://other.example/x">').origin,
    ).toBe("https://other.example");
  });

  it("takes the other scripts from beside the loader: a pinned release, or a copy of one's own", () => {
    const scriptsOf = (more: string, from = FROM): string =>
      tagOf(`<script id="glance-cobrowse" type="text/plain" data-groupid="demo" ${more}></script>`, from)
        .scripts;
    const pinned = "https://www.example/cobrowse/v/1.2.3/";
    expect(scriptsOf(`src="${pinned}loader.js"`)).toBe(pinned);
    const own = `src="https://shop.example/static/loader.js?4" data-server="https://www.example"`;
    expect(scriptsOf(own)).toBe("https://shop.example/static/");
    expect(scriptsOf(`data-server="https://www.example"`, "https://shop.example/bundle.js")).toBe(
      "https://www.example/cobrowse/",
    );
  });

  it.each([
    ["is missing", "", "glance-cobrowse"],
    ["has no group", '<meta id="glance-cobrowse">', "data-groupid"],
    ["names another site", meta('data-site="test"'), "data-site"],
    ["keeps its session nowhere", meta('data-cookietype="none"'), "data-cookietype"],
    ["keeps it by an inherited name", meta('data-cookietype="constructor"'), "data-cookietype"],
    ["is present in an unknown way", meta('data-presence="yes"'), "data-presence"],
    ["starts neither paused nor not", meta('data-startpaused="maybe"'), "data-startpaused"],
    ["has terms in the clear", meta('data-termsurl="http://shop.example/terms"'), "data-termsurl"],
    ["has keys that are none", meta(`data-inputevents='{"ctrl-x":"eval"}'`), "data-inputevents"],
    ["comes over HTTP", meta('data-server="http://www.example"'), "HTTPS"],
    ["comes from nowhere", meta('data-server="https://"'), "URL"],
  ])("is refused when it %s, with what is wrong", (_, html, named) => {
    expect(() => tagOf(html)).toThrow(named);
  });

  it("takes what stands there in whatever form it is usual", () => {
    expect(tagOf(meta('data-startpaused=""')).startPaused).toBe(true);
    expect(tagOf(meta('data-startpaused="false"')).startPaused).toBe(false);
    expect(tagOf(meta('data-presence="off"')).presence).toBe("");
    expect(tagOf(meta('data-termsurl=" https://shop.example/terms "')).termsUrl).toBe(
      "https://shop.example/terms",
    );
    expect(tagOf(meta('data-additionalgroupids=" , ;"')).groups).toEqual(["demo"]);
  });

  it("keeps a session in no cookie of a page over plain HTTP", () => {
    const html =
      '<meta id="glance-cobrowse" data-groupid="demo" data-server="https://www.example" data-cookietype="dual">';
    const page = new DOMParser().parseFromString(html, "text/html");
    const over = (protocol: string): string => {
      Object.defineProperty(page, "defaultView", { value: { location: { protocol } }, configurable: true });
      return readTag(page, "", String).keptIn;
    };
    expect(over("https:")).toBe("both");
    expect(over("http:")).toBe("storage");
  });

  it("is not the cookie: only a cookie with a value says that a session runs", () => {
    const page = (cookie: string): Window => ({ document: { cookie } }) as Window;
    expect(isSessionKept(page("a=1; glance_cobrowse=x"), "cookie")).toBe(true);
    expect(isSessionKept(page("a=1; glance_cobrowse="), "cookie")).toBe(false);
    expect(isSessionKept(page("xglance_cobrowse=1"), "both")).toBe(false);
  });
});
