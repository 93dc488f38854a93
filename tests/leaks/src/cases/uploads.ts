/**
 * Resources that travel along: in groups that want it, of what is masked none is even read.
 *
 * Each page has a picture besides that no rule masks. What a page names is read at once, so when that one has arrived the
 * other would have.
 */

import type { Case, Fill } from "../kit.js";

const svg = (words: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><title>${words}</title></svg>`;

const FILES = { "secret.svg": svg("{c}"), "open.svg": svg("open") };
const OPEN = '<img src="open.svg" width="20" height="20">';

const upload = (name: string, html: string, more: Partial<Case> = {}): Case => ({
  name: `upload: ${name}`,
  group: "uploads",
  controlGroup: "uploads",
  html: html + OPEN,
  files: FILES,
  until: (text: string, fill: Fill) =>
    fill.isMasked ? text.includes('"resource"') : fill.isIn(text),
  found: (text: string, fill: Fill) => fill.isIn(text),
  ...more,
});

export const UPLOADS: readonly Case[] = [
  upload("a masked picture", '<img {m} src="secret.svg">'),
  upload(
    "a picture below a mask, with one for other screens",
    '<p class="{M}"><img src="secret.svg" srcset="secret.svg 2x"></p>',
  ),
  upload("a masked element's background", '<p {m} style="background:url(secret.svg)">x</p>'),
  upload("a masked element's background that the page has made itself", '<p {m} id="b">x</p>', {
    act: `b.style.background = "url(" + URL.createObjectURL(new Blob(['${svg("{c}")}'], { type: "image/svg+xml" })) + ")"`,
  }),
  upload(
    "a sheet below a mask",
    '<div {m}><style>.s { background: url(secret.svg) }</style><p class="s">x</p></div>',
  ),
  upload("a picture in a shadow tree below a mask, added later", '<div id="h" {m}></div>', {
    act: `h.attachShadow({ mode: "open" }).innerHTML = '<img src="secret.svg">'`,
  }),
  upload("a group that wants none", '<img src="secret.svg">', {
    group: "plain",
    until: (text: string, fill: Fill) => fill.isMasked || fill.isIn(text),
    act: "await new Promise((next) => setTimeout(next, 900))",
  }),
];
