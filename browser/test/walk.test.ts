/**
 * A snapshot that rests between two tasks, held against the page at its end: whatever changes meanwhile, what was read and what
 * was told of changes make the page as it is. rrweb's own recorder tells.
 *
 * A failure names its seed; `SEED=n npx vitest run test/walk.test.ts` runs that one alone.
 */

import { record } from "@rrweb/record";
import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";
import { afterEach, expect, it } from "vitest";

import type { Walk } from "../src/visitor/walk.js";

const SEEDS = Number(process.env.SEEDS ?? 40);

/** Nodes in a task. */
const REST_AFTER = 7;

/** A picture of the page, changed as a viewer's is; a name for each element and the text for each text. */
class Picture {
  private readonly nodes = new Map<number, { name: string; parent: number; children: number[] }>();

  constructor(private readonly root: serializedNodeWithId) {
    this.add(root, 0);
  }

  private add(node: serializedNodeWithId, parent: number): void {
    if (this.nodes.has(node.id)) throw new Error(`${String(node.id)} is there already`);
    const name = node.type === NodeType.Text ? node.textContent : "tagName" in node ? node.tagName : "#";
    const children = "childNodes" in node ? node.childNodes : [];
    this.nodes.set(node.id, { name, parent, children: children.map(({ id }) => id) });
    for (const child of children) this.add(child, node.id);
  }

  private forget(id: number): void {
    for (const child of this.nodes.get(id)?.children ?? []) this.forget(child);
    this.nodes.delete(id);
  }

  apply(event: eventWithTime): void {
    if (event.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.Mutation)
      return;
    for (const { id, parentId } of event.data.removes) {
      const children = this.nodes.get(parentId)?.children;
      const at = children?.indexOf(id) ?? -1;
      if (!children || at < 0) throw new Error(`${String(id)} does not stand in ${String(parentId)}`);
      children.splice(at, 1);
      this.forget(id);
    }
    const left = [...event.data.adds];
    for (let rounds = left.length ** 2 + 1; left.length > 0; rounds -= 1) {
      const add = left.shift();
      if (!add) break;
      if (rounds < 0) throw new Error("a place that is not there");
      const children = this.nodes.get(add.parentId)?.children;
      const at = add.nextId === null ? (children?.length ?? 0) : (children?.indexOf(add.nextId) ?? -1);
      if (!children || at < 0) {
        left.push(add);
        continue;
      }
      children.splice(at, 0, add.node.id);
      this.add(add.node, add.parentId);
    }
    for (const { id, value } of event.data.texts) {
      const node = this.nodes.get(id);
      if (node) node.name = value ?? "";
    }
  }

  toString(id = this.root.id): string {
    const node = this.nodes.get(id);
    return `${node?.name ?? "?"}(${(node?.children ?? []).map((child) => this.toString(child)).join(",")})`;
  }
}

function stateOf(node: Node): string {
  const name = node.nodeType === Node.TEXT_NODE ? (node.nodeValue ?? "") : node.nodeName.toLowerCase();
  const inside = [...node.childNodes].map(stateOf);
  const isPlain = node.nodeType === Node.DOCUMENT_NODE || node.nodeType === Node.DOCUMENT_TYPE_NODE;
  return `${isPlain ? "#" : name}(${inside.join(",")})`;
}

class Chance {
  constructor(private state: number) {}
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
}

function grow(chance: Chance, depth: number): Element {
  const element = document.createElement(["p", "b", "i", "u"][chance.below(4)] as string);
  for (let left = chance.below(5); left > 0; left -= 1) {
    if (depth > 0 && chance.below(3) > 0) element.append(grow(chance, depth - 1));
    else element.append(`t${String(chance.below(1_000))}`);
  }
  return element;
}

