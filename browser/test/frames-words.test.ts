/**
 * Frames of other origins: the words on their ports, the ids of their own, and how a snapshot is cut. Who may join stands in
 * `frames.test.ts`.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";
import { describe, expect, it, vi } from "vitest";

import { Budget } from "../src/frames/budget.js";
import { readAnswer } from "../src/frames/child.js";
import { MESSAGE_CHARS_MAX, PIECE_CHARS_SOFT } from "../src/frames/limits.js";
import { readCode, readFromFrame, readHello, readToFrame } from "../src/frames/messages.js";
import { cutTree } from "../src/frames/pieces.js";
import { Shift, StrangeId } from "../src/frames/shift.js";
import { PortWriter } from "../src/frames/writer.js";
import { SPACE_IDS, spaceOf, SPACES_MAX } from "../src/protocol/spaces.js";
import type { MaskedFacts } from "../src/visitor/epoch.js";
import type { Masked } from "../src/visitor/mask.js";

const PAY = "https://pay.example";
const SHOP = "https://shop.example";
const CODE = "A".repeat(43);
const SETTINGS = { masks: ["#card"], mask_default: "passwords" };

const GOOD_RESOURCE = `"hash":"${"0".repeat(64)}","data":"data:image/png;base64,AA=="`;

const page = (id = 1): serializedNodeWithId => ({
  type: NodeType.Document,
  id,
  childNodes: [{ type: NodeType.Element, id: id + 1, tagName: "html", attributes: {}, childNodes: [] }],
});

describe("what a frame's recorder writes to", () => {
  const keyframe = (title: string): Masked<eventWithTime>[] =>
    [
      { type: EventType.Meta, data: { href: `${PAY}/form?token=1`, width: 1, height: 1 }, timestamp: 0 },
      {
        type: EventType.Custom,
        data: { tag: "resource", payload: { hash: "00", data: "data:" } },
        timestamp: 0,
      },
      {
        type: EventType.FullSnapshot,
        data: {
          node: {
            type: NodeType.Document,
            id: 1,
            childNodes: [
              {
                type: NodeType.Element,
                id: 2,
                tagName: "html",
                attributes: {},
                childNodes: [
                  { type: NodeType.Element, id: 3, tagName: "body", attributes: { title }, childNodes: [] },
                ],
              },
            ],
          },
          initialOffset: { left: 0, top: 5 },
        },
        timestamp: 0,
      },
    ] as unknown as Masked<eventWithTime>[];
  const facts = { url: "", title: "", width: 1, height: 1, visible: true } as unknown as MaskedFacts;

  it("tells a snapshot in parts, resources before what may name them, and nothing of its address and window", async () => {
    const said: string[] = [];
    const writer = new PortWriter((message) => said.push(message));
    writer.gen = 4;
    writer.pointer(keyframe("")[0] as Masked<eventWithTime>);
    let how = "";
    writer.beginInSlices(facts, keyframe("x"), true, (sent) => (how = sent));
    expect([writer.isOpen, writer.isOpening]).toEqual([false, true]);
    await vi.waitFor(() => expect(how).toBe("sent"));
    expect([writer.isOpen, writer.isOpening]).toEqual([true, false]);
    writer.facts({ ...facts, proof: "0123456789abcdef" });
    writer.facts(facts);
    const size = { source: IncrementalSource.ViewportResize, width: 1, height: 1 };
    writer.diff([{ type: EventType.IncrementalSnapshot, data: size, timestamp: 1 } as Masked<eventWithTime>]);
    const messages = said.map((one) =>
      readFromFrame(one.replace('"hash":"00","data":"data:"', GOOD_RESOURCE)),
    );
    expect(messages.map((one) => one?.kind)).toEqual(["purge", "page", "diff", "proof"]);
    expect(messages[1]).toMatchObject({ gen: 4, left: 0, top: 5 });
    expect(said[1]).not.toContain("body");
    expect(said[2]?.indexOf("resource")).toBeLessThan(said[2]?.indexOf("body") ?? 0);
    expect(said.join()).not.toContain("token");
    expect(writer.bufferedChars).toBe(said.join("").length);
    writer.taken(said.length);
    expect(writer.bufferedChars).toBe(0);
  });

  it("stops a snapshot that another takes the place of, and tells no page whose part is too long", async () => {
    const said: string[] = [];
    const writer = new PortWriter((message) => said.push(message));
    const how: string[] = [];
    writer.beginInSlices(facts, keyframe("first"), false, () => how.push("first"));
    writer.beginInSlices(facts, keyframe("second"), false, (sent) => how.push(sent));
    await vi.waitFor(() => expect(how).toEqual(["sent"]));
    expect(said.join()).not.toContain("first");
    writer.beginInSlices(facts, keyframe("x".repeat(MESSAGE_CHARS_MAX)), false, (sent) => how.push(sent));
    await vi.waitFor(() => expect(how).toEqual(["sent", "too_large"]));
    expect(writer.isOpen).toBe(false);
  });
});

describe("words and ids", () => {
  it("reads exactly the words of the handshake", () => {
    for (const bad of [null, "here", {}, { glance_frame: "hello" }, { glance_frame: ["here"] }])
      expect(readHello(bad)).toBeNull();
    expect(readHello({ glance_frame: "here" })).toBe("here");
    for (const bad of [null, { glance_frame: "port" }, { glance_frame: "port", code: 7 }, { code: CODE }])
      expect(readCode(bad)).toBeNull();
    expect(readToFrame(JSON.stringify({ kind: "ask", gen: -1 }))).toBeNull();
    expect(readToFrame({ kind: "ask", gen: 1 })).toBeNull();
    expect(readFromFrame(JSON.stringify({ kind: "proof", gen: 1, hash: "short" }))).toBeNull();
    for (const boxes of [7, [[1, 2]], [[1, 2, 3, 4, "5"]], Array(17).fill([1, 0, 0, 1, 1])])
      expect(readFromFrame(JSON.stringify({ kind: "boxes", boxes }))).toBeNull();
    expect(readToFrame(JSON.stringify({ kind: "mark", ids: Array(17).fill(1) }))).toBeNull();
  });

  it("refuses a group or a page that the answer does not name", () => {
    const good = { group: "demo", parent: SHOP, settings: SETTINGS };
    expect(readAnswer(good, SHOP, ["demo"])?.masks).toEqual(["#card"]);
    for (const bad of [
      null,
      [],
      { ...good, group: 7 },
      { ...good, parent: null },
      { ...good, settings: null },
    ])
      expect(readAnswer(bad, SHOP, ["demo"])).toBeNull();
  });

  it("keeps every space's ids apart and on the wire", () => {
    const last = new Shift(SPACES_MAX, 1);
    expect(last.id(SPACE_IDS - 1)).toBeLessThanOrEqual(0x7fffffff);
    expect(spaceOf(last.id(1))).toBe(SPACES_MAX);
    expect([last.id(-1), last.id(-2)]).toEqual([-1, -2]);
    expect(() => last.id(SPACE_IDS)).toThrow(StrangeId);
    const tree = last.tree(page());
    expect(tree.rootId).toBeUndefined();
    expect("childNodes" in tree && tree.childNodes[0]?.rootId).toBe(tree.id);
  });

  it("cuts a large tree so that each part stands behind what it stands in, and nothing is lost", () => {
    let id = 10;
    const deep = (level: number): serializedNodeWithId => ({
      type: NodeType.Element,
      id: (id += 1),
      tagName: "div",
      attributes: { title: "x".repeat(200) },
      childNodes: level === 0 ? [] : Array.from({ length: 5 }, () => deep(level - 1)),
    });
    const whole = { ...page(), childNodes: [deep(4)] } as serializedNodeWithId;
    const idsOf = (node: serializedNodeWithId): number[] => [
      node.id,
      ...("childNodes" in node ? node.childNodes.flatMap(idsOf) : []),
    ];
    const { root, later } = cutTree(whole, 8_000);
    expect(later.length).toBeGreaterThan(5);
    const known = new Set(idsOf(root));
    for (const { parentId, node } of later) {
      expect(known.has(parentId)).toBe(true);
      idsOf(node).forEach((one) => known.add(one));
      expect(JSON.stringify(node).length).toBeLessThan(16_000);
    }
    expect(known.size).toBe(idsOf(whole).length);
    expect(cutTree(whole, 2 ** 30).later).toEqual([]);
    expect(PIECE_CHARS_SOFT).toBeLessThan(MESSAGE_CHARS_MAX);
  });

  it("lets a budget fill with time", () => {
    const budget = new Budget(10, 5, 0);
    expect([budget.take(10, 0), budget.take(1, 0), budget.take(5, 1_000), budget.take(1, 1_000)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
