/**
 * The npm package: loads the cobrowse scripts from one's own servers into an application that is bundled.
 *
 * Owns the tag that it puts into the page, and the types. The scripts themselves stay on the servers, so that they fit
 * them: a new release needs no new bundle.
 */

import type { VisitorApi } from "../loader/global.js";

export { createAgent } from "../agent/main.js";
export type { AgentApi, AgentEventName } from "../agent/main.js";
export { PresenceAgent } from "../agent/presence.js";
export type {
  PresenceAgentOptions,
  PresenceCallbacks,
  PresenceError,
  PresenceFault,
  PresentVisitor,
} from "../agent/presence.js";
export type {
  CobrowseError,
  MaskingDescriptor,
  StartedSession,
  StartOptions,
  VisitorApi,
  VisitorEvents,
  VisitorIdentity,
  VisitorStatus,
  WatchingAgent,
} from "../loader/global.js";

/** Where the servers are, and what the page allows. */
export interface CobrowseOptions {
  /** Origin of the web tier, `https://www.cobrowse.example`. */
  readonly server: string;
  readonly groupId: string;
  readonly additionalGroupIds?: readonly string[];
  readonly visitorId?: string;
  /** Whether the page says that this visitor is there. */
  readonly presence?: boolean;
  readonly language?: string;
  /** Of the release's `integrity.json`, to take exactly that loader and no other. */
  readonly integrity?: string;
}

/** Puts the tag into the page, once, and gives the interface when the loader has run. */
export function loadCobrowse(options: CobrowseOptions): Promise<VisitorApi> {
  const there = window.GLANCE?.Cobrowse?.Visitor;
  if (there) return Promise.resolve(there);
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.id = "glance-cobrowse";
    tag.src = new URL("/cobrowse/loader.js", options.server).href;
    tag.async = true;
    tag.dataset.groupid = options.groupId;
    if (options.additionalGroupIds) tag.dataset.additionalgroupids = options.additionalGroupIds.join(",");
    if (options.visitorId) tag.dataset.visitorid = options.visitorId;
    if (options.presence) tag.dataset.presence = "on";
    if (options.language) tag.dataset.language = options.language;
    if (options.integrity) {
      tag.integrity = options.integrity;
      tag.crossOrigin = "anonymous";
    }
    tag.onload = () => {
      const visitor = window.GLANCE?.Cobrowse?.Visitor;
      if (visitor) resolve(visitor);
      else reject(new Error("Cobrowse: the loader did not start; the console says why"));
    };
    tag.onerror = () => {
      tag.remove();
      reject(new Error(`Cobrowse: ${tag.src} did not load`));
    };
    document.head.append(tag);
  });
}
