/** The mirrored page stays where the visitor's is, whatever comes late. */

// @vitest-environment jsdom

import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Hold, type Held } from "../src/viewer/hold.js";
import { HOLD_MS } from "../src/viewer/limits.js";

let resized: () => void;
let hold: Hold;
let held: Held;
let box: Element;
const page = vi.fn();
const inside = vi.fn();

function scrolled(id: number, x: number, y: number): void {
  const data = { source: IncrementalSource.Scroll as const, id, x, y };
  hold.follow({ type: EventType.IncrementalSnapshot, data, timestamp: 0 } as eventWithTime);
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe = vi.fn();
      disconnect = vi.fn();
      constructor(then: () => void) {
        resized = then;
      }
    },
  );
  vi.stubGlobal("scrollTo", page);
  document.body.innerHTML = "<div id='box'></div>";
  box = document.getElementById("box") as Element;
  box.scrollTo = inside;
  held = { page: { x: 0, y: 900 }, nodeOf: (id) => (id === 7 ? box : null) };
  hold = new Hold(document, () => held);
});

afterEach(() => {
  hold.end();
  page.mockReset();
  inside.mockReset();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a page that comes to its height late", () => {
  it.each([
    ["has grown", () => resized()],
    ["has loaded a picture", () => document.body.dispatchEvent(new Event("load"))],
    ["has moved by itself", () => document.dispatchEvent(new Event("scroll"))],
  ])("is put where the visitor's is once it %s", (_, happens) => {
    scrolled(7, 0, 40);
    happens();
    vi.advanceTimersByTime(HOLD_MS - 1);
    expect(page).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(page).toHaveBeenCalledWith({ left: 0, top: 900, behavior: "instant" });
    expect(inside).toHaveBeenCalledWith({ left: 0, top: 40, behavior: "instant" });
  });

  it("is left where the agent has scrolled it to, and what is there already is not moved", () => {
    held = { ...held, page: null };
    scrolled(7, 0, 40);
    box.scrollTop = 40.4;
    resized();
    vi.advanceTimersByTime(HOLD_MS);
    expect(page).not.toHaveBeenCalled();
    expect(inside).not.toHaveBeenCalled();
  });

  it("is held no more once another has taken its place", () => {
    resized();
    hold.end();
    vi.advanceTimersByTime(HOLD_MS);
    expect(page).not.toHaveBeenCalled();
  });
});
