/**
 * The visitor's script takes the loader's place: what waited there is done now, and buttons, keys and messages are ours.
 *
 * Owns that hand-over. The API and the session behind it are `visitor.ts`'s.
 */

import { callOfClick, callOfKey, isCallMessage } from "../loader/calls.js";
import { publish, type LoaderQueue, type PageCall } from "../loader/global.js";
import type { Tag } from "../loader/tag.js";
import { LOG_PREFIX } from "./names.js";
import { Visitor } from "./visitor.js";

function load(): void {
  const current = window.GLANCE?.Cobrowse?.Visitor;
  if (current instanceof Visitor) return;
  if (!current) {
    console.error(LOG_PREFIX, "this script is taken by loader.js: put that one's tag into the page.");
    return;
  }
  const stub = current as LoaderQueue;
  let tag: Tag;
  try {
    tag = stub.readTag();
  } catch (error) {
    const fault = error instanceof Error ? error : new Error(String(error));
    console.error(LOG_PREFIX, fault.message);
    for (const { settle } of stub.queue.splice(0)) settle(Promise.reject(fault));
    return;
  }
  const visitor = new Visitor(tag, stub.readTag);
  publish(window, visitor);
  const call = (name: PageCall | null): void => {
    if (name) void visitor[name]();
  };
  document.addEventListener("click", (event) => {
    call(callOfClick(event));
  });
  document.addEventListener("keydown", (event) => {
    call(callOfKey(event, tag.keys));
  });
  window.addEventListener("message", ({ origin, data }) => {
    if (isCallMessage(data)) visitor.receive(origin, data);
  });
  const calls = stub.queue.splice(0);
  const replay = (isListener: boolean): void => {
    for (const { method, args, settle } of calls) {
      if (method.endsWith("EventListener") !== isListener) continue;
      settle((visitor[method] as (...args: unknown[]) => unknown).apply(visitor, [...args]));
    }
  };
  replay(true);
  void visitor.takeUp().then(() => {
    replay(false);
  });
}

load();
