/**
 * The loader: the one script that every page of a customer carries, 3 KB at most.
 *
 * Owns the call queue, the start buttons and the decision when the visitor script is needed.
 * Everything of a session itself is the visitor script's.
 */

import { publish, type LoaderQueue, type QueuedCall, type VisitorApi } from "./global.js";
import { noteClosedRoots } from "./roots.js";
import { hasSessionCookie, isClickOn, readTag, START_SELECTOR, TAG_ID, type Tag } from "./tag.js";

function load(): void {
  if (window.GLANCE?.Cobrowse?.Visitor) return;
  const current = document.currentScript;
  const loadedFrom = current instanceof HTMLScriptElement ? current.src : "";
  if (loadedFrom && !loadedFrom.startsWith("https:")) {
    console.error("Cobrowse: not started, because the loader came over HTTP. Load it from https://.");
    return;
  }
  const queue: QueuedCall[] = [];
  let isLoading = false;
  const add = (): void => {
    const tag = readTagOrSay(loadedFrom);
    if (!tag || isLoading) return;
    isLoading = true;
    const script = document.createElement("script");
    script.src = `${tag.origin}/cobrowse/visitor.js`;
    script.async = true;
    script.onerror = () => {
      isLoading = false;
      queue.length = 0;
      console.error(
        `Cobrowse: ${script.src} did not load. Check the network and the page's Content-Security-Policy.`,
      );
    };
    document.head.append(script);
  };
  const later = (method: keyof VisitorApi, ...args: unknown[]): void => {
    queue.push([method, args]);
  };
  const stub: LoaderQueue = {
    queue,
    loadedFrom,
    closedRoots: noteClosedRoots(document.getElementById(TAG_ID)),
    startSession(options) {
      later("startSession", options);
      add();
    },
    stopSession() {
      queue.length = 0;
    },
    pauseSession(options) {
      later("pauseSession", options);
    },
    getStatus: () => ({ state: isLoading ? "connecting" : "idle", key: null, group: null, agents: 0 }),
    inSession: () => false,
    getKey: () => null,
    addEventListener(name, listener) {
      later("addEventListener", name, listener);
    },
    removeEventListener(name, listener) {
      later("removeEventListener", name, listener);
    },
  };
  publish(window, stub);
  document.addEventListener("click", (event) => {
    // Once it is there, the visitor script handles clicks by itself.
    if (window.GLANCE?.Cobrowse?.Visitor !== stub) return;
    if (isClickOn(event, START_SELECTOR)) stub.startSession();
  });
  const check = (): void => {
    if (readTagOrSay(loadedFrom) && hasSessionCookie(document)) add();
  };
  // A meta tag may stand behind the script that loads us.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", check);
  else check();
}

function readTagOrSay(loadedFrom: string): Tag | null {
  try {
    return readTag(document, loadedFrom);
  } catch (error) {
    console.error(`Cobrowse: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

load();
