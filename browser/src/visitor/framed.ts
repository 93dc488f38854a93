/**
 * A page that stands in one of another origin: it has no session of its own, and may join the one around it.
 *
 * Owns what such a page is, which pages around it the tag allows (`data-framed`), and what the part that joins
 * (`frames/child.ts`) is given.
 */

import type { Tag } from "../loader/tag.js";
import { loadMirror, type MirrorModules } from "./parts.js";
import { Recorder } from "./recorder.js";
import { MaskMemory } from "./rules.js";

export type Framed = InstanceType<MirrorModules["frames"]["Framed"]>;

/**
 * Whether this page stands, at any level, in one of another origin that its tag does not allow: there a visitor may be made to
 * press what they do not see. Only the browser's own word says who stands around; one that does not say it allows nobody.
 */
export function isFramed(allowed: string): boolean {
  const { parent, top, location } = window;
  try {
    if (top === window || (top?.document && parent.document)) return false;
  } catch {
    // Another origin's.
  }
  const known = [location.origin, ...allowed.split(/[\s,]+/)].filter((origin) =>
    origin.startsWith("https://"),
  );
  const around = (location as Partial<Location>).ancestorOrigins;
  return !around || ![...around].every((origin) => known.includes(origin));
}

/** Whether a session may go on in this page: it stands in none of its own origin, which would have the session. */
export function isOutermost(allowed: string): boolean {
  const { parent, top } = window;
  if (top === window) return true;
  try {
    if (parent.document) return false;
  } catch {
    // Another origin's.
  }
  return !isFramed(allowed);
}

/** Loads the part; `null` where it does not load: then nothing of this page is shown. */
export async function beFramed(tag: Tag, readTag: () => Tag): Promise<Framed | null> {
  const completing = loadMirror(tag, "mirror");
  const frames = await loadMirror(tag, "frames");
  const mirror = await completing;
  const memory = new MaskMemory();
  return (
    frames &&
    new frames.Framed({
      page: window,
      readTag,
      record: (settings, host) => new Recorder(window, settings, memory, host, mirror),
      part: (name) => loadMirror(tag, name),
    })
  );
}
