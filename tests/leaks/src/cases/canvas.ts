/**
 * Canvases, in groups that let their pictures leave: of a masked one none does.
 *
 * Each page has a canvas besides that no rule masks. Canvases are read in turn, so once that one's picture has come, the
 * other's would have come before it.
 */

import type { Case, Fill } from "../kit.js";

/** Draws the secret, and behind it in the page what may be seen. */
const DRAW = `const draw = (canvas, colour) => {
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 20, 20);
  };`;
const SHOWN = '<canvas id="shown" class="glance_unmasked" width="20" height="20"></canvas>';
const draws = (find: string): string => `${DRAW} draw(${find}, "crimson"); draw(shown, "navy")`;

/** Different pictures that have arrived. */
function pictures(text: string): number {
  return new Set([...text.matchAll(/"rr_canvas":"(data:[^"]+)"/g)].map((found) => found[1])).size;
}

const canvas = (name: string, html: string, more: Partial<Case>): Case => ({
  name: `canvas: ${name}`,
  group: "canvas",
  controlGroup: "canvas",
  html: html + SHOWN,
  until: (text: string, fill: Fill) => pictures(text) >= (fill.isMasked ? 1 : 2),
  found: (text: string) => pictures(text) > 1,
  ...more,
});

export const CANVASES: readonly Case[] = [
  canvas("itself masked", '<canvas id="c" {m} width="20" height="20"></canvas>', {
    act: draws("c"),
  }),
  canvas(
    "below a mask",
    '<div class="{M}"><p><canvas id="c" width="20" height="20"></canvas></p></div>',
    {
      act: draws("c"),
    },
  ),
  canvas("in an open shadow tree below a mask", '<div id="h" {m}></div>', {
    act: `const root = h.attachShadow({ mode: "open" });
      root.innerHTML = '<canvas width="20" height="20"></canvas>'; ${draws('root.querySelector("canvas")')}`,
  }),
  canvas(
    "in a frame below a mask",
    '<div {m}><iframe id="f" srcdoc="<canvas width=20 height=20></canvas>"></iframe></div>',
    {
      act: `while (!f.contentDocument.querySelector("canvas")) await new Promise((next) => setTimeout(next, 20));
      ${draws('f.contentDocument.querySelector("canvas")')}`,
    },
  ),
  canvas(
    "masked by its slot",
    '<div id="h"><canvas id="c" width="20" height="20"></canvas></div>',
    {
      act: `h.attachShadow({ mode: "open" }).innerHTML = "<section {m}><slot></slot></section>"; ${draws("c")}`,
    },
  ),
  canvas("added later below a mask", '<div id="d" {m}></div>', {
    act: `d.innerHTML = '<canvas id="c" width="20" height="20"></canvas>'; ${draws("c")}`,
  }),
  canvas(
    "masked after it was seen, by somebody who joins then",
    '<canvas id="c" width="20" height="20"></canvas>',
    {
      act: `${draws("c")}; await new Promise((next) => setTimeout(next, 600)); c.classList.add("{M}")`,
      isLate: true,
    },
  ),
  canvas("unmasked after it was masked", '<canvas id="c" {m} width="20" height="20"></canvas>', {
    act: `${DRAW} draw(c, "crimson"); await new Promise((next) => setTimeout(next, 100));
      c.removeAttribute("glance_masked"); draw(shown, "navy")`,
  }),
  canvas("in the default that masks texts", '<canvas id="c" width="20" height="20"></canvas>', {
    group: "canvas-text",
    act: draws("c"),
  }),
  canvas(
    "in a group that lets no picture leave",
    '<canvas id="c" width="20" height="20"></canvas>',
    {
      group: "plain",
      until: (text, fill) => fill.isMasked || pictures(text) > 1,
      found: (text, fill) => pictures(text) > (fill.isMasked ? 0 : 1),
      act: `${draws("c")}; await new Promise((next) => setTimeout(next, 900))`,
    },
  ),
];
