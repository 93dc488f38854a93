/**
 * The loader: the one script that every page of a customer carries, 3 KB at most.
 *
 * Owns the call queue and the decision when the visitor script is needed. What calls without code look like stands in
 * `calls.ts`; everything of a session itself is the visitor script's.
 */

import { callOfClick, callOfKey, isCallMessage } from "./calls.js";
import {
  publish,
  publishPresence,
  type LoaderQueue,
  type PageCall,
  type QueuedCall,
  type Receiver,
} from "./global.js";
import { HASHES, loadModule } from "./parts.js";
import { noteClosedRoots } from "./roots.js";
import { hasArrived, isSessionKept, readTag, TAG_ID, type Tag } from "./tag.js";

function load(): void {
  if (window.GLANCE?.Cobrowse?.Visitor) return;
  const current = document.currentScript;
  const loadedFrom = current instanceof HTMLScriptElement ? current.src : "";
  if (loadedFrom && !loadedFrom.startsWith("https:")) {
    console.error("Cobrowse: the loader has to come over HTTPS");
    return;
  }
  const queue: QueuedCall[] = [];
  let isLoading = false;
  const add = (): void => {
    const tag = readTagOrSay(loadedFrom);
    if (!tag || isLoading) return;
    isLoading = true;
    const script = document.createElement("script");
    script.src = `${tag.scripts}visitor.js`;
    script.async = true;
    if (tag.isPinned) {
      script.integrity = HASHES["visitor.js"] ?? "";
      script.crossOrigin = "anonymous";
    }
    script.onerror = () => {
      isLoading = false;
      for (const { method, args, settle } of queue.splice(0)) {
        const [name, listener] = args as [unknown, (event: object) => void];
        if (method === "addEventListener" && name === "error")
          listener({ type: name, code: "SCRIPT_NOT_LOADED", detail: "" });
        settle(Promise.reject(new Error("the script did not load")));
      }
      console.error(
        `Cobrowse: ${script.src} did not load. Check the network and the page's Content-Security-Policy.`,
      );
    };
    document.head.append(script);
  };
  const later = <T>(method: QueuedCall["method"], args: readonly unknown[], isUrgent = true): Promise<T> => {
    const promise = new Promise<unknown>((settle) => queue.push({ method, args, settle }));
    // Whoever does not look at the promise is told on the console.
    promise.catch(() => undefined);
    if (isUrgent) add();
    return promise as Promise<T>;
  };
  const status = (): ReturnType<LoaderQueue["getStatus"]> => ({
    state: isLoading ? "connecting" : "idle",
    key: null,
    group: null,
    agents: 0,
  });
  const stub: LoaderQueue = {
    queue,
    readTag: () => readTag(document, loadedFrom),
    closedRoots: noteClosedRoots(document.getElementById(TAG_ID)),
    startSession: (options) => later("startSession", [options]),
    showTerms: (options) => later("showTerms", [options]),
    showButton: () => void later("showButton", []),
    toggleButton: () => void later("toggleButton", []),
    setStyle: (group) => void later("setStyle", [group], false),
    continueSessionAt: (options) => later("continueSessionAt", [options]),
    crossDomain: (destination) => later("crossDomain", [destination]),
    loaded: () => later("loaded", [], false),
    stopSession() {
      queue.length = 0;
      return Promise.resolve();
    },
    pauseSession: (options) => void later("pauseSession", [options], false),
    getStatus: status,
    getSessionState: status,
    inSession: () => false,
    getKey: () => null,
    addEventListener: (name, listener) => void later("addEventListener", [name, listener], false),
    removeEventListener: (name, listener) => void later("removeEventListener", [name, listener], false),
  };
  publish(window, stub);
  // Once it is there, the visitor script handles these by itself.
  const isWaiting = (): boolean => window.GLANCE?.Cobrowse?.Visitor === stub;
  const call = (name: PageCall | null): void => {
    if (name && isWaiting()) void stub[name]();
  };
  document.addEventListener("click", (event) => {
    call(callOfClick(event));
  });
  window.addEventListener("message", ({ origin, data }) => {
    // Whether that window may is the group's settings' to say, which the script asks for.
    if (isWaiting() && isCallMessage(data)) void later("receive", [origin, data]);
  });
  const check = (): void => {
    const tag = readTagOrSay(loadedFrom);
    if (!tag) return;
    document.addEventListener("keydown", (event) => {
      call(callOfKey(event, tag.keys));
    });
    const onOffer: Receiver["offer"] = (offer) => {
      const visitor = window.GLANCE?.Cobrowse?.Visitor;
      return visitor && "offer" in visitor ? visitor.offer(offer) : later("offer", [offer]);
    };
    if (tag.presence) {
      publishPresence(window, (visitorId) => bePresent({ ...tag, visitorId }, onOffer), tag.visitorId);
    }
    if (tag.presence === "on") void bePresent(tag, onOffer);
    // A session goes on in the page itself: its frames are recorded with it, and would take it from the page. One of another
    // origin says that it is here, and no more: whether it may join, the page around it asks.
    if (window.top === window) {
      if (isSessionKept(window, tag.keptIn) || hasArrived(window.location)) add();
    } else window.parent.postMessage({ glance_frame: "here" }, "*");
  };
  // A meta tag may stand behind the script that loads us.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", check);
  else check();
}

/** The page says that it is there, by a part of its own. */
async function bePresent(tag: Tag, onOffer: Receiver["offer"]): Promise<() => void> {
  const { origin, group, visitorId: visitor } = tag;
  if (!visitor) {
    console.error("Cobrowse: data-presence needs data-visitorid or GLANCE_COBROWSE.visitorid.");
    return () => undefined;
  }
  try {
    const part = (await loadModule(tag, "presence.js")) as {
      startPresence(host: object): () => void;
    };
    return part.startPresence({ page: window, origin, group, visitor, onOffer });
  } catch {
    console.error("Cobrowse: presence.js did not load. Check the page's Content-Security-Policy.");
    return () => undefined;
  }
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
