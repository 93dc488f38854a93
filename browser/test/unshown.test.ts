/**
 * The list of what could not be shown, as the agent reads it. Finding it is tried on real pages by the mirror suite.
 */

import { expect, it } from "vitest";

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
