/**
 * How one script takes another: beside itself, and by its hash where the page took the loader by one.
 *
 * Owns the taking. A browser checks no hash of an `import()`, so a pinned module comes by a script tag first; the import
 * then finds it in the page's module map and asks nobody again.
 */

import { guarded } from "../guard/guard.js";
import type { Tag } from "./tag.js";

/** Hashes of the scripts that this one may take, by name; put in by the build. */
export const HASHES: Readonly<Record<string, string>> =
  typeof COBROWSE_HASHES === "object" ? COBROWSE_HASHES : {};

/** A script tag, not yet in the page. Throws where there is no hash for a page that wants one, or the page refuses the address. */
export function scriptTag(tag: Scripts, name: string, hashes = HASHES): HTMLScriptElement {
  const script = document.createElement("script");
  if (tag.isPinned) {
    const hash = hashes[name];
    // An empty `integrity` would take anything.
    if (!hash) throw new Error(name);
    script.integrity = hash;
    script.crossOrigin = "anonymous";
  }
  // Whatever the page's policy is, its address is not the web tier's business.
  script.referrerPolicy = "no-referrer";
  script.src = tag.trust(tag.scripts + name);
  return script;
}

/** Takes a module. Rejected when it is not there, or is not the one of this release. */
export async function loadModule(tag: Scripts, name: string, hashes = HASHES): Promise<unknown> {
  const url = tag.scripts + name;
  if (!tag.isPinned) return import(/* @vite-ignore */ url);
  return new Promise((resolve, reject) => {
    const script = scriptTag(tag, name, hashes);
    script.type = "module";
    script.onload = guarded(() => {
      resolve(import(/* @vite-ignore */ url));
    });
    script.onerror = reject;
    document.head.append(script);
    script.remove();
  });
}

type Scripts = Pick<Tag, "scripts" | "isPinned" | "trust">;

declare const COBROWSE_HASHES: Readonly<Record<string, string>> | undefined;
