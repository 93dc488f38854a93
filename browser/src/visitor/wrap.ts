/**
 * Wraps one setter, getter or call of a page's window, and puts it back.
 *
 * Owns the way of doing so: the page's own call gives what it gives without us, whatever becomes of ours. Who wraps what stands
 * in `patches.ts`.
 */

import { guarded } from "../guard/guard.js";
import { apply } from "../guard/own.js";

type Call = (this: object, ...words: unknown[]) => unknown;

/** Runs `then` with the object, what came of it and what it was given, after each use; gives the way back. */
export function wrapAfter(
  owner: object | undefined,
  name: string,
  side: "get" | "set" | "value",
  then: (target: object, result: unknown, word: unknown) => void,
): () => void {
  const own = owner && Object.getOwnPropertyDescriptor(owner, name);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its object
  const inner = own?.[side] as Call | undefined;
  if (!own || !inner) return () => undefined;
  let hasEnded = false;
  const told = guarded(then);
  const ours: Call = function (...words) {
    const result: unknown = apply(inner, this, words);
    if (!hasEnded) told(this, result, words[0]);
    return result;
  };
  try {
    Object.defineProperty(owner, name, { ...own, [side]: ours });
  } catch {
    // A page that lets nothing be wrapped is told of by what else there is.
  }
  return () => {
    // What the page has put above ours stays, and ours does nothing any more.
    if (Object.getOwnPropertyDescriptor(owner, name)?.[side] === ours)
      Object.defineProperty(owner, name, own);
    hasEnded = true;
  };
}
