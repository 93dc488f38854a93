/**
 * What no mutation of the page has, told as one: the event in which it travels.
 *
 * Owns its shape. It passes the choke point like every other.
 */

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

/** The event that an element's attributes are others now. */
export function told(id: number, attributes: Readonly<Record<string, unknown>>): eventWithTime {
  return {
    type: EventType.IncrementalSnapshot,
    data: {
      source: IncrementalSource.Mutation,
      texts: [],
      attributes: [{ id, attributes: attributes as Record<string, string> }],
      removes: [],
      adds: [],
    },
    timestamp: Date.now(),
  };
}
