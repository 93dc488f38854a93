/**
 * What the customer's page says about cobrowsing: the `<script>` or `<meta>` with the id `glance-cobrowse`.
 *
 * Owns the reading of the tag and the group check, which both the loader and the visitor script need.
 * Leaves starting and continuing to them.
 */

import { readKeys, type PageCall } from "./calls.js";

/** The tag's values. */
export interface Tag {
  /** The group that sessions run in unless the caller says another. */
  readonly group: string;
  /** Every group that this page allows, the first one included. */
  readonly groups: readonly string[];
  readonly site: "staging" | "production";
  /** Origin of the web tier, HTTPS. */
  readonly origin: string;
  /** Where the other scripts are, with a slash behind: beside the loader, so that a copy or a pinned release stays together. */
  readonly scripts: string;
  /** Vouches for an address of a script, where the page demands it. */
  readonly trust: (url: string) => string;
  /** Whether the page took the loader by its hash: then the other scripts are taken by theirs. */
  readonly isPinned: boolean;
  /** Where it is kept that a session runs. */
  readonly keptIn: KeptIn;
  /** Domain of the session cookie; empty for the host alone. */
  readonly cookieDomain: string;
  /** Language of what the visitor reads; `null`: the page's. */
  readonly language: string | null;
  /** Whether a session begins paused. */
  readonly startPaused: boolean;
  /** Where terms stand that are shown before a session. */
  readonly termsUrl: string | null;
  /** Id of the visitor on the customer's site, if the page knows it. */
  readonly visitorId: string | null;
  /** Whether the page says that it is there: by itself, when its own script asks for it, or never. */
  readonly presence: "on" | "api" | "";
  /** Origins whose pages may have this one in a frame, with sessions of its own. */
  readonly framed: string;
  /** What keys do. */
  readonly keys: Readonly<Record<string, PageCall>>;
}

/** A cookie, the page's local storage, or both: some sites lose the one, some the other. */
export type KeptIn = "cookie" | "storage" | "both";

/** Reads the tag. `loadedFrom` is the URL that the loader came from. Throws a sentence that says what is wrong with the tag. */
export function readTag(page: Document, loadedFrom: string, trust: Tag["trust"]): Tag {
  const element = page.getElementById(TAG_ID);
  if (!element) throw new Error(`no tag has the id "${TAG_ID}"`);
  const get = (name: string): string => element.getAttribute(`data-${name}`)?.trim() ?? "";
  const oneOf = <T>(name: string, words: Readonly<Record<string, T>>): T => {
    const word = get(name);
    if (!Object.hasOwn(words, word))
      throw new Error(`data-${name} is none of ${Object.keys(words).join(" ")}`);
    return words[word] as T;
  };
  const group = get("groupid");
  if (!group) throw new Error("the tag has no data-groupid");
  const more = `${get("additionalgroupids")},${get("additionalgroupid")}`.split(/[\s,;]+/).filter(Boolean);
  const site = oneOf("site", SITES);
  const keptIn = oneOf("cookietype", COOKIE_TYPES);
  const termsUrl = get("termsurl") || null;
  if (termsUrl && !termsUrl.startsWith("https:")) throw new Error("data-termsurl has to be https");
  const from = element.getAttribute("src") || loadedFrom;
  const server = new URL(get("server") || from, page.baseURI);
  if (server.protocol !== "https:") {
    throw new Error("the loader has to come over HTTPS");
  }
  // A page that brings the loader in a bundle of its own has no other script beside it.
  const beside = new URL(from || "/", page.baseURI).pathname.endsWith("/loader.js") ? from : "";
  const groupOf = (name: string): string => groupAt(site, name);
  return {
    group: groupOf(group),
    groups: [group, ...more].map(groupOf),
    site,
    origin: server.origin,
    scripts: new URL(beside ? "." : "/cobrowse/", beside ? new URL(beside, page.baseURI) : server).href,
    trust,
    isPinned: element.hasAttribute("integrity"),
    // What is kept opens the session: a page over plain HTTP would send a cookie of it in the clear.
    keptIn: page.defaultView?.location.protocol === "http:" ? "storage" : keptIn,
    cookieDomain: get("cookiedomain"),
    language: get("language") || null,
    startPaused: element.hasAttribute("data-startpaused") && oneOf("startpaused", SWITCHES),
    termsUrl,
    visitorId: get("visitorid") || (page.defaultView?.GLANCE_COBROWSE?.visitorid ?? null),
    presence: oneOf("presence", PRESENCES),
    framed: get("framed"),
    keys: readKeys(get("inputevents")),
  };
}

/** The group of a name on this site: what is staged runs in a group of its own, apart from production. */
export function groupAt(site: Tag["site"], name: string): string {
  return site === "staging" && !name.endsWith(STAGED) ? name + STAGED : name;
}

/** The name that the page knows a group by. */
export function nameOf(group: string): string {
  return group.endsWith(STAGED) ? group.slice(0, -STAGED.length) : group;
}

/** Whether this browser keeps that a session is running. */
export function isSessionKept(page: Window, keptIn: KeptIn): boolean {
  const inCookie = /(^| )glance_cobrowse=[^;]/.test(page.document.cookie);
  if (inCookie || keptIn === "cookie") return inCookie;
  try {
    return page.localStorage.getItem(COOKIE_NAME) !== null;
  } catch {
    return false;
  }
}

/** Whether this page was reached from another domain, with a session. */
export function hasArrived(at: Location): boolean {
  return at.hash.includes(`${COOKIE_NAME}=`);
}

/** `data-cookietype`, by the words that integrators know. The cookie is `Secure` in any case. */
const COOKIE_TYPES: Readonly<Record<string, KeptIn>> = {
  "": "cookie",
  normal: "cookie",
  secure: "cookie",
  ls: "storage",
  dual: "both",
};

const SITES = { "": "production", production: "production", staging: "staging" } as const;

const PRESENCES = { "": "", on: "on", api: "api", off: "" } as const;

/** An attribute without a value counts as set. */
const SWITCHES = { "": true, true: true, false: false };

/** What stands behind the id of a group's staging. */
const STAGED = "~staging";

/** Id of the tag. */
export const TAG_ID = "glance-cobrowse";

/** Cookie of a running session, on the customer's site. */
export const COOKIE_NAME = "glance_cobrowse";
