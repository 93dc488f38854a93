/**
 * Node ids of documents that record themselves: PROTOCOL.md section 4.
 *
 * Owns how the numbers of a frame of another origin are kept apart from the page's own: each document that joins gets a space
 * of its own, and its numbers are counted from that space's beginning. The page itself has space 0.
 */

/** Ids of one space. A page that makes a thousand nodes a second reaches it after 18 hours; a frame that does leaves. */
export const SPACE_IDS = 2 ** 26;

/** The last space whose ids are still ids on the wire. */
export const SPACES_MAX = Math.floor(0x7fffffff / SPACE_IDS);

/** The space of an id. */
export function spaceOf(id: number): number {
  return Math.floor(id / SPACE_IDS);
}

/** The number that a node has in its own document; what is no id stays as it is. */
export function ownId(id: number): number {
  return id < 1 ? id : id % SPACE_IDS;
}
