/**
 * What the customer's page says about cobrowsing: the `<script>` or `<meta>` with the id `glance-cobrowse`.
 *
 * Owns the reading of the tag and the group check, which both the loader and the visitor script need.
 * Leaves starting and continuing to them.
 */

import { readKeys } from "./calls.js";
import type { PageCall } from "./global.js";

/** The tag's values. */
export interface Tag {
  /** The group that sessions run in unless the caller says another. */
  readonly group: string;
  /** Every group that this page allows, the first one included. */
  readonly groups: readonly string[];
  readonly site: "staging" | "production";
  /** Origin of the web tier, HTTPS. */
  readonly origin: string;
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
  /** Whether the page says that it is there. */
  readonly presence: boolean;
  /** What keys do. */
  readonly keys: Readonly<Record<string, PageCall>>;
}

/** Reads the tag. `loadedFrom` is the URL that the loader came from. Throws a sentence that says what is wrong with the tag. */
export function readTag(page: Document, loadedFrom: string): Tag {
  const element = page.getElementById(TAG_ID);
  if (!element)
    throw new Error(`no element has the id "${TAG_ID}": give it to the script tag or to a meta tag`);
  const get = (name: string): string => element.getAttribute(`data-${name}`)?.trim() ?? "";
  const group = get("groupid");
  if (!group) throw new Error(`the tag "${TAG_ID}" has no data-groupid`);
  const more = `${get("additionalgroupids")},${get("additionalgroupid")}`.split(/[\s,;]+/);
  const site = get("site") || "production";
  if (site !== "staging" && site !== "production") {
    throw new Error('data-site is "staging" or "production"');
  }
  const server = new URL(get("server") || element.getAttribute("src") || loadedFrom, page.baseURI);
  if (server.protocol !== "https:") {
    throw new Error("the loader has to come over HTTPS, also on pages that do not");
  }
  return {
    group,
    groups: [group, ...more.filter((name) => name !== "")],
    site,
    origin: server.origin,
    cookieDomain: get("cookiedomain"),
    language: get("language") || null,
    startPaused: get("startpaused") === "true" || element.getAttribute("data-startpaused") === "",
    termsUrl: get("termsurl").startsWith("https:") ? get("termsurl") : null,
    visitorId: get("visitorid") || (page.defaultView?.GLANCE_COBROWSE?.visitorid ?? null),
    presence: get("presence") === "on",
    keys: readKeys(get("inputevents")),
  };
}

/** Whether the page's cookie says that a session is running. */
export function hasSessionCookie(page: Document): boolean {
  return page.cookie
    .split("; ")
    .some((pair) => pair.startsWith(`${COOKIE_NAME}=`) && pair.length > COOKIE_NAME.length + 1);
}

/** Whether this page was reached from another domain, with a session. */
export function hasArrived(at: Location): boolean {
  return at.hash.includes(`${COOKIE_NAME}=`);
}

/** Whether a click hit an element of that selector, also inside an open shadow tree. */
export function isClickOn(event: Event, selector: string): boolean {
  return event.composedPath().some((target) => target instanceof Element && target.matches(selector));
}

/** Id of the tag. */
export const TAG_ID = "glance-cobrowse";

/** Cookie of a running session, on the customer's site. */
export const COOKIE_NAME = "glance_cobrowse";

/** What starts a session when it is clicked. */
export const START_SELECTOR =
  '[data-glance-cobrowse-start],#glance_button,.glance_button,[glance_button],[data-glancebutton="startSession"]';