/** Adds, takes away, moves, or puts back at once. */
function change(chance: Chance): void {
  const all = [...document.body.querySelectorAll("*")];
  const one = all[chance.below(all.length)];
  const other = all[chance.below(all.length)] ?? document.body;
  const place = other.childNodes[chance.below(other.childNodes.length + 1)] ?? null;
  switch (chance.below(4)) {
    case 0:
      other.insertBefore(grow(chance, 1), place);
      break;
    case 1:
      one?.remove();
      break;
    case 2:
      if (one && !one.contains(other) && place !== one) other.insertBefore(one, place);
      break;
    default: {
      const text = one?.firstChild;
      if (text?.nodeType === Node.TEXT_NODE) text.nodeValue = `n${String(chance.below(1_000))}`;
    }
  }
}

let stop: (() => void) | undefined;

afterEach(() => {
  stop?.();
  stop = undefined;
});

/** Reads a page that changes at every rest; how often that had to begin anew. */
async function reading(seed: number): Promise<number> {
  const chance = new Chance(seed);
  document.body.replaceChildren(...Array.from({ length: 6 }, () => grow(chance, 3)));
  let walk = null as Walk | null;
  let later: eventWithTime[] = [];
  let isDisturbed = false;
  stop = record({
    emit: (event) => {
      if (event.type === EventType.FullSnapshot) {
        walk = event.data.node as unknown as Walk;
        later = [];
        isDisturbed = false;
      } else if (event.type === EventType.IncrementalSnapshot) {
        isDisturbed ||= walk?.isShaken(event) ?? false;
        later.push(event);
      }
    },
    maskTextFn: (text: string) => text,
    maskInputFn: (text: string) => text,
  });
  for (let again = 0; again < 40; again += 1) {
    let root: serializedNodeWithId | null = null;
    for (let came = "more"; came === "more" && !isDisturbed;) {
      let left = again < 30 ? REST_AFTER : Number.POSITIVE_INFINITY;
      came = (walk as Walk).go(
        (node, into) => {
          root ??= node;
          into.push(node);
          return "childNodes" in node ? node.childNodes : null;
        },
        () => (left -= 1) < 0,
      );
      if (came === "again") isDisturbed = true;
      if (came !== "more") break;
      if (chance.below(2) === 0) change(chance);
      // Observers run when the task is over.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (isDisturbed || !root) {
      record.takeFullSnapshot();
      continue;
    }
    const picture = new Picture(root);
    for (let left = 4; left > 0; left -= 1) {
      change(chance);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    try {
      for (const event of later) picture.apply(event);
    } catch (error) {
      throw new Error(`seed ${String(seed)}`, { cause: error });
    }
    expect(String(picture), `seed ${String(seed)}`).toBe(stateOf(document));
    return again;
  }
  throw new Error(`seed ${String(seed)}: never read`);
}

it("is the page at its end, whatever changes while it rests", { timeout: 20_000 + SEEDS * 500 }, async () => {
  const only = process.env.SEED;
  let disturbed = 0;
  for (const seed of only ? [Number(only)] : Array.from({ length: SEEDS }, (_, at) => at + 1)) {
    disturbed += await reading(seed);
    stop?.();
  }
  if (!only) expect(disturbed).toBeGreaterThan(0);
});

it("tells a sheet that loads before the walk has come to it, once and in its place", () => {
  document.body.replaceChildren();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet" });
  document.body.append(link);
  const events: eventWithTime[] = [];
  stop = record({
    emit: (event) => events.push(event),
    maskTextFn: (text: string) => text,
    maskInputFn: (text: string) => text,
  });
  const told = (isBetween: boolean): number[] => {
    record.takeFullSnapshot();
    const full = events.filter(({ type }) => type === EventType.FullSnapshot).at(-1);
    const ids: number[] = [];
    if (isBetween) link.dispatchEvent(new Event("load"));
    (full?.data as { node: Walk }).node.go(
      (node, into) => {
        into.push(node);
        ids.push(node.id);
        return "childNodes" in node ? node.childNodes : null;
      },
      () => false,
    );
    return ids;
  };
  const ids = told(false);
  expect(ids).toContain(record.mirror.getId(link));
  expect(told(true)).toEqual(ids);
});
