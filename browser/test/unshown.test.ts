/**
 * The list of what could not be shown, as the agent reads it, and sheets that come late. Finding the rest is tried on real pages by the mirror suite.
 */

import { expect, it, vi } from "vitest";

import { PROBE_AGAIN_MS, PROBE_AGAIN_MS_MAX } from "../src/viewer/limits.js";
import { contentOf } from "../src/viewer/named.js";
import { UnshownWatch } from "../src/viewer/unshown.js";
import { UnshownList } from "../src/viewer/unshown-list.js";

it("the list says how much is not shown, opens on request, and holds texts only", () => {
  document.body.innerHTML = `<button id="unshown" hidden></button><ul id="unshown-list" hidden></ul>`;
  const list = new UnshownList();
  const button = document.getElementById("unshown") as HTMLButtonElement;
  const shown = document.getElementById("unshown-list") as HTMLElement;
  list.show([
    { kind: "image", url: "https://shop.example/<b>.png", width: 40, height: 30 },
    { kind: "animation", url: "", width: 40, height: 30 },
    { kind: "style", url: "https://cdn.example/b.css", width: 0, height: 0 },
  ]);
  expect([button.hidden, button.textContent, shown.hidden]).toEqual([false, "Not shown: 3", true]);
  button.click();
  expect([shown.hidden, button.getAttribute("aria-expanded")]).toEqual([false, "true"]);
  expect([...shown.children].map((item) => item.textContent)).toEqual([
    "Picture not reachable from here, 40 × 30 https://shop.example/<b>.png",
    "A movement that cannot be mirrored, 40 × 30",
    "A style did not load https://cdn.example/b.css",
  ]);
  window.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  expect(shown.hidden).toBe(true);
  list.show([]);
  expect(button.hidden).toBe(true);
});

it("a sheet that did not load is asked for again in ever longer pauses, until it has", () => {
  vi.useFakeTimers();
  // jsdom knows nothing of pseudo elements.
  const styles = vi.spyOn(window, "getComputedStyle");
  styles.mockReturnValue({ display: "none" } as CSSStyleDeclaration);
  document.head.innerHTML = `<link rel="stylesheet" href="https://shop.example/a.css">`;
  const link = document.head.firstElementChild as HTMLLinkElement;
  const asked = vi.spyOn(link, "setAttribute");
  const set = (): unknown[] => asked.mock.calls.map(([name, value]) => [name, value]);
  const href = ["href", "https://shop.example/a.css"];
  const kinds: string[][] = [];
  const watch = new UnshownWatch(
    () => document,
    (list) => kinds.push(list.map(({ kind }) => kind)),
    () => undefined,
  );
  watch.plan();
  link.dispatchEvent(new Event("error"));
  vi.advanceTimersByTime(PROBE_AGAIN_MS);
  expect([set(), link.getAttribute("href"), kinds.at(-1)]).toEqual([[href], href[1], ["style"]]);
  link.dispatchEvent(new Event("error"));
  vi.advanceTimersByTime(2 * PROBE_AGAIN_MS);
  expect(set()).toEqual([href]);
  vi.advanceTimersByTime(PROBE_AGAIN_MS);
  expect(set()).toEqual([href, href]);
  link.dispatchEvent(new Event("load"));
  vi.advanceTimersByTime(PROBE_AGAIN_MS_MAX);
  expect([set(), kinds.at(-1)]).toEqual([[href, href], []]);
  styles.mockRestore();
  vi.useRealTimers();
});

it("a frame of a frameset is said to be missing, and the place that holds it is not", () => {
  document.body.innerHTML =
    '<div cols="20%,*"><div src="menu.html"></div><div rows="50,50"></div></div><div src="x"></div>';
  const missing = [...document.querySelectorAll("div")].map((one) => contentOf(one, new WeakSet(), null));
  expect(missing).toEqual([null, { kind: "plugin", url: "menu.html" }, null, null]);
});
