/** Texts and attributes below a mask, in every kind of element that holds some. */

import type { Case } from "../kit.js";

const attribute = (html: string, what: string): Case => ({ name: what, html });

export const TEXTS: readonly Case[] = [
  { name: "a text by class", html: '<p class="a {M} b">{c}</p>' },
  { name: "a text by attribute", html: "<p {m}>{c}</p>" },
  {
    name: "a text by attribute with a value that says no",
    html: '<p {glance_masked="false"|x}>{c}</p>',
  },
  {
    name: "a text far below",
    html: "<div {m}><ul><li><b><i>{c}</i></b></li></ul><table><tr><td>{c1}</td></tr></table></div>",
  },
  {
    name: "a text inside an unmask inside a mask",
    html: '<div {m}><p class="glance_unmasked" glance_unmasked>{c}</p></div>',
  },
  { name: "a title below a mask", html: "<main {m}><h1>{c}</h1></main>" },
  attribute(
    '<p {m} title="{c}" aria-label="{c1}" aria-description="{c2}" aria-valuetext="{c3}">x</p>',
    "titles and labels for assistive technology",
  ),
  attribute(
    '<p {m} data-a="{c}" {c1}="" itemprop="{c2}" xml:lang="{c3}" lang="{c4}">x</p>',
    "data, made-up and language attributes",
  ),
  {
    name: "a link's address",
    html: '<a {m} href="/x/{c}" download="{c1}" hreflang="{c2}" ping="/{c3}" rel="{c4}">x</a>',
    unseen: "3",
  },
  attribute(
    '<div {m}><form action="/{c}" name="{c1}" target="{c2}"><button formaction="/{c3}" value="{c4}" name="{c5}">{c6}</button></form></div>',
    "a form's address",
  ),
  attribute(
    '<img {m} src="/{c}.png" srcset="/{c1}.png 2x" alt="{c2}" usemap="#{c3}" longdesc="/{c4}">',
    "a picture's address and words",
  ),
  attribute(
    '<picture {m}><source srcset="/{c}.webp" media="(min-width: 1px)"><img src="/{c1}.png"></picture>',
    "the sources of a picture",
  ),
  attribute(
    '<video {m} src="/{c}.mp4" poster="/{c1}.png"><source src="/{c2}.mp4"><track src="/{c3}.vtt" label="{c4}"></video><audio {m} src="/{c5}.mp3"></audio>',
    "a film, its poster and tracks",
  ),
  attribute(
    '<div {m}><object data="/{c}" type="text/html" name="{c1}">{c2}</object><embed src="/{c3}"></div>',
    "an object and an embed",
  ),
  attribute("<details {m}><summary>{c}</summary>{c1}</details>", "details and their summary"),
  attribute('<div {m}><dialog open aria-label="{c1}">{c}</dialog></div>', "a dialog"),
  attribute('<div {m}><div popover id="pop">{c}</div></div>', "a popover"),
  attribute(
    '<div {m}><output>{c}</output><ruby>{c1}<rt>{c2}</rt></ruby><abbr title="{c3}">x</abbr><time datetime="{c4}">x</time><data value="{c5}">x</data></div>',
    "outputs, abbreviations, times and data",
  ),
  attribute('<ol {m}><li value="{d}">x</li></ol>', "the number of a list item"),
  attribute(
    '<table><caption class="{M}">{c}</caption><tr><th {m} abbr="{c1}">{c2}</th></tr></table>',
    "a table's caption and heads",
  ),
  attribute('<map {m} name="{c}"><area href="/{c1}" alt="{c2}"></map>', "areas of a map"),
  {
    name: "a data address of a picture",
    html: `<img {m} src="data:image/svg+xml;base64,${Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>").toString("base64")}{c}">`,
  },
  {
    name: "a picture's blob address and a drawing",
    unseen: "34",
    html: '<canvas {m} id="k" width="9" height="9" aria-label="{c}">{c1}</canvas><img {m} id="i" alt="{c2}">',
    act: 'k.getContext("2d").fillText("{c3}", 1, 8); i.src = URL.createObjectURL(new Blob(["{c4}"]))',
  },
  {
    name: "the text of a vector drawing",
    html: "<svg {m}><title>{c}</title><desc>{c1}</desc><text x='1' y='9'>{c2}<tspan>{c3}</tspan></text></svg>",
  },
  {
    name: "markup inside a vector drawing",
    html: '<svg {m}><foreignObject width="99" height="9"><p xmlns="http://www.w3.org/1999/xhtml" title="{c1}">{c}</p></foreignObject></svg>',
  },
  {
    name: "paths, links and uses of a vector drawing",
    html: '<svg><g class="{M}"><path d="M0 0" id="{c1}" data-d="{c}"/><a href="/{c2}"><use xlink:href="#{c3}"/></a><metadata>{c4}</metadata></g></svg>',
    found: (text, fill) =>
      text.includes(fill.main) || [2, 3, 4].some((at) => text.includes(fill.canaries[at] ?? "?")),
  },
  {
    name: "a vector drawing's mask inside an open drawing",
    html: "<svg><text>open</text><g {m}><text>{c}</text></g></svg>",
  },
  {
    name: "a formula",
    html: '<math {m} alttext="{c1}"><semantics><mi>{c}</mi><annotation>{c2}</annotation></semantics></math>',
  },
  { name: "a comment", html: "<p>x<!-- {c} --></p>", control: "<p>{c}</p>" },
  {
    name: "a script's text",
    html: '<script type="application/json">{"a":"{c}"}</script>',
    control: "<p>{c}</p>",
  },
  {
    name: "a noscript's text",
    html: "<noscript><p>{c}</p></noscript>",
    control: "<div><p>{c}</p></div>",
  },
  {
    name: "a template's content",
    html: '<template><p title="{c1}">{c}</p></template>',
    control: "<div><p>{c}</p></div>",
  },
  {
    name: "handlers",
    html: '<button onclick="x(\'{c}\')" onfoo="{c1}">x</button>',
    control: '<button data-x="{c}">x</button>',
  },
  {
    name: "script addresses",
    html: '<a href="java&#9;script:x(\'{c}\')">x</a><form action=" javascript:{c1}"></form>',
    control: '<a href="/{c}">x</a>',
  },
  {
    name: "meta elements with tokens",
    unseen: "123",
    html: "<p>x</p>",
    head: '<meta name="csrf-token" content="{c3}"><meta property="user" content="{c1}"><meta itemprop="x" content="{c2}">',
    control: '<p title="{c}">x</p>',
  },
  {
    name: "a frame's inline document in its attribute",
    html: '<iframe sandbox="" srcdoc="<p>{c}</p>"></iframe>',
    control: '<iframe srcdoc="<p>{c}</p>"></iframe>',
  },
];
