/**
 * Looking only where a change can matter, held against looking everywhere: over random pages, selectors and changes no
 * node that was sent is masked by now without a purge being asked for.
 *
 * A failure names its seed; `SEED=n npx vitest run test/watch.test.ts` runs that one alone.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";
import { afterEach, describe, expect, it, vi } from "vitest";

import type { VisitorSettings } from "../src/protocol/payloads.js";
import { rootOf } from "../src/visitor/closed.js";
import { Masker } from "../src/visitor/mask.js";
import { MaskMemory, RANK, Rules } from "../src/visitor/rules.js";
import { dependenceOf } from "../src/visitor/selectors.js";
import { MaskWatch } from "../src/visitor/watch.js";

/** More of them: `SEEDS=1000 npx vitest run test/watch.test.ts`. */
const SEEDS = Number(process.env.SEEDS ?? 60);
const STEPS = 12;

/** Tells changes as rrweb does, and nothing else: ids, serialised nodes, one event for each task. */
class Teller {
  private readonly ids = new Map<Node, number>();
  private readonly nodes: Node[] = [];
  private readonly observer = new MutationObserver((changes) => {
    this.tell(changes);
  });

  constructor(private readonly emit: (event: eventWithTime) => void) {}

  /** The whole page. */
  snapshot(): void {
    const data = { node: this.serialize(document), initialOffset: { top: 0, left: 0 } };
    this.emit({ type: EventType.Meta, data: { href: "", width: 1, height: 1 }, timestamp: 1 });
    this.emit({ type: EventType.FullSnapshot, data, timestamp: 1 });
    this.watch(document);
  }

  /** A shadow tree that was attached to a recorded element. */
  attached(host: Element): void {
    const root = host.shadowRoot;
    if (!root || !this.ids.has(host)) return;
    this.watch(root);
    this.changes([], [...root.childNodes]);
  }

  getNode(id: number): Node | null {
    return this.nodes[id - 1] ?? null;
  }

  stop(): void {
    this.observer.disconnect();
  }

  private watch(root: Node): void {
    this.observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  }

  private tell(changes: readonly MutationRecord[]): void {
    const changed = changes.filter((one) => one.type === "attributes" && this.ids.has(one.target));
    const added = new Set(changes.flatMap((one) => [...one.addedNodes]).filter((node) => node.isConnected));
    const tops = [...added].filter((node) => !node.parentNode || !added.has(node.parentNode));
    this.changes(changed, tops);
  }

  private changes(changed: readonly MutationRecord[], added: readonly Node[]): void {
    const adds = added.flatMap((node) => {
      const parent = (node.parentNode as Partial<ShadowRoot> | null)?.host ?? node.parentNode;
      const parentId = parent && this.ids.get(parent);
      return parentId ? [{ parentId, nextId: null, node: this.serialize(node) }] : [];
    });
    const attributes = changed.map(({ target, attributeName }) => {
      const name = attributeName ?? "";
      return { id: this.idOf(target), attributes: { [name]: (target as Element).getAttribute(name) } };
    });
    const data = { source: IncrementalSource.Mutation as const, texts: [], removes: [], adds, attributes };
    this.emit({ type: EventType.IncrementalSnapshot, data, timestamp: 1 });
  }

