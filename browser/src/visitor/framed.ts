/**
 * A page that stands in one of another origin: it has no session of its own, and may join the one around it.
 *
 * Owns what such a page is, and what the part that joins (`frames/child.ts`) is given.
 */

import type { Tag } from "../loader/tag.js";
import { loadMirror, type MirrorModules } from "./parts.js";
import { Recorder } from "./recorder.js";
import { MaskMemory } from "./rules.js";

export type Framed = InstanceType<MirrorModules["frames"]["Framed"]>;

/** Whether this page stands, at any level, in one of another origin. */
export function isFramed(): boolean {
  const { parent, top } = window;
  try {
    return top !== window && !(top?.document && parent.document);
  } catch {
    return true;
  }
}

/** Loads the part; `null` where it does not load: then nothing of this page is shown. */
export async function beFramed(tag: Tag, readTag: () => Tag): Promise<Framed | null> {
  const frames = await loadMirror(tag, "frames");
  const memory = new MaskMemory();
  return (
    frames &&
    new frames.Framed({
      page: window,
      readTag,
      record: (settings, host) => new Recorder(window, settings, memory, host),
      part: (name) => loadMirror(tag, name),
    })
  );
}
