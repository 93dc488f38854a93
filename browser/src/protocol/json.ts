/**
 * JSON as the browser writes it, also in a page that has given lists or objects a `toJSON`, as old libraries do: lists would leave as
 * texts, which neither the mask nor an agent reads.
 *
 * Owns that: it is taken away while something of ours is written, and nothing of the page runs meanwhile.
 */

/** The same as `JSON.stringify`. Throws where a page's `toJSON` cannot be taken away. */
export function jsonOf(value: unknown): string {
  if (!("toJSON" in Array.prototype)) return JSON.stringify(value);
  const put = [Array.prototype, Object.prototype].map((owner) => take(owner));
  try {
    return JSON.stringify(value);
  } finally {
    put.forEach((back) => {
      back();
    });
  }
}

/** Takes a prototype's `toJSON` away; gives the way to put it back. */
function take(owner: object): () => void {
  const given = Object.getOwnPropertyDescriptor(owner, "toJSON");
  if (!given) return () => undefined;
  if (!Reflect.deleteProperty(owner, "toJSON")) throw new TypeError("a toJSON that is fixed");
  return () => Object.defineProperty(owner, "toJSON", given);
}
