/**
 * Animations that scripts of the visitor's page have made, brought about in the mirrored page.
 *
 * Owns those of each element. They change no attribute, so the proof of the picture holds. What was told has passed
 * `allowed.ts`; what the browser refuses all the same is left out and marked, as what could not be told.
 */

import type { ToldAnimation, ToldFrame } from "../protocol/animations.js";

/** Shows the animations of an element in place of those that it had; `true`: some cannot be told. */
export function showAnimations(element: Element, told: readonly ToldAnimation[] | true | null): void {
  for (const before of shown.get(element) ?? []) before.cancel();
  shown.delete(element);
  unshown.delete(element);
  if (told === true) {
    unshown.add(element);
    return;
  }
  const now: Animation[] = [];
  if (told) said.set(element, { told, atMs: performance.now() });
  else said.delete(element);
  shown.set(element, now);
  for (const one of told ?? []) {
    try {
      now.push(show(element, one));
    } catch {
      unshown.add(element);
    }
  }
}

/** What was told of an element's animations, as far as they have come by now. */
export function toldAnimations(element: Element): readonly ToldAnimation[] | null {
  const { told, atMs } = said.get(element) ?? { told: null, atMs: 0 };
  const gone = performance.now() - atMs;
  return told?.map((one) => (one.held ? one : { ...one, at: one.at + gone * one.rate })) ?? null;
}

/** Whether an element moves in a way that is not shown. */
export function isUnshown(element: Element): boolean {
  return unshown.has(element);
}

function show(element: Element, { frames, timing, at, rate, held, pseudo }: ToldAnimation): Animation {
  const animation = element.animate(frames.map(keyframe), {
    ...timing,
    duration: timing.duration ?? Infinity,
    iterations: timing.iterations ?? Infinity,
    ...(pseudo === null ? {} : { pseudoElement: pseudo }),
  });
  animation.playbackRate = rate;
  if (held) animation.pause();
  animation.currentTime = at;
  return animation;
}

function keyframe({ offset, easing, composite, style }: ToldFrame): Keyframe {
  const named = Object.entries(style).map(([name, value]) => [scriptName(name), value] as const);
  return { ...Object.fromEntries(named), offset, easing, composite };
}

/** A property's name as scripts write it. */
function scriptName(name: string): string {
  if (name.startsWith("--")) return name;
  if (name === "float" || name === "offset") return name === "float" ? "cssFloat" : "cssOffset";
  return name
    .replace(/^-(?=webkit|moz)/, "")
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const shown = new WeakMap<Element, Animation[]>();
const said = new WeakMap<Element, { readonly told: readonly ToldAnimation[]; readonly atMs: number }>();
const unshown = new WeakSet<Element>();
