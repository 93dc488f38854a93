/** What an agent means by a node: the one that it saw, and none that has become another since. */

import { IncrementalSource, EventType, type eventWithTime } from "@rrweb/types";
import { expect, it } from "vitest";

import { Targets } from "../src/mirror/meant.js";
import { findLatest } from "../src/visitor/latest.js";

const changed = (id: number): eventWithTime => ({
  type: EventType.IncrementalSnapshot,
  data: {
    source: IncrementalSource.Mutation,
    texts: [{ id, value: "b" }],
    attributes: [],
    adds: [],
    removes: [],
  },
  timestamp: 0,
});

it("is stale once it has changed, and what came before anybody listened is unknown", () => {
  const node = document.body.appendChild(document.createElement("button"));
  const now = { epoch: 1, sequence: 5 };
  const targets = new Targets({ nodeOf: () => node, position: () => now });
  expect(targets.find(1, { epoch: 1, sequence: 4 }, true)).toBe("stale");
  expect(targets.find(1, { epoch: 1, sequence: 5 }, true)).toBe(node);
  now.sequence = 6;
  targets.sent([changed(1)], 6);
  expect(targets.find(1, { epoch: 1, sequence: 5 }, true)).toBe("stale");
  expect(targets.find(1, { epoch: 1, sequence: 6 }, true)).toBe(node);
  targets.begin();
  now.epoch = 2;
  now.sequence = 1;
  expect(targets.find(1, { epoch: 2, sequence: 0 }, true)).toBe(node);
  expect(targets.find(1, { epoch: 1, sequence: 6 }, true)).toBe("stale");
});

it("is what is there, where nobody knows what has changed, for whoever has seen the last frame", () => {
  const node = document.body.appendChild(document.createElement("button"));
  const now = { epoch: 2, sequence: 5 };
  expect(findLatest(node, { epoch: 2, sequence: 5 }, now)).toBe(node);
  expect(findLatest(node, { epoch: 2, sequence: 4 }, now)).toBe("stale");
  expect(findLatest(node, { epoch: 1, sequence: 5 }, now)).toBe("stale");
  expect(findLatest(node, { epoch: 2, sequence: 5 }, null)).toBe("stale");
  node.remove();
  expect(findLatest(node, { epoch: 2, sequence: 5 }, now)).toBe("gone");
  expect(findLatest(null, { epoch: 2, sequence: 5 }, now)).toBe("gone");
});
