/**
 * Tells the animations that scripts have made (`element.animate()`), which stand in no attribute and no style sheet: also
 * those that are over and hold what they came to. PROTOCOL.md section 4.
 *
 * Owns finding them: the page is asked a few times in a second, tree by tree, and nothing of it is wrapped. What is told
 * passes the choke point as an attribute: of a masked element nothing but layout.
 */

import { guarded } from "../guard/guard.js";
import type { eventWithTime } from "@rrweb/types";

import { ANIMATION_FRAMES_MAX, ANIMATIONS_MAX, type ToldAnimation } from "../protocol/animations.js";
import { ANIMATIONS_LOOK_MS, ANIMATIONS_ROOTS_MAX } from "../visitor/limits.js";
import { told } from "../visitor/told.js";
import type { Known } from "./living.js";

type Root = Document | ShadowRoot;

/** What was found on one element. `mark` changes when it has to be told again: by running on it does not. */
interface Found {
  /** `true`: there is something that cannot be told. */
  readonly told: ToldAnimation[] | true;
  readonly mark: string;
}

/** Looks through the trees that are recorded until `isOver`: as long as one epoch lasts. */
export function tellAnimations(
  roots: () => Iterable<Root>,
  known: Pick<Known, "getId">,
  isOver: () => boolean,
  emit: (event: eventWithTime) => void,
): void {
  const marks = new Map<Root, Map<Element, string>>();
  let turn: Root[] = [];

  const send = (element: Element, animations: Found["told"] | null): boolean => {
    const id = known.getId(element);
    if (id < 1 || !element.isConnected) return false;
    emit(told(id, { rr_animations: animations }));
    return true;
  };
  const lookAt = (root: Root): void => {
    const before = marks.get(root);
    const now = new Map<Element, string>();
    for (const [element, animations] of animationsOf(root)) {
      const { told, mark } = describe(element, animations);
      if (before?.get(element) === mark || send(element, told)) now.set(element, mark);
    }
    for (const element of before?.keys() ?? []) if (!now.has(element)) send(element, null);
    if (now.size > 0) marks.set(root, now);
    else marks.delete(root);
  };
  const look = (): void => {
    if (isOver()) {
      clearInterval(timer);
      return;
    }
    if (turn.length === 0) {
      turn = [...roots()];
      const there = new Set(turn);
      for (const root of marks.keys()) if (!there.has(root)) marks.delete(root);
    }
    for (const root of turn.splice(0, ANIMATIONS_ROOTS_MAX)) lookAt(root);
  };
  const timer = setInterval(guarded(look), ANIMATIONS_LOOK_MS);
  look();
}

/** Those of scripts, by their elements: what style sheets move moves by itself in the agent's browser. */
function animationsOf(root: Root): Map<Element, Animation[]> {
  const found = new Map<Element, Animation[]>();
  for (const animation of root.getAnimations?.() ?? []) {
    if ("animationName" in animation || "transitionProperty" in animation) continue;
    const target = (animation.effect as KeyframeEffect | null)?.target;
    if (target) found.set(target, [...(found.get(target) ?? []), animation]);
  }
  return found;
}

function describe(element: Element, animations: readonly Animation[]): Found {
  const told = animations.map((one) => (one.timeline === element.ownerDocument.timeline ? tell(one) : null));
  if (animations.length > ANIMATIONS_MAX || !told.every((one) => one !== null))
    return { told: true, mark: "untold" };
  const marked = told.map((one, at) => (one.held ? one : { ...one, at: animations[at]?.startTime }));
  return { told, mark: JSON.stringify(marked) };
}

/** One animation; `null` for one that does not go by the page's time, or is too long. */
function tell(animation: Animation): ToldAnimation | null {
  const { currentTime: at, playbackRate: rate, playState } = animation;
  const effect = animation.effect as KeyframeEffect;
  const frames = effect.getKeyframes();
  if (typeof at !== "number" || frames.length > ANIMATION_FRAMES_MAX) return null;
  const { delay, endDelay, duration, iterations, iterationStart, easing, direction, fill } =
    effect.getComputedTiming();
  return {
    frames: frames.map(({ computedOffset, easing, composite, ...rest }) => ({
      offset: computedOffset,
      easing,
      composite: composite === "auto" ? effect.composite : composite,
      style: Object.fromEntries(
        Object.entries(rest)
          .filter(([name]) => name !== "offset")
          .map(([name, value]) => [cssName(name), String(value)]),
      ),
    })),
    timing: {
      delay: delay ?? 0,
      endDelay: endDelay ?? 0,
      duration: finite(duration),
      iterations: finite(iterations),
      iterationStart: iterationStart ?? 0,
      easing: easing ?? "linear",
      direction: direction ?? "normal",
      fill: fill === undefined || fill === "auto" ? "none" : fill,
    },
    at,
    rate,
    held: playState !== "running",
    pseudo: effect.pseudoElement,
  };
}

/** For ever is `null`: JSON knows no infinity. */
function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A property's name as style sheets write it. */
function cssName(name: string): string {
  if (name.startsWith("--")) return name;
  const known = name === "cssFloat" || name === "cssOffset" ? name.slice(3) : name;
  return known
    .replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? "" : "-"}${letter.toLowerCase()}`)
    .replace(/^(?:webkit|moz)-/, "-$&");
}
