/**
 * Wraps one setter, getter or call of a page's window, and puts it back.
 *
 * Owns nothing but the way of doing so. Who wraps what stands in `patches.ts`.
 */

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
  let hasEnded = !inner;
  const ours: Call = function (...words) {
    const result = inner?.apply(this, words);
    if (!hasEnded) then(this, result, words[0]);
    return result;
  };
  if (owner && inner) Object.defineProperty(owner, name, { ...own, [side]: ours });
  return () => {
    // What the page has put above ours stays, and ours does nothing any more.
    if (owner && own && inner && Object.getOwnPropertyDescriptor(owner, name)?.[side] === ours)
      Object.defineProperty(owner, name, own);
    hasEnded = true;
  };
}
