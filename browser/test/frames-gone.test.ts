/** Frames that are gone, or told anew, before their content has come. */
import { record } from "@rrweb/record";
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { afterEach, expect, it } from "vitest";

import { Recording } from "./recording.js";

let recording: Recording | null = null;

afterEach(() => {
  recording?.end();
  document.body.innerHTML = "";
});

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** The nodes to which contents of frames are told to belong. */
const owners = (sent: readonly eventWithTime[]): number[] =>
  sent.flatMap((event) =>
    event.type === EventType.IncrementalSnapshot &&
    event.data.source === IncrementalSource.Mutation &&
    event.data.isAttachIframe
      ? event.data.adds.map(({ parentId }) => parentId)
      : [],
  );

it("tells the content of a frame that is there", async () => {
  recording = new Recording({ masks: [], mask_default: "inputs" });
  const frame = document.body.appendChild(document.createElement("iframe"));
  await soon();
  expect(owners(recording.sent)).toEqual([record.mirror.getId(frame)]);
});

it("tells no content of a frame that has gone before it came, whatever was read anew meanwhile", async () => {
  recording = new Recording({ masks: [], mask_default: "inputs" });
  const frame = document.body.appendChild(document.createElement("iframe"));
  await Promise.resolve();
  frame.remove();
  record.takeFullSnapshot();
  await soon();
  expect(owners(recording.sent)).toEqual([]);
});
