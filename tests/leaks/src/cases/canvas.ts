/**
 * Canvases, in groups that let their pictures leave: of a masked one none does.
 *
 * Each page has a canvas besides that no rule masks. Canvases are read in turn, so once that one's picture has come, the
 * other's would have come before it.
 */

import type { Case, Fill } from "../kit.js";

/** Pages draw before anybody looks, so that no empty picture is counted. */
const HEAD = `<script>
  function draw(canvas, colour) {
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 20, 20);
    return canvas;
  }
  function drawn() {
    return draw(Object.assign(document.createElement("canvas"), { width: 20, height: 20 }), "crimson");
  }
</script>`;
const SECRET = (attribute = ""): string =>
  `<canvas id="c" ${attribute} width="20" height="20"></canvas><script>draw(c, "crimson")</script>`;
const SHOWN =
  '<canvas id="shown" class="glance_unmasked" width="20" height="20"></canvas><script>draw(shown, "navy")</script>';
const WAIT = "await new Promise((next) => setTimeout(next, 600))";

/** Different pictures that have arrived. */
function pictures(text: string): number {
  return new Set([...text.matchAll(/"rr_canvas":"(data:[^"]+)"/g)].map((found) => found[1])).size;
}

const canvas = (name: string, html: string, more: Partial<Case> = {}): Case => ({
  name: `canvas: ${name}`,
  group: "canvas",
  controlGroup: "canvas",
  head: HEAD,
  html: html + SHOWN,
  until: (text: string, fill: Fill) => pictures(text) >= (fill.isMasked ? 1 : 2),
  found: (text: string) => pictures(text) > 1,
  ...more,
});

export const CANVASES: readonly Case[] = [
  canvas("itself masked", SECRET("{m}")),
  canvas("below a mask", `<div class="{M}"><p>${SECRET()}</p></div>`),
  canvas("in an open shadow tree below a mask", '<div id="h" {m}></div>', {
    act: 'h.attachShadow({ mode: "open" }).append(drawn())',
  }),
  canvas("in a closed shadow tree below a mask", '<div id="h" {m}></div>', {
    act: 'h.attachShadow({ mode: "closed" }).append(drawn())',
  }),
  canvas(
    "in a frame below a mask",
    `<div {m}><iframe srcdoc="<canvas id=c width=20 height=20></canvas><script>parent.draw(c, 'crimson')</script>"></iframe></div>`,
  ),
  canvas("masked by its slot", `<div id="h">${SECRET()}</div>`, {
    head: `${HEAD}<script>addEventListener("DOMContentLoaded", () => {
      h.attachShadow({ mode: "open" }).innerHTML = "<section {m}><slot></slot></section>";
    })</script>`,
  }),
  canvas("added later below a mask", '<div id="d" {m}></div>', { act: "d.append(drawn())" }),
  canvas("masked after it was seen, by somebody who joins then", SECRET(), {
    act: `${WAIT}; c.classList.add("{M}")`,
    isLate: true,
  }),
  canvas("unmasked after it was masked", SECRET("{m}"), {
    act: `${WAIT}; c.removeAttribute("glance_masked"); ${WAIT}`,
  }),
  canvas("in the default that masks texts", SECRET(), { group: "canvas-text" }),
  canvas("in a group that lets no picture leave", SECRET(), {
    group: "plain",
    until: (text, fill) => fill.isMasked || pictures(text) > 1,
    found: (text, fill) => pictures(text) > (fill.isMasked ? 0 : 1),
    act: WAIT,
  }),
];
