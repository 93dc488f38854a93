/**
 * The visitor's script takes the loader's place: what waited there is done now, and buttons, keys and messages are ours.
 *
 * Owns that hand-over. The API and the session behind it are `visitor.ts`'s.
 */

import { guarded, launch, on, quiet, warn } from "../guard/guard.js";
import { callOfClick, callOfKey, isCallMessage, type PageCall } from "../loader/calls.js";
import { publish, type LoaderQueue } from "../loader/global.js";
import type { Tag } from "../loader/tag.js";
import { Visitor } from "./visitor.js";

function load(): void {
  const current = window.GLANCE?.Cobrowse?.Visitor;
  if (current instanceof Visitor) return;
  if (!current) {
    warn("this script is taken by loader.js: put that one's tag into the page.");
    return;
  }
  const stub = current as LoaderQueue;
  let tag: Tag;
  try {
    tag = stub.readTag();
  } catch (error) {
    const fault = error instanceof Error ? error : new Error(String(error));
    warn(fault.message);
    for (const { settle } of stub.queue.splice(0)) settle(Promise.reject(fault));
    return;
  }
  const visitor = new Visitor(tag, stub.readTag);
  publish(window, visitor);
  const call = (name: PageCall | null): void => {
    if (name) launch(async () => visitor[name](), quiet);
  };
  const onClick = guarded((event: Event) => {
    call(callOfClick(event));
  });
  const onKey = guarded((event: KeyboardEvent) => {
    call(callOfKey(event, tag.keys));
  });
  const onMessage = guarded(({ origin, data }: MessageEvent) => {
    if (isCallMessage(data)) visitor.receive(origin, data);
  });
  // A page that is written anew loses its listeners; where they are still, nothing is added.
  visitor.listen = () => {
    on(document, "click", onClick);
    on(document, "keydown", onKey);
    on(window, "message", onMessage);
  };
  visitor.listen();
  const calls = stub.queue.splice(0);
  const replay = (isListener: boolean): void => {
    for (const { method, args, settle } of calls) {
      if (method.endsWith("EventListener") !== isListener) continue;
      settle((visitor[method] as (...args: unknown[]) => unknown).apply(visitor, [...args]));
    }
  };
  replay(true);
  launch(async () => {
    try {
      await visitor.takeUp();
    } finally {
      replay(false);
    }
  });
}

load();
