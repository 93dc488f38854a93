/** Resources that travel along: which addresses name them, what is read, and where the viewer puts them. */

// @vitest-environment jsdom

import { Blob as NodeBlob } from "node:buffer";
import { createHash } from "node:crypto";

import { EventType, IncrementalSource } from "@rrweb/types";
import { describe, expect, it } from "vitest";

import { readResources } from "../src/mirror/uploads.js";
import { Resources as Shown } from "../src/viewer/resources.js";
import { validateDiff, validateKeyframe } from "../src/viewer/validate.js";
import { Addresses } from "../src/visitor/addresses.js";
import { Resources } from "../src/mirror/resources.js";

const HASH = "ab".repeat(32);
const DATA = "data:image/png;base64,AAAA";
const ORIGIN = "https://intra.example";
const NAME = `resource:${HASH}`;

function known(...urls: string[]): { resources: Resources; addresses: Addresses } {
  const resources = new Resources([ORIGIN]);
  for (const url of urls) resources.add(url, { hash: HASH, data: DATA });
  return { resources, addresses: new Addresses([], { URL: "https://shop.example/" }, resources) };
}

describe("an address of an upload origin", () => {
  it("is asked for when it is about to leave, and stays until it was read", () => {
    const { resources, addresses } = known();
    expect(addresses.attribute("img", "src", `${ORIGIN}/a.png?t=1`)).toBe(`${ORIGIN}/a.png`);
    addresses.css(`.a { background: url(${ORIGIN}/b.png) }`);
    addresses.attribute("img", "src", "https://other.example/c.png");
    addresses.attribute("img", "src", `https://other.example/?from=${ORIGIN}/d.png`);
    addresses.attribute("a", "href", `${ORIGIN}/page`);
    expect([...resources.asked]).toEqual([`${ORIGIN}/a.png?t=1`, `${ORIGIN}/b.png`]);
  });

  it("is a name once it was read: in pictures, styles and sheets, and in nothing else", () => {
    const { addresses } = known(`${ORIGIN}/a.png`);
    expect(addresses.attribute("img", "src", `${ORIGIN}/a.png`)).toBe(NAME);
    expect(addresses.attribute("image", "href", `${ORIGIN}/a.png`)).toBe(NAME);
    expect(addresses.attribute("p", "style", `background:url("${ORIGIN}/a.png")`)).toBe(
      `background:url("${NAME}")`,
    );
    expect(addresses.css(`@font-face { src: url(${ORIGIN}/a.png) }`)).toBe(
      `@font-face { src: url("${NAME}") }`,
    );
    expect(addresses.attribute("a", "href", `${ORIGIN}/a.png`)).toBe(`${ORIGIN}/a.png`);
    expect(addresses.attribute("img", "srcset", `${ORIGIN}/a.png 2x`)).toBe("");
  });

  it("may be what a page of that origin holds in memory", () => {
    const url = `blob:${ORIGIN}/0f7c`;
    const { resources, addresses } = known();
    expect(addresses.css(`.a { background: url("${url}") }`)).toContain(url);
    addresses.css(`.b { background: url("blob:https://other.example/0f7d") }`);
    expect([...resources.asked]).toEqual([url]);
    resources.add(url, { hash: HASH, data: DATA });
    expect(addresses.css(`.a { background: url("${url}") }`)).toBe(`.a { background: url("${NAME}") }`);
  });

  it("keeps the part that is meant of a drawing, and no other fragment", () => {
    const { resources, addresses } = known();
    addresses.css(`.a { clip-path: url("${ORIGIN}/a.svg#c") }`);
    expect([...resources.asked]).toEqual([`${ORIGIN}/a.svg`]);
    for (const name of ["a.svg", "b.png"]) resources.add(`${ORIGIN}/${name}`, { hash: HASH, data: DATA });
    const clean = (part: string): string => addresses.css(`url("${ORIGIN}/${part}")`);
    expect(clean("a.svg#c")).toBe(`url("${NAME}#c")`);
    // A name stays one however often a text is looked through.
    expect(addresses.css(clean("a.svg#c"))).toBe(clean("a.svg#c"));
    expect(clean("b.png#c")).toBe(`url("${NAME}")`);
    expect(clean("a.svg#t=a1b2")).toBe(`url("${NAME}")`);
    expect(clean('a.svg#\\") url(x')).toBe(`url("${NAME}")`);
  });

  it("is told once in an epoch, before what names it", () => {
    const { resources, addresses } = known(`${ORIGIN}/a.png`, `${ORIGIN}/same.png`);
    for (const name of ["a", "same", "a"]) addresses.attribute("img", "src", `${ORIGIN}/${name}.png`);
    expect(resources.take()).toEqual([{ hash: HASH, data: DATA }]);
    addresses.attribute("img", "src", `${ORIGIN}/a.png`);
    expect(resources.take()).toEqual([]);
    resources.begin();
    addresses.attribute("img", "src", `${ORIGIN}/a.png`);
    expect(resources.take()).toHaveLength(1);
  });

  it("that cannot be read stays an address and is not asked for again", () => {
    const { resources, addresses } = known();
    resources.add(`${ORIGIN}/a.png`, null);
    expect(addresses.attribute("img", "src", `${ORIGIN}/a.png`)).toBe(`${ORIGIN}/a.png`);
    expect(resources.asked.size).toBe(0);
  });
});

