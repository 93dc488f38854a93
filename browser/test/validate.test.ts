/**
 * The viewer's checks: what is malformed is refused, what is dangerous is left out, the rest stays as it was.
 */

import { EventType, IncrementalSource, NodeType } from "@rrweb/types";
import { describe, expect, it } from "vitest";

import { InvalidEvent, validateDiff, validateKeyframe, validatePointer } from "../src/viewer/validate.js";

const timestamp = 1;
const META = {
  type: EventType.Meta,
  data: { href: "https://shop.example/", width: 800, height: 600 },
  timestamp,
};

interface Fields {
  [name: string]: unknown;
}

function element(tagName: string, attributes: Fields = {}, more: Fields = {}): Fields {
  return { type: NodeType.Element, id: 3, tagName, attributes, childNodes: [], ...more };
}

function keyframe(...nodes: unknown[]): unknown {
  const html = element("html", {}, { id: 2, childNodes: nodes });
  const node = { type: NodeType.Document, id: 1, childNodes: [html] };
  return [
    META,
    { type: EventType.FullSnapshot, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp },
  ];
}

/** The element after validation. */
function kept(node: Fields): { tagName: string; attributes: Fields; childNodes: unknown[] } {
  const [, full] = validateKeyframe(keyframe(node)) as unknown as [
    unknown,
    { data: { node: { childNodes: [{ childNodes: [never] }] } } },
  ];
  return full.data.node.childNodes[0].childNodes[0];
}

function increment(data: Fields): unknown {
  return [{ type: EventType.IncrementalSnapshot, data, timestamp }];
}

function change(attributes: Fields, tag = "div"): Fields {
  const data = {
    source: IncrementalSource.Mutation,
    texts: [],
    removes: [],
    adds: [],
    attributes: [{ id: 3, attributes }],
  };
  const [event] = validateDiff(increment(data), () => tag) as unknown as [
    { data: { attributes: [{ attributes: Fields }] } },
  ];
  return event.data.attributes[0].attributes;
}

describe("an ordinary keyframe", () => {
  it("passes as it is", () => {
    const node = element(
      "a",
      {
        href: "https://shop.example/x",
        class: "b c",
        style: "color:red",
        "data-x": "1",
        "aria-label": "to x",
        rr_scrollTop: 4,
        hidden: "",
      },
      { childNodes: [{ type: NodeType.Text, id: 4, textContent: "x" }] },
    );
    expect(validateKeyframe(keyframe(node))).toEqual(keyframe(node));
  });
});

describe("what is dangerous in an element", () => {
  it.each([
    ["a handler", "div", { onclick: "x()", ONLOAD: "x()", onpointerrawupdate: "x()" }],
    ["an address of a script", "a", { href: "javascript:x()" }],
    [
      "an address of a script in disguise",
      "a",
      { href: " \n\tjava\u0000script\t:x()", "xlink:href": "JAVASCRIPT:x()" },
    ],
    ["an animation to an address of a script", "animate", { to: "javascript:x()" }],
    ["a document in an attribute", "iframe", { srcdoc: "<p>x</p>" }],
    [
      "a frame's own address and rights",
      "iframe",
      { src: "/", sandbox: "allow-scripts", allow: "camera", name: "n" },
      { name: "n" },
    ],
    ["where a form goes", "form", { action: "https://evil.example/", target: "_top" }],
    ["where a button sends", "button", { formaction: "https://evil.example/", formtarget: "_top" }],
    ["a report of who has seen a picture", "img", { attributionsrc: "https://evil.example/" }],
    ["a refresh", "meta", { "http-equiv": "refresh", content: "0;url=https://evil.example/" }],
    ["a referrer policy", "meta", { name: "referrer", content: "unsafe-url" }],
    [
      "a link that is no style",
      "link",
      { rel: "prefetch", href: "https://evil.example/" },
      { href: "https://evil.example/" },
    ],
    [
      "a name that no parser takes, besides those that one does",
      "div",
      { "@click": "x", "(tap)": "x", "a b": "x", '"': "x", "a=b": "x", "a>": "x", "a/b": "x", "onx.y": "x" },
      { "@click": "x", "(tap)": "x" },
    ],
    ["a picture of a canvas that is no picture", "canvas", { rr_dataURL: "https://evil.example/x.png" }],
    [
      "a ping and an integrity",
      "a",
      { ping: "https://evil.example/", integrity: "x", download: "x", is: "x-a" },
    ],
    [
      "a loudness that a film refuses",
      "video",
      { rr_mediaVolume: 2, rr_mediaPlaybackRate: -1, rr_mediaMuted: false },
      { rr_mediaMuted: true },
    ],
    ["how it plays, of what is no film", "p", { rr_mediaState: "paused", rr_mediaVolume: 1 }],
    ["an animation without its keyframes", "div", { rr_animations: [{ at: 0 }] }],
    ["animations that are a text", "div", { rr_animations: "all" }],
    ["values that are no values", "div", { a: { b: 1 }, c: [1], d: Number.NaN, e: undefined }],
  ] as [string, string, Fields, Fields?][])("is left out: %s", (_, tagName, attributes, rest = {}) => {
    expect(kept(element(tagName, attributes)).attributes).toEqual(rest);
  });

  it("is left out of a drawing's element with a film's name: how it plays", () => {
    const drawn = { ...element("video", { rr_mediaState: "played", id: "v" }), isSVG: true };
    expect(kept(drawn).attributes).toEqual({ id: "v" });
  });

  it.each([
    "script",
    "SCRIPT",
    "base",
    "object",
    "embed",
    "applet",
    "frame",
    "noscript",
    "template",
    "geolocation",
    "usermedia",
    "foo<bar",
    "a b",
    "1a",
    "",
  ])("is its tag: %j becomes an inert one", (tagName) => {
    expect(kept(element(tagName, { src: "https://evil.example/x.js" }))).toMatchObject({
      tagName: "div",
      attributes: { hidden: "" },
    });
  });

  it("is left out of a change of an attribute too, by the tag that stands there", () => {
    expect(change({ onclick: "x()", href: "javascript:x()", srcdoc: "x", class: "ok" })).toEqual({
      class: "ok",
    });
    expect(change({ src: "https://shop.example/x.png" }, "img")).toEqual({
      src: "https://shop.example/x.png",
    });
    expect(change({ src: "https://evil.example/" }, "iframe")).toEqual({});
    expect(change({ src: "https://evil.example/" }, "")).toEqual({});
    expect(change({ "http-equiv": "refresh", content: "0" }, "meta")).toEqual({});
    expect(change({ style: { color: "red", top: ["1px", "important"], left: false, x: 3 } })).toEqual({
      style: { color: "red", top: ["1px", "important"], left: false },
    });
    expect(change({ title: null })).toEqual({ title: null });
  });

  it("is left out of a change of an element that the same event adds", () => {
    const adds = [{ parentId: 1, nextId: null, node: element("iframe", {}, { id: 9 }) }];
    const attributes = [{ id: 9, attributes: { src: "https://evil.example/" } }];
    const data = { source: IncrementalSource.Mutation, texts: [], removes: [], adds, attributes };
    expect(JSON.stringify(validateDiff(increment(data), () => "img"))).not.toContain("evil");
  });
});

