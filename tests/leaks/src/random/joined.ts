/**
 * Pieces of a random page that stand in a frame of another origin, which carries the tag and joins the session.
 *
 * Owns the frame and how a piece gets into it: the frame runs what the page around it sends. What the piece does is
 * `pieces.ts`'s, and so are its canaries.
 */

import type { Dice } from "./dice.js";
import type { Mark } from "./levels.js";

/** The file of the frame. `prelude`: what every piece may use. */
export function joinedFile(prelude: string): string {
  return `<!doctype html><head><script id="glance-cobrowse" src="{web}/cobrowse/loader.js" data-groupid="leaks-frames"></script></head><body><main></main><script>${prelude}
addEventListener("message", async ({ data, source }) => {
  if (typeof data !== "string" || !data.startsWith("(async")) return;
  const box = document.createElement("div");
  document.querySelector("main").append(box);
  await new Function("box", "return " + data)(box);
  source.postMessage("ran", "*");
});</script></body>`;
}

/** A script that puts a frame into `box` and the piece into the frame. `mark`: masks the frame as a whole. */
export function inJoined(dice: Dice, piece: string, mark: Mark | null): string {
  const carrier = dice.pick(["f", "around"]);
  return `(async () => {
  const around = document.createElement("section"), f = document.createElement("iframe");
  f.src = "https://pay.localhost:1{folder}/joined.html";
  ${mark ? `{ const it = ${carrier}; ${mark.on} }` : ""}
  around.append(f);
  const loaded = new Promise((done) => { f.onload = done; });
  box.append(around);
  await loaded;
  await later(${String(dice.pick([0, 30, 700]))});
  const ran = new Promise((done) => addEventListener("message", (event) => { if (event.source === f.contentWindow && event.data === "ran") done(); }));
  f.contentWindow.postMessage(${JSON.stringify(piece)}, "*");
  await Promise.race([ran, later(3000)]);
  await later(500);
})()`;
}