/** Reads Node's own blobs: jsdom's reader knows only jsdom's. */
class Reader {
  result = "";
  onload: (() => void) | null = null;

  readAsDataURL(blob: NodeBlob): void {
    void blob.arrayBuffer().then((bytes) => {
      this.result = `data:${blob.type};base64,${Buffer.from(bytes).toString("base64")}`;
      this.onload?.();
    });
  }
}

function digest(_: string, bytes: ArrayBuffer): Uint8Array {
  return createHash("sha256").update(new Uint8Array(bytes)).digest();
}

async function read(answers: Record<string, Response>): Promise<Resources> {
  const resources = new Resources([ORIGIN]);
  for (const url of Object.keys(answers)) resources.nameOf(url);
  const page = {
    ...{
      FileReader: Reader,
      Blob: NodeBlob,
      crypto: { subtle: { digest } },
      setTimeout: window.setTimeout.bind(window),
    },
    fetch: (url: string) => Promise.resolve(answers[url]),
  } as unknown as Window & typeof globalThis;
  let stop = (): void => undefined;
  await new Promise<void>((resolve) => {
    stop = readResources(page, { resources, onRead: resolve });
  });
  stop();
  return resources;
}
const answer = (type: string, bytes: BodyInit = "x", status = 200): Response =>
  new Response(bytes, { status, headers: { "content-type": type } });

describe("reading", () => {
  it("takes pictures and fonts, and no page, script or what is too long", async () => {
    const answers = {
      [`${ORIGIN}/a.png`]: answer("image/png"),
      [`${ORIGIN}/f.woff2?v=1`]: answer("application/octet-stream"),
      [`${ORIGIN}/login.png`]: answer("text/html"),
      [`${ORIGIN}/login.woff`]: answer("text/html"),
      [`${ORIGIN}/s.js`]: answer("text/javascript"),
      [`${ORIGIN}/gone.png`]: answer("image/png", "x", 403),
      [`${ORIGIN}/large.png`]: answer("image/png", new Uint8Array(1024 * 1024 + 1)),
    };
    const resources = await read(answers);
    const taken = Object.keys(answers).filter((url) => resources.nameOf(url) !== null);
    expect(taken).toEqual([`${ORIGIN}/a.png`, `${ORIGIN}/f.woff2?v=1`]);
    expect(resources.take().map(({ data }) => data.split(";")[0])).toEqual(["data:image/png"]);
  });
});

describe("a style sheet that the page may not look into", () => {
  it("is read, stands where the sheet does, and its addresses are its own folder's", async () => {
    const url = `${ORIGIN}/css/a.css`;
    const css = `@import "b.css"; p { background: url(../c.png) } q { mask: url(#d) }`;
    const resources = await read({ [url]: answer("text/css", css) });
    expect(resources.sheetOf(url)).toBe(
      `@import "${ORIGIN}/css/b.css"; p { background: url(${ORIGIN}/c.png) } q { mask: url(#d) }`,
    );
    expect(resources.nameOf(url)).toBeNull();
    expect(resources.take()).toEqual([]);
  });
});

describe("the viewer", () => {
  const resource = { type: EventType.Custom, data: { tag: "resource", payload: { hash: HASH, data: DATA } } };
  const meta = { type: EventType.Meta, data: { href: "", width: 1, height: 1 }, timestamp: 0 };
  const image = { type: 2, id: 2, tagName: "img", attributes: { src: NAME, title: "t" }, childNodes: [] };
  const node = { type: 0, id: 1, childNodes: [image] };
  const full = {
    type: EventType.FullSnapshot,
    data: { node, initialOffset: { top: 0, left: 0 } },
    timestamp: 0,
  };

  it("puts a resource where it is named, in the keyframe and behind it, until the next epoch", () => {
    const shown = new Shown();
    const events = shown.fill(validateKeyframe([meta, { ...resource, timestamp: 0 }, full]));
    expect(events).toHaveLength(2);
    expect(JSON.stringify(events)).toContain(`"src":"${DATA}"`);
    const attributes = [{ id: 2, attributes: { style: `background: url("${NAME}")` } }];
    const data = { source: IncrementalSource.Mutation, texts: [], attributes, removes: [], adds: [] };
    const diff = (): unknown => [{ type: EventType.IncrementalSnapshot, data, timestamp: 0 }];
    expect(JSON.stringify(shown.fill(validateDiff(diff(), () => "p")))).toContain(DATA);
    shown.clear();
    expect(JSON.stringify(shown.fill(validateDiff(diff(), () => "p")))).toContain(NAME);
  });

  it.each([
    ["a page", "data:text/html;base64,AAAA"],
    ["an address", "https://shop.example/a.png"],
    ["a way out of a style", 'data:image/png;base64,AAAA") url("https://evil.example/'],
  ])("refuses a resource that is %s", (_, data) => {
    const bad = {
      type: EventType.Custom,
      data: { tag: "resource", payload: { hash: HASH, data } },
      timestamp: 0,
    };
    expect(() => validateKeyframe([meta, bad, full])).toThrow();
    expect(() => validateDiff([bad], () => "")).toThrow();
  });
});
