/**
 * Animations that scripts have made on one element, as they travel: PROTOCOL.md section 4, `rr_animations`.
 *
 * Owns their form, its bounds and its check. Who finds them is `mirror/animations.ts`, who shows them `viewer/animations.ts`.
 */

import { isRecord } from "./payloads.js";

/** One animation. */
export interface ToldAnimation {
  readonly frames: readonly ToldFrame[];
  readonly timing: ToldTiming;
  /** How far it has come, in ms. */
  readonly at: number;
  readonly rate: number;
  /** Whether it stays there: it is finished, or paused. */
  readonly held: boolean;
  /** The pseudo-element that it moves, or `null`. */
  readonly pseudo: string | null;
}

/** One keyframe; properties by their names in CSS. */
export interface ToldFrame {
  readonly offset: number;
  readonly easing: string;
  readonly composite: CompositeOperation;
  readonly style: Readonly<Record<string, string>>;
}

/** Milliseconds and counts; `null` is for ever. */
export interface ToldTiming {
  readonly delay: number;
  readonly endDelay: number;
  readonly duration: number | null;
  readonly iterations: number | null;
  readonly iterationStart: number;
  readonly easing: string;
  readonly direction: PlaybackDirection;
  readonly fill: FillMode;
}

/** Animations of one element, and keyframes of one of them. With more the element's are not told, and marked as such. */
export const ANIMATIONS_MAX = 16;
export const ANIMATION_FRAMES_MAX = 64;

/** Properties of one keyframe. */
const PROPERTIES_MAX = 64;

/** What was told of one element, or `null` for what is none. */
export function readAnimations(value: unknown): ToldAnimation[] | null {
  if (!Array.isArray(value) || value.length > ANIMATIONS_MAX) return null;
  const read = value.map(animation);
  return read.every((one) => one !== null) ? read : null;
}

function animation(value: unknown): ToldAnimation | null {
  if (!isRecord(value) || !Array.isArray(value.frames) || value.frames.length > ANIMATION_FRAMES_MAX)
    return null;
  const { at, rate, held, pseudo } = value;
  const frames = value.frames.map(frame);
  const timing = readTiming(value.timing);
  if (!timing || !isNumber(at) || !isNumber(rate) || typeof held !== "boolean") return null;
  if (pseudo !== null && !(typeof pseudo === "string" && PSEUDO.test(pseudo))) return null;
  return frames.every((one) => one !== null) ? { frames, timing, at, rate, held, pseudo } : null;
}

function frame(value: unknown): ToldFrame | null {
  if (!isRecord(value) || !isRecord(value.style)) return null;
  const { offset, easing, composite } = value;
  const style = Object.entries(value.style);
  if (!isNumber(offset) || typeof easing !== "string" || !isOneOf(COMPOSITES, composite)) return null;
  if (style.length > PROPERTIES_MAX || style.some(([, text]) => typeof text !== "string")) return null;
  return { offset, easing, composite, style: Object.fromEntries(style) as Record<string, string> };
}

function readTiming(value: unknown): ToldTiming | null {
  if (!isRecord(value)) return null;
  const { delay, endDelay, duration, iterations, iterationStart, easing, direction, fill } = value;
  if (!isNumber(delay) || !isNumber(endDelay) || !isNumber(iterationStart)) return null;
  if ((duration !== null && !isNumber(duration)) || (iterations !== null && !isNumber(iterations)))
    return null;
  if (typeof easing !== "string" || !isOneOf(DIRECTIONS, direction) || !isOneOf(FILLS, fill)) return null;
  return { delay, endDelay, duration, iterations, iterationStart, easing, direction, fill };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isOneOf<T extends string>(list: readonly T[], value: unknown): value is T {
  return (list as readonly unknown[]).includes(value);
}

const PSEUDO = /^::[a-z-]{1,32}$/;
const COMPOSITES = ["replace", "add", "accumulate"] as const;
const DIRECTIONS = ["normal", "reverse", "alternate", "alternate-reverse"] as const;
const FILLS = ["none", "forwards", "backwards", "both"] as const;
