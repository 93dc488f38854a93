/** What the mirror adds to rrweb: states of elements, and the proof that both sides hold the same page. */

// @vitest-environment jsdom

import { EventType, IncrementalSource, NodeType, type eventWithTime } from "@rrweb/types";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { Proof, readProof, type ProofNode } from "../src/protocol/proof.js";
import { proofOf } from "../src/viewer/proof.js";
import { setMode } from "../src/viewer/trusted.js";
import { applyStates, takeStates, unsaidOf } from "../src/viewer/states.js";
import { closedRootOf, closedSlotOf, noteRoot, rootOf } from "../src/visitor/closed.js";
import { stateOf } from "../src/mirror/states.js";

function hashOf(...nodes: Partial<ProofNode>[]): string {
  const proof = new Proof();
  const blank = { id: 2, parent: 1, isShadow: false, tag: "p", get: () => null, text: "", isChecked: false };
  for (const node of nodes) proof.add({ ...blank, ...node });
  return proof.value;
}

describe("a proof", () => {
  it("differs for another text, tag, place, attribute or tick", () => {
    const given = (name: string) => (name === "title" ? "t" : null);
    const hashes = [
      hashOf({}),
      hashOf({ tag: "", text: "a" }),
      hashOf({ tag: "", text: "b" }),
      hashOf({ tag: "b" }),
      hashOf({ parent: 3 }),
      hashOf({ isShadow: true }),
      hashOf({ get: given }),
      hashOf({ isChecked: true }),
      hashOf({}, { id: 3 }),
      hashOf({ id: 3 }, {}),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it("is the same for a name in capitals, as drawings have them", () => {
    expect(hashOf({ tag: "linearGradient" })).toBe(hashOf({ tag: "lineargradient" }));
  });

  it("does not tell whether a masked field is empty", () => {
    expect(hashOf({ tag: "input", text: "••••••" })).toBe(hashOf({ tag: "input", text: "" }));
    expect(hashOf({ tag: "input", text: "x" })).not.toBe(hashOf({ tag: "input", text: "" }));
  });

  it("does not see the classes that the replayer adds", () => {
    const withClass = (value: string | null) => hashOf({ get: (name) => (name === "class" ? value : null) });
    expect(withClass("a :hover b")).toBe(withClass("a b"));
    expect(withClass("")).toBe(withClass(null));
  });

  it("takes a class that an element has twice as there once, as the replayer's list of classes writes it", () => {
    const element = document.createElement("b");
    element.className = "a b a c";
    element.classList.add(":hover");
    const withClass = (value: string) => hashOf({ get: (name) => (name === "class" ? value : null) });
    expect(withClass("a b a c")).toBe(withClass(element.className));
    expect(withClass("a b a c")).not.toBe(withClass("a c b"));
  });

  it("is read from facts only in its own form", () => {
    expect(readProof({ proof: "0123456789abcdef" })).toBe("0123456789abcdef");
    for (const proof of ["0123456789ABCDEF", "0123", 5, null]) expect(readProof({ proof })).toBeNull();
    expect(readProof(null)).toBeNull();
  });
});

describe("a rebuilt page", () => {
  beforeEach(() => {
    document.body.innerHTML = `<p id="one">text</p><input value="v"><glance-cobrowse-widget></glance-cobrowse-widget>`;
  });

  function hash(without: Node | null = null): string {
    const ids = new Map<Node, number>();
    return proofOf(document, (node) => {
      if (node === without) return -1;
      if (!ids.has(node)) ids.set(node, ids.size + 1);
      return ids.get(node) ?? -1;
    });
  }

  it("has another proof after any alteration", () => {
    const before = hash();
    const field = document.querySelector("input") as HTMLInputElement;
    field.value = "w";
    const typed = hash();
    (document.getElementById("one") as HTMLElement).textContent = "other";
    expect(new Set([before, typed, hash()]).size).toBe(3);
  });

  it("has the same proof with nodes of the replayer's own, and whatever the widget says", () => {
    const before = hash();
    const own = document.createElement("style");
    document.head.append(own);
    document.querySelector("glance-cobrowse-widget")?.setAttribute("class", "x");
    expect(hash(own)).toBe(before);
    own.remove();
  });
});

describe("states", () => {
  it("are taken out of a change and brought about", () => {
    document.body.innerHTML = `<select multiple><option>a</option><option>b</option><option>c</option></select><input type="checkbox">`;
    const [select, box] = [document.querySelector("select"), document.querySelector("input")];
    const attributes = { rr_choices: "0,2", class: "kept" };
    const change: eventWithTime = {
      type: EventType.IncrementalSnapshot,
      data: {
        source: IncrementalSource.Mutation,
        texts: [],
        attributes: [
          { id: 5, attributes },
          { id: 6, attributes: { rr_indeterminate: true as unknown as string } },
        ],
        removes: [],
        adds: [],
      },
      timestamp: 1,
    };
    const states = takeStates(change);
    expect(attributes).toEqual({ class: "kept" });
    applyStates(states, (id) => (id === 5 ? select : box));
    expect([...(select as HTMLSelectElement).selectedOptions].map((option) => option.text)).toEqual([
      "a",
      "c",
    ]);
    expect((box as HTMLInputElement).indeterminate).toBe(true);
    expect(stateOf(select as Element, false)).toEqual({ rr_choices: "0,2" });
    expect(stateOf(box as Element, true)).toEqual({ rr_indeterminate: true });
  });

  it("say which option of a list is chosen where its value does not", () => {
    document.body.innerHTML = `<select><option value="n">a</option><option value="n">b</option></select>`;
    const list = document.querySelector("select") as HTMLSelectElement;
    const show = (rr_choices: string): void => {
      applyStates([{ id: 1, name: "rr_choices", value: rr_choices }], () => list);
    };
    expect(stateOf(list, true)).toEqual({});
    list.selectedIndex = 1;
    expect(stateOf(list, true)).toEqual({ rr_choices: "1" });
    list.selectedIndex = -1;
    expect(stateOf(list, true)).toEqual({ rr_choices: "" });
    show("1");
    expect(list.selectedIndex).toBe(1);
    show("");
    expect(list.selectedIndex).toBe(-1);
  });

  it("are taken out of a whole tree", () => {
    const states = takeStates({
      type: EventType.FullSnapshot,
      data: {
        node: {
          type: NodeType.Document,
          id: 1,
          childNodes: [
            {
              type: NodeType.Element,
              id: 2,
              tagName: "div",
              attributes: { rr_popover: true },
              childNodes: [],
            },
          ],
        },
        initialOffset: { top: 0, left: 0 },
      },
      timestamp: 1,
    });
    expect(states).toEqual([{ id: 2, name: "rr_popover", value: true }]);
  });
});

describe("a closed root", () => {
  it("is known once it was noted, with the slot that shows a child", () => {
    const host = document.createElement("div");
    const child = document.createElement("i");
    host.append(child);
    document.body.append(host);
    const root = host.attachShadow({ mode: "closed" });
    expect(rootOf(host)).toBeNull();
    noteRoot(host, root);
    root.append(document.createElement("slot"));
    expect(closedRootOf(host)).toBe(root);
    expect(rootOf(host)).toBe(root);
    expect(child.assignedSlot).toBeNull();
    expect(closedSlotOf(child)).toBe(root.querySelector("slot"));
    expect(closedSlotOf(host)).toBeNull();
  });
});

describe("the mode of a document", () => {
  const modeOf = (
    told: Parameters<typeof setMode>[1],
  ): { compatMode: string; doctype: DocumentType | null } => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    const mirrored = frame.contentDocument as Document;
    mirrored.open();
    setMode(mirrored, told);
    const { compatMode, doctype } = mirrored;
    frame.remove();
    return { compatMode, doctype };
  };
  const STANDARD = { publicId: "", systemId: "" };
  const OLD = { publicId: "-//W3C//DTD HTML 4.01 Transitional//EN", systemId: "" };

  it("has the visitor's quirks, with a doctype and without one", () => {
    expect(modeOf({ compatMode: "BackCompat", childNodes: [OLD] })).toEqual({
      compatMode: "BackCompat",
      doctype: null,
    });
    expect(modeOf({ compatMode: "BackCompat", childNodes: [{}] }).compatMode).toBe("BackCompat");
  });

  it("has some of them where the doctype says so", () => {
    const written: string[] = [];
    const write = vi.spyOn(Document.prototype, "write").mockImplementation((text) => void written.push(text));
    setMode(document, { childNodes: [{ ...OLD, systemId: "http://www.w3.org/TR/html4/loose.dtd" }] });
    setMode(document, { childNodes: [STANDARD] });
    setMode(document, { childNodes: [OLD] });
    write.mockRestore();
    expect(written).toEqual([expect.stringContaining("loose.dtd")]);
  });
});

describe("what was told of an element that moves", () => {
  it("is kept for the one that comes in its place", () => {
    const element = document.createElement("my-box");
    element.setAttribute("rr_states", "on");
    const add = {
      parentId: 1,
      nextId: null,
      node: { id: 7, type: NodeType.Element, tagName: "my-box", attributes: {}, childNodes: [] },
    };
    const event = {
      type: EventType.IncrementalSnapshot,
      data: { source: IncrementalSource.Mutation, adds: [add], removes: [], texts: [], attributes: [] },
      timestamp: 0,
    } as unknown as eventWithTime;
    const states = unsaidOf(event, (id) => (id === 7 ? element : null));
    expect(states).toEqual([{ id: 7, name: "rr_states", value: "on" }]);
    const next = document.createElement("my-box");
    applyStates(states, () => next);
    expect(next.getAttribute("rr_states")).toBe("on");
    applyStates([{ id: 7, name: "rr_states", value: null }], () => next);
    expect(next.hasAttribute("rr_states")).toBe(false);
  });
});
