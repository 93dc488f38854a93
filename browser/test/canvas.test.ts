/** Pictures of canvases: when they are read, and what of them passes the choke point. */

// @vitest-environment jsdom

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { tellCanvases } from "../src/mirror/canvas.js";
import { cleanAttributes } from "../src/visitor/attributes.js";
import { Masker } from "../src/visitor/mask.js";
import { MaskMemory, Rules } from "../src/visitor/rules.js";

const page = window as Window & typeof globalThis;
const PICTURE = "data:image/png;base64,AAAA";
let stop = (): void => undefined;
let reads = 0;

/** A canvas whose pixels are that text: jsdom draws nothing. */
function canvas(pixels: () => string): HTMLCanvasElement {
  const element = document.body.appendChild(document.createElement("canvas"));
  element.toBlob = (then) => {
    reads += 1;
    then(new Blob([pixels()], { type: "image/png" }));
  };
  return element;
}

function tell(
  canvases: Set<HTMLCanvasElement>,
  epoch: () => number | null,
  isOpen: (canvas: HTMLCanvasElement) => boolean = () => true,
): string[] {
  const told: string[] = [];
  const send = (_: HTMLCanvasElement, picture: string): void => {
    told.push(atob(picture.split(",")[1] ?? ""));
  };
  stop = tellCanvases(page, { canvases, perSecond: 50, epoch, isOpen, send });
  return told;
}

beforeEach(() => {
  document.body.innerHTML = "";
  reads = 0;
});

afterEach(() => {
  stop();
});

describe("a canvas", () => {
  it("is told once, again when its picture is another, and in every epoch", async () => {
    let [pixels, epoch] = ["one", 1];
    const told = tell(new Set([canvas(() => pixels)]), () => epoch);
    await vi.waitUntil(() => reads > 2);
    expect(told).toEqual(["one"]);
    pixels = "two";
    await vi.waitUntil(() => told.length > 1);
    epoch = 2;
    await vi.waitUntil(() => told.length > 2);
    expect(told).toEqual(["one", "two", "two"]);
  });

  it("that is masked is not even read, and does not keep others from being told", async () => {
    const masked = canvas(() => "secret");
    const told = tell(
      new Set([masked, canvas(() => "open")]),
      () => 1,
      (one) => one !== masked,
    );
    await vi.waitUntil(() => told.length > 0);
    expect(told).toEqual(["open"]);
    masked.toBlob = () => {
      throw new Error("it was read");
    };
    const before = reads;
    await vi.waitUntil(() => reads > before + 1);
  });

  it("waits while nothing may be sent, and is let go when it is removed", async () => {
    let [epoch, asked]: [number | null, number] = [null, 0];
    const [gone, here] = [canvas(() => "gone"), canvas(() => "here")];
    const canvases = new Set([gone, here]);
    const told = tell(canvases, () => {
      asked += 1;
      return epoch;
    });
    gone.remove();
    await vi.waitUntil(() => asked > 2);
    expect(told).toEqual([]);
    epoch = 1;
    await vi.waitUntil(() => told.length > 0);
    expect(told).toEqual(["here"]);
    expect([...canvases]).toEqual([here]);
  });

  it("with another site's pixels is left out, and the others are told", async () => {
    const foreign = canvas(() => "");
    foreign.toBlob = () => {
      throw new DOMException("tainted", "SecurityError");
    };
    const told = tell(new Set([foreign, canvas(() => "own")]), () => 1);
    await vi.waitUntil(() => told.length > 0);
    expect(told).toEqual(["own"]);
  });
});

describe("the choke point", () => {
  function pictureOf(html: string, masks: "passwords" | "text" = "passwords"): unknown {
    document.body.innerHTML = html;
    const memory = new MaskMemory();
    const settings = { masks: [], mask_default: masks };
    const nodes = { getNode: () => document.querySelector("canvas") };
    const masker = new Masker(new Rules(settings, document, memory), nodes, document, memory);
    const attributes = [{ id: 7, attributes: { rr_canvas: PICTURE } }];
    const data = { source: IncrementalSource.Mutation, texts: [], attributes, removes: [], adds: [] };
    const event = { type: EventType.IncrementalSnapshot, data, timestamp: 0 } as eventWithTime;
    const masked = masker.event(event) as { data: { attributes: { attributes: object }[] } } | null;
    masker.stop();
    return masked?.data.attributes[0]?.attributes;
  }

  it("lets the picture of an open canvas pass, and of a masked one none", () => {
    expect(pictureOf("<canvas></canvas>")).toEqual({ rr_canvas: PICTURE });
    expect(pictureOf("<canvas glance_masked></canvas>")).toEqual({});
    expect(pictureOf('<p class="glance_masked"><canvas></canvas></p>')).toEqual({});
  });

  it("takes a canvas for text where texts are masked", () => {
    expect(pictureOf("<canvas></canvas>", "text")).toEqual({});
    expect(pictureOf("<canvas glance_unmasked></canvas>", "text")).toEqual({ rr_canvas: PICTURE });
  });

  it("looks for copies everywhere but in pixels", () => {
    const clean = (tag: string, value: string): unknown =>
      cleanAttributes(tag, { rr_canvas: value }, "open", (text) => (text === "rr_canvas" ? text : "•"), {
        attribute: (_: string, __: string, text: string) => text,
      } as never).rr_canvas;
    expect(clean("canvas", PICTURE)).toBe(PICTURE);
    expect(clean("canvas", "data:image/png;base64,AAAA 4111")).toBe("•");
    expect(clean("p", PICTURE)).toBe("•");
  });
});