describe("what is malformed", () => {
  const mutation = { source: IncrementalSource.Mutation, texts: [], removes: [], adds: [], attributes: [] };

  it.each<[string, unknown]>([
    ["no list", {}],
    ["an empty list", []],
    ["a keyframe without its meta", (keyframe() as unknown[]).slice(1)],
    ["a keyframe with more behind it", [...(keyframe() as unknown[]), META]],
    [
      "a snapshot that is no document",
      [
        META,
        {
          type: EventType.FullSnapshot,
          data: { node: element("p"), initialOffset: { top: 0, left: 0 } },
          timestamp,
        },
      ],
    ],
    ["an id that is no integer", keyframe(element("p", {}, { id: 1.5 }))],
    ["an id that is a text", keyframe(element("p", {}, { id: "3" }))],
    ["an id of zero", keyframe(element("p", {}, { id: 0 }))],
    ["a node of an unknown type", keyframe({ type: 9, id: 3 })],
    ["a node without children", keyframe({ type: NodeType.Element, id: 3, tagName: "p", attributes: {} })],
    ["a text that is none", keyframe({ type: NodeType.Text, id: 3, textContent: 4 })],
    ["a shadow tree where none can be", keyframe(element("input", {}, { isShadowHost: true }))],
    [
      "a size that is none",
      [{ ...META, data: { href: "", width: Number.NaN, height: 1 } }, (keyframe() as unknown[])[1]],
    ],
  ])("is refused in a keyframe: %s", (_, value) => {
    expect(() => validateKeyframe(value)).toThrow(InvalidEvent);
  });

  it.each<[string, unknown]>([
    ["no list", null],
    ["a keyframe's event", keyframe()],
    ["a source that is not known", increment({ source: 99 })],
    [
      "a canvas",
      increment({ source: IncrementalSource.CanvasMutation, id: 1, property: "fillText", args: [] }),
    ],
    [
      "a font",
      increment({ source: IncrementalSource.Font, family: "x", fontSource: "url(x)", buffer: false }),
    ],
    ["a mutation without its lists", increment({ source: IncrementalSource.Mutation })],
    [
      "an addition below nothing",
      increment({ ...mutation, adds: [{ parentId: null, nextId: null, node: element("p") }] }),
    ],
    ["an input without text", increment({ source: IncrementalSource.Input, id: 1, isChecked: true })],
    [
      "a rule that is no text",
      increment({ source: IncrementalSource.StyleSheetRule, id: 1, adds: [{ rule: 1 }] }),
    ],
  ])("is refused in a diff: %s", (_, value) => {
    expect(() => validateDiff(value, () => "")).toThrow(InvalidEvent);
  });

  it("is a tree that is too deep to build", () => {
    let node = element("p");
    for (let depth = 0; depth < 2_000; depth += 1) node = element("p", {}, { childNodes: [node] });
    expect(() => validateKeyframe(keyframe(node))).toThrow(InvalidEvent);
  });
});

describe("a pointer", () => {
  it("is its last position, or nothing", () => {
    const move = (positions: unknown): unknown => ({
      type: EventType.IncrementalSnapshot,
      data: { source: IncrementalSource.MouseMove, positions },
      timestamp,
    });
    const at = { x: 1, y: 2, id: -1, timeOffset: 0 };
    expect(validatePointer(move([{ ...at, x: 9 }, at]))).toEqual({ x: 1, y: 2, id: -1 });
    for (const broken of [
      null,
      move([]),
      move([{ x: "1", y: 2, id: 1 }]),
      META,
      (increment({ source: 3 }) as unknown[])[0],
    ]) {
      expect(validatePointer(broken)).toBeNull();
    }
  });
});
