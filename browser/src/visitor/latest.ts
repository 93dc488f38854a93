/**
 * What an agent may mean by a node id where `mirror.js` did not load, and nobody knows what has changed since when.
 *
 * Owns that one answer: whoever has seen the last frame means what is there, and whoever has not is told to look again.
 */

/** A frame's position. */
interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

/** The node, where the agent had seen all that was sent. `now`: the last frame, `null` while nothing may be sent. */
export function findLatest(node: Node | null, seen: Position, now: Position | null): Node | "stale" | "gone" {
  if (now?.epoch !== seen.epoch || now.sequence !== seen.sequence) return "stale";
  return node?.isConnected ? node : "gone";
}
