/**
 * The loader: the one script that every page of a customer carries, 3 KB at most.
 *
 * Owns the call queue and the decision when the visitor script is needed. What calls without code look like stands in
 * `calls.ts`; everything of a session itself is the visitor script's.
 */

import { guarded, warn } from "../guard/guard.js";
import { callOfClick, callOfKey, isCallMessage, type PageCall } from "./calls.js";
import {
  publish,
  publishPresence,
  type LoaderQueue,
  type QueuedCall,
  type Receiver,
  type VisitorApi,
} from "./global.js";
import { loadModule, scriptTag } from "./parts.js";
import { noteClosedRoots } from "./roots.js";
import { hasArrived, isSessionKept, readTag, TAG_ID, type Tag } from "./tag.js";
import { trustIn } from "./trust.js";

function load(): void {
  if (window.GLANCE?.Cobrowse?.Visitor) return;
  const loadedFrom = (document.currentScript as HTMLScriptElement | null)?.src ?? "";
  if (/^(?!https:)./.test(loadedFrom)) {
    warn("the loader has to come over HTTPS");
    return;
  }
  const queue: QueuedCall[] = [];
  let isLoading = false;
  const trust = trustIn(loadedFrom);
  const read = (): Tag => readTag(document, loadedFrom, trust);
  const add = (): void => {
    const tag = readTagOrSay(read);
    if (!tag || isLoading) return;
    isLoading = true;
    const fail = (): void => {
      isLoading = false;
      for (const { method, args, settle } of queue.splice(0)) {
        const [name, listener] = args as [unknown, (event: object) => void];
        if (method === "addEventListener" && name === "error")
          listener({ type: name, code: "SCRIPT_NOT_LOADED", detail: "" });
        settle(Promise.reject(new Error("did not load")));
      }
      sayMissing(tag, "visitor.js");
    };
    try {
      const script = scriptTag(tag, "visitor.js");
      script.onerror = guarded(fail);
      document.head.append(script);
    } catch {
      fail();
    }
  };
  const later = (method: QueuedCall["method"], args: readonly unknown[], isUrgent = true): unknown => {
    const promise = new Promise<unknown>((settle) => queue.push({ method, args, settle }));
    // Whoever does not look at the promise is told on the console.
    void hush(promise);
    if (isUrgent) add();
    return promise;
  };
  const status = (): ReturnType<LoaderQueue["getStatus"]> => ({
    state: isLoading ? "connecting" : "idle",
    key: null,
    group: null,
    agents: 0,
  });
  const stub = {
    queue,
    readTag: read,
    closedRoots: noteClosedRoots(document.getElementById(TAG_ID)),
    stopSession: () => Promise.resolve(queue.splice(0)),
    getStatus: status,
    getSessionState: status,
    inSession: () => false,
    getKey: () => null,
  } as unknown as LoaderQueue;
  const wait = (stub: Partial<Record<keyof VisitorApi, unknown>>, names: string, isUrgent: boolean): void => {
    for (const name of names.split(" ") as (keyof VisitorApi)[])
      stub[name] = (...args: unknown[]) => later(name, args, isUrgent);
  };
  wait(stub, "startSession showTerms showButton toggleButton continueSessionAt crossDomain", true);
  wait(stub, "setStyle loaded pauseSession addEventListener removeEventListener", false);
  publish(window, stub);
  // Once it is there, the visitor script handles these by itself.
  const isWaiting = (): boolean => window.GLANCE?.Cobrowse?.Visitor === stub;
  const call = (name: PageCall | null): unknown => name && isWaiting() && stub[name]();
  document.addEventListener(
    "click",
    guarded((event: Event) => call(callOfClick(event))),
  );
  window.addEventListener(
    "message",
    guarded(({ origin, data }: MessageEvent) => {
      // Whether that window may is the group's settings' to say, which the script asks for.
      if (isWaiting() && isCallMessage(data)) later("receive", [origin, data]);
    }),
  );
  const check = (): void => {
    const tag = readTagOrSay(read);
    if (!tag) return;
    document.addEventListener(
      "keydown",
      guarded((event: KeyboardEvent) => call(callOfKey(event, tag.keys))),
    );
    const onOffer = (offer: unknown): unknown =>
      isWaiting()
        ? later("offer", [offer])
        : (window.GLANCE?.Cobrowse?.Visitor as Receiver | undefined)?.offer(offer as never);
    if (tag.presence) {
      publishPresence(window, (visitorId) => bePresent({ ...tag, visitorId }, onOffer), tag.visitorId);
    }
    if (tag.presence === "on") void bePresent(tag, onOffer);
    // A session goes on in the page itself: its frames are recorded with it, and would take it from the page. One of another
    // origin says that it is here, and no more: whether it may join, the page around it asks. One that names who may have it in a
    // frame has sessions of its own; the script looks who has.
    if (window.top === window || tag.framed) {
      if (isSessionKept(window, tag.keptIn) || hasArrived(window.location)) add();
    } else window.parent.postMessage({ glance_frame: "here" }, "*");
  };
  // A meta tag may stand behind the script that loads us.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", guarded(check));
  else check();
}

async function hush(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch {
    // It was said where it failed.
  }
}

/** The page says that it is there, by a part of its own. Never rejected. */
async function bePresent(tag: Tag, onOffer: (offer: unknown) => unknown): Promise<() => void> {
  const { origin, group, visitorId: visitor } = tag;
  if (visitor) {
    try {
      const part = (await loadModule(tag, "presence.js")) as {
        startPresence(host: object): () => void;
      };
      return part.startPresence({ page: window, origin, group, visitor, onOffer });
    } catch {
      sayMissing(tag, "presence.js");
    }
  } else warn("data-presence needs data-visitorid");
  return () => undefined;
}

function sayMissing({ scripts }: Tag, name: string): void {
  warn(`${scripts}${name} did not load. See the page's Content-Security-Policy.`);
}

function readTagOrSay(read: () => Tag): Tag | null {
  try {
    return read();
  } catch (error) {
    warn((error as Error).message);
    return null;
  }
}

guarded(load)();