  private serialize(node: Node): serializedNodeWithId {
    const id = this.idOf(node);
    const isShadow = "host" in node.getRootNode() && node.parentNode === node.getRootNode();
    const childNodes = [...node.childNodes].map((child) => this.serialize(child));
    if (node.nodeType === Node.DOCUMENT_NODE) return { type: NodeType.Document, id, childNodes };
    if (node.nodeType === Node.TEXT_NODE) {
      return { type: NodeType.Text, id, textContent: node.nodeValue ?? "", isShadow };
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return { type: NodeType.Comment, id, textContent: "" };
    const element = node as Element;
    if (element.shadowRoot) {
      this.watch(element.shadowRoot);
      childNodes.push(...[...element.shadowRoot.childNodes].map((child) => this.serialize(child)));
    }
    const attributes = Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
    const isShadowHost = element.shadowRoot !== null;
    return {
      type: NodeType.Element,
      id,
      tagName: element.localName,
      attributes,
      childNodes,
      isShadow,
      isShadowHost,
    };
  }

  private idOf(node: Node): number {
    const id = this.ids.get(node) ?? this.nodes.push(node);
    this.ids.set(node, id);
    return id;
  }
}

/** Numbers that a seed decides (mulberry32). */
class Chance {
  constructor(private state: number) {}

  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** None of a position: jsdom counts wrongly among the children of a shadow root. */
const SELECTORS = [
  ".s1",
  "#i1",
  "[data-a]",
  "[data-a=x] b",
  "div > .s2 i",
  ".top .s1 b, u.s3",
  "section:not(.s2) > p",
  "p:is(.s1, .s3)",
  ".s1 + p",
  "i.s2 ~ p",
  "b:first-child",
  "div:has(.s3) p",
  "p:empty",
];
const TAGS = ["div", "p", "b", "i", "u", "section", "input", "span"];
const WORDS = ["s1", "s2", "s3", "top", "glance_masked", "glance_unmasked", "plain"];
const ATTRIBUTES: readonly (readonly [string, string])[] = [
  ["data-a", "x"],
  ["data-a", "y"],
  ["id", "i1"],
  ["glance_masked", ""],
  ["glance_unmasked", ""],
  ["contenteditable", "true"],
  ["autocomplete", "cc-number"],
  ["type", "password"],
  ["slot", "n"],
  ["title", "t"],
];

function elementsOf(root: ParentNode): Element[] {
  return [...root.querySelectorAll("*")].flatMap((element) => {
    const shadow = rootOf(element);
    return shadow ? [element, ...elementsOf(shadow)] : [element];
  });
}

function nodesOf(root: ParentNode): Node[] {
  return elementsOf(root).flatMap((element) => [
    element,
    ...[...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE),
  ]);
}

/** Whether a node stands in another's tree, through shadow roots. */
function isWithin(node: Node, top: Node): boolean {
  if (top.contains(node)) return true;
  const { host } = node.getRootNode() as Partial<ShadowRoot>;
  return host !== undefined && isWithin(host, top);
}

function holdsSlot(element: Element): boolean {
  return element.localName === "slot" || element.querySelector("slot") !== null;
}

function grow(chance: Chance, depth: number): Element {
  const element = document.createElement(chance.of(TAGS));
  if (chance.below(3) === 0)
    element.className = chance.of(WORDS.filter((word) => !word.startsWith("glance")));
  if (element.localName === "input") return element;
  if (chance.below(2) === 0) element.append("text");
  for (let left = depth > 0 ? chance.below(4) : 0; left > 0; left -= 1)
    element.append(grow(chance, depth - 1));
  return element;
}

function change(chance: Chance, teller: Teller): void {
  const all = elementsOf(document.body);
  const parents = all.filter((element) => element.localName !== "input");
  if (parents.length === 0) {
    document.body.append(grow(chance, 3));
    return;
  }
  const one = chance.of(all);
  const other = chance.of(parents);
  const [name, value] = chance.of(ATTRIBUTES);
  switch (chance.below(11)) {
    case 0:
    case 1:
    case 2:
      one.classList.toggle(chance.of(WORDS));
      break;
    case 3:
      one.setAttribute(name, value);
      break;
    case 4:
      one.removeAttribute(name);
      break;
    case 5:
      other.append(grow(chance, 2));
      break;
    case 6:
      one.before(grow(chance, 1));
      break;
    case 7:
      // jsdom does not come back from some removals of a slot.
      if (!holdsSlot(one)) one.remove();
      break;
    case 8:
      if (!isWithin(other, one) && !holdsSlot(one)) other.append(one);
      break;
    case 9:
      if (["div", "p", "section", "span"].includes(one.localName) && !one.shadowRoot) {
        one.attachShadow({ mode: "open" }).innerHTML = "<p>t</p><slot></slot>";
        teller.attached(one);
      } else document.documentElement.classList.toggle("top");
      break;
    default:
      // A slot that is put elsewhere takes what stands in it along.
      for (const slot of all.filter((element) => element.localName === "slot").slice(0, 1)) {
        const box = document.createElement("div");
        if (chance.below(2) === 0) box.className = "glance_masked";
        slot.replaceWith(box);
        box.append(document.createElement("slot"));
      }
  }
}

/** How many looser nodes there were without a purge, over one seed. */
async function looser(seed: number): Promise<string[]> {
  const chance = new Chance(seed);
  const settings: VisitorSettings = {
    masks: [...new Set([chance.of(SELECTORS), chance.of(SELECTORS), chance.of(SELECTORS)])],
    mask_default: chance.of(["passwords", "inputs", "text"] as const),
  };
  document.documentElement.className = "";
  document.body.replaceChildren(grow(chance, 3), grow(chance, 3), grow(chance, 3));
  const memory = new MaskMemory();
  const rules = new Rules(settings, document, memory);
  const nodes = { getNode: (id: number): Node | null => teller.getNode(id) };
  const masker = new Masker(rules, nodes, document, memory);
  const teller = new Teller((event) => {
    masker.event(event);
    // As the recorder does: what was exposed is forgotten, and the page is sent anew.
    if (event.type === EventType.FullSnapshot && masker.mustPurge) {
      masker.purged();
      masker.event(event);
    }
  });
  teller.snapshot();
  const found: string[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    for (let left = 1 + chance.below(3); left > 0; left -= 1) change(chance, teller);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const oracle = new Rules(settings, document, new MaskMemory());
    rules.refresh();
    for (const node of nodesOf(document.body)) {
      const truth = RANK[oracle.judge(node)];
      const shown = memory.shown.get(node);
      const where = `${node.nodeName} ${(node as Partial<Element>).className ?? ""} at step ${String(step)}`;
      if (shown !== undefined && RANK[shown] < truth && !masker.mustPurge) {
        found.push(`was sent as ${shown}: ${where}, ${JSON.stringify(settings)}`);
      }
      if (RANK[rules.judge(node)] < truth) found.push(`is judged more openly: ${where}`);
    }
    if (masker.mustPurge) teller.snapshot();
  }
  teller.stop();
  masker.stop();
  return found;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a look where something has changed", () => {
  const only = process.env.SEED;
  const seeds = only === undefined ? [...Array(SEEDS).keys()] : [Number(only)];

  it(`is never looser than a look at everything, over ${String(seeds.length)} seeds`, async () => {
    for (const seed of seeds) expect({ seed, found: await looser(seed) }).toEqual({ seed, found: [] });
  }, 120_000);

  it("is missed by that test when it is left out", async () => {
    vi.spyOn(MaskWatch.prototype, "look").mockImplementation(() => undefined);
    const found: string[] = [];
    for (let seed = 0; seed < SEEDS && found.length === 0; seed += 1) found.push(...(await looser(seed)));
    expect(found).not.toEqual([]);
  }, 120_000);
});

describe("a polyfill that writes changes of children anew", () => {
  it("keeps no mask from being seen", async () => {
    const Native = MutationObserver;
    // As polyfills of shadow trees do: a record that can tell no attribute.
    vi.stubGlobal("MutationObserver", function (then: MutationCallback) {
      return new Native((changes, observer) => {
        then(
          changes.map((one) => (one.type === "childList" ? retold(one) : one)),
          observer,
        );
      });
    });
    document.body.innerHTML = "<p>shown</p><div></div>";
    const memory = new MaskMemory();
    const rules = new Rules({ masks: [], mask_default: "passwords" }, document, memory);
    const exposed = vi.fn();
    const watch = new MaskWatch(rules, memory, document, exposed);
    const [shown, box] = [document.querySelector("p"), document.querySelector("div")];
    if (!shown || !box) throw new Error("the page is not there");
    memory.shown.set(shown, rules.judge(shown));
    box.append("more");
    shown.className = "glance_masked";
    await new Promise((resolve) => setTimeout(resolve, 0));
    watch.stop();
    expect(exposed).toHaveBeenCalledOnce();
  });

  function retold({ addedNodes, removedNodes, target, type }: MutationRecord): MutationRecord {
    const told: object = Object.create(MutationRecord.prototype) as object;
    const values = { addedNodes, removedNodes, target, type };
    for (const [name, value] of Object.entries(values))
      Object.defineProperty(told, name, { get: () => value });
    return told as MutationRecord;
  }
});

describe("what a selector depends on", () => {
  it.each<[string, string[] | null, boolean]>([
    [".a", ["class"], true],
    ["#a .b > c", ["class", "id"], true],
    ["[data-x='.a + b'] i", ["data-x"], true],
    ["[aria-Label*='x' i]", ["aria-Label", "aria-label"], true],
    ["section:not(.public) > p", ["class"], true],
    [".a + p", ["class"], false],
    ["i ~ p", [], false],
    ["form:has(.x) p", null, false],
    [":checked", null, false],
    ["[*|href]", null, false],
    [".a\\+b", null, false],
    ["p::before", null, false],
  ])("is known of %j", (selector, attributes, looksUpOnly) => {
    const found = dependenceOf(selector);
    expect(found.attributes && [...found.attributes].sort()).toEqual(attributes);
    expect(found.looksUpOnly).toBe(looksUpOnly);
  });
});
