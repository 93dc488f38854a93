/** Kinds of places and changes that no other list has: words in attributes of layout, moments of a node, what widgets repeat. */

import { type Case, type Part, PAUSE, together } from "../kit.js";

const typedInto = (at: number, value = "{c}"): string =>
  `v${String(at)}.value = "${value}"; v${String(at)}.dispatchEvent(new Event("input", { bubbles: true }));`;

const ATTRS = "type dir hidden disabled readonly required multiple open align valign".split(" ");

export const KINDS: readonly Case[] = [
  together(
    "kind: kept attributes of words",
    ATTRS.map((name) => ({ what: name, html: `<p {m} ${name}="{c}">x</p>` })),
  ),
  together(
    "kind: kept attributes of numbers",
    "rows cols size width height colspan rowspan span viewBox"
      .split(" ")
      .map((name) => ({ what: name, html: `<p class="{M}" ${name}="{c}">x</p>` })),
  ),
  { name: "kind: numbers in kept attributes", html: '<p {m} size="{d}" width="{d}">x</p>' },
  together("kind: layout with functions", [
    { what: "env", html: '<p {m} style="width: env({c}, 10px)">x</p>' },
    { what: "attr", html: '<p {m} style="width: attr({c} px, 10px)">x</p>' },
    {
      what: "var by script",
      html: '<p {m} id="b2" style="width:3px">x</p>',
      act: `${PAUSE} b2.style.width = "var(--{c})";`,
    },
    {
      what: "anchor-size",
      html: '<p {m} style="position:absolute; width: anchor-size(--{c} width, 10px)">x</p>',
    },
    {
      what: "anchor",
      html: '<p {m} style="position:absolute; left: anchor(--{c} left, 10px)">x</p>',
    },
    {
      what: "env in an animation",
      html: '<p {m} id="b5">x</p>',
      act: 'b5.animate([{ width: "1px" }, { width: "var(--{c}, 10px)" }], { duration: 100000 }); await new Promise((done) => setTimeout(done, 900));',
    },
    { what: "if", html: '<p {m} style="width: if(style(--{c}: 1): 2px; else: 3px)">x</p>' },
    {
      what: "var shorthand by script",
      html: '<p {m} id="b7" style="margin:3px">x</p>',
      act: `${PAUSE} b7.style.margin = "var(--{c}) 3px";`,
    },
    {
      what: "env by script",
      html: '<p {m} id="b8" style="margin-left:3px">x</p>',
      act: `${PAUSE} b8.style.marginLeft = "env({c}, 4px)";`,
    },
  ]),
  together("kind: nodes of one task", [
    {
      what: "a text that is split off and moved",
      html: '<p id="s0" {m}>abcd{c}</p><p id="t0">o</p>',
      act: `${PAUSE} t0.append(s0.firstChild.splitText(4));`,
    },
    {
      what: "a node that passes through a mask in one task",
      html: '<p id="s1" {m}>x</p><p id="t1">o</p>',
      act: `${PAUSE} const n = document.createElement("b"); n.textContent = "{c}"; s1.append(n); t1.append(n);`,
    },
    {
      what: "a fragment that takes what a mask has",
      html: '<p id="s2" {m}>x</p><p id="t2">o</p>',
      act: `${PAUSE} s2.innerHTML = "<b>{c}</b>"; const f = document.createRange(); f.selectNodeContents(s2); t2.append(f.extractContents());`,
    },
    {
      what: "a new mask around, taken away in one task",
      html: '<p id="t3">o</p>',
      act: `${PAUSE} const w = document.createElement("div"); w.className = "{M}"; w.innerHTML = "<b>{c}</b>"; t3.append(w); w.replaceWith(...w.childNodes);`,
    },
    {
      what: "a masked shadow tree's new node",
      html: '<div id="s4" {m}></div><p id="t4">o</p>',
      act: `s4.attachShadow({ mode: "open" }).innerHTML = "<i>x</i>"; ${PAUSE} const n = document.createElement("b"); n.textContent = "{c}"; s4.shadowRoot.append(n); t4.append(n);`,
    },
    {
      what: "moveBefore",
      html: '<p id="s5" {m}>x</p><p id="t5">o</p>',
      act: `${PAUSE} const n = document.createElement("b"); n.textContent = "{c}"; s5.append(n); (t5.moveBefore ? t5.moveBefore(n, null) : t5.append(n));`,
    },
    {
      what: "a masked frame's new node",
      html: '<iframe id="s6" {m}></iframe><p id="t6">o</p>',
      act: `${PAUSE}${PAUSE} const d = s6.contentDocument; const n = d.createElement("b"); n.textContent = "{c}"; d.body.append(n); t6.append(n);`,
    },
  ]),
  together("kind: copies by widgets", [
    {
      what: "the chosen option's text in a span",
      html: '<select id="v0" {m}><option>none</option><option value="1">{c}</option></select><span id="t0"></span>',
      act: 'v0.selectedIndex = 1; v0.dispatchEvent(new Event("change", { bubbles: true })); t0.textContent = v0.selectedOptions[0].text;',
    },
    {
      what: "the chosen option's value in a data attribute",
      html: '<select id="v1" {m}><option>none</option><option value="{c}">b</option></select><span id="t1"></span>',
      act: 'v1.selectedIndex = 1; v1.dispatchEvent(new Event("change", { bubbles: true })); t1.dataset.value = v1.value;',
    },
    {
      what: "an editable text in a preview",
      html: '<div id="v2" contenteditable {m}></div><p id="t2"></p>',
      act: 'v2.textContent = "{c}"; v2.dispatchEvent(new InputEvent("input", { bubbles: true })); t2.textContent = v2.textContent;',
    },
    {
      what: "a preview that lags behind",
      html: '<input id="v3" {m}><p id="t3"></p>',
      act: `const say = (text) => { v3.value = text; v3.dispatchEvent(new Event("input", { bubbles: true })); }; say("{c}"); ${PAUSE} say("{c}1"); ${PAUSE} say("{c}12"); t3.textContent = "{c}"; ${PAUSE}`,
    },
    {
      what: "one typed letter by letter, lagging",
      html: '<input id="v4" {m}><p id="t4"></p>',
      act: `const value = "{c}88"; for (let at = 1; at <= value.length; at += 1) { v4.value = value.slice(0, at); v4.dispatchEvent(new Event("input", { bubbles: true })); t4.textContent = value.slice(0, Math.max(0, at - 2)); await new Promise((done) => setTimeout(done, 8)); }`,
    },
    {
      what: "a data list's choice",
      html: '<input id="v5" list="l5" {m}><datalist id="l5"><option value="{c}"></datalist><output id="t5"></output>',
      act: `${typedInto(5)} t5.value = v5.value;`,
    },
    {
      what: "a form's data written out",
      html: '<form id="f6"><input id="v6" name="n" {m}></form><pre id="t6"></pre>',
      act: `${typedInto(6)} t6.textContent = new URLSearchParams(new FormData(f6)).toString();`,
    },
    {
      what: "a value that a custom element reflects",
      html: '<x-refl id="t7"></x-refl>',
      act: `customElements.define("x-refl", class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: "open" }).innerHTML = "<input {m}>"; this.shadowRoot.firstChild.addEventListener("input", (e) => this.setAttribute("value", e.target.value)); } }); ${PAUSE} const i = t7.shadowRoot.firstChild; i.value = "{c}"; i.dispatchEvent(new Event("input", { bubbles: true, composed: true })); ${PAUSE}`,
    },
    {
      what: "tab separated words in a table",
      html: '<textarea id="v8" {m}></textarea><table><tr id="t8"></tr></table>',
      act: `v8.value = "one {c} two"; v8.dispatchEvent(new Event("input", { bubbles: true })); t8.innerHTML = "<td>one</td><td>{c}</td><td>two</td>";`,
    },
    {
      what: "an undo",
      html: '<input id="v9" {m}><p id="t9"></p>',
      act: `v9.focus(); document.execCommand("insertText", false, "{c}"); ${PAUSE} document.execCommand("undo"); ${PAUSE} t9.textContent = "{c}";`,
    },
  ]),
  {
    name: "kind: a slider's number in its output",
    html: '<input id="v" type="range" min="0" max="9999999" {m}><output id="t"></output>',
    act: 'v.value = "{d}"; v.dispatchEvent(new Event("input", { bubbles: true })); t.value = v.value;',
  },
  {
    name: "kind: a chosen file's name in its label",
    html: '<input id="v" type="file" {m}><label id="t">x</label>',
    act: async (page, fill) => {
      await page.evaluate(
        'v.addEventListener("change", () => { t.textContent = v.files[0].name; })',
      );
      await page.setInputFiles("#v", {
        name: `${fill.main}.txt`,
        mimeType: "text/plain",
        buffer: Buffer.from("x"),
      });
    },
  },
  {
    name: "kind: address with parameters in its path, a session's number among them",
    html: `<a href="/x;jsessionid={c}">x</a><a href="/y;a=1;PHPSESSID={c1}/z">x</a><form action="/z;sid={c2}"></form><img src="/a;token={c4}/b.png" srcset="/a;t={c5} 1x"><p style="background: url(/b;k={c6}.png)" data-next='{"u":"/n;jsessionid={c7}"}' data-go="https://shop.localhost/g;key={c8}">x</p>`,
    control:
      '<a href="/x/{c}">x</a><a href="/y/{c1}">x</a><form action="/z/{c2}"></form><img src="/a/{c4}/b.png" srcset="/a/{c5} 1x"><p style="background: url(/b/{c6}.png)" data-next="/n/{c7}" data-go="https://shop.localhost/g/{c8}">x</p>',
    act: `history.replaceState({}, "", "/leak/page;jsessionid={c3}"); ${PAUSE}`,
    unseen: "3",
  },
  together(
    "kind: text default",
    [
      {
        what: "option label",
        html: '<select><optgroup label="{c}"><option label="{c}">x</option></optgroup></select>',
      },
      { what: "track", html: '<video><track label="{c}" srclang="en"></video>' },
      {
        what: "submit",
        html: '<input type="submit" value="{c}"><input type="reset" value="{c}"><button value="{c}">x</button>',
      },
      { what: "an image button", html: '<input type="image" alt="{c}" src="/x.png">' },
      {
        what: "meter",
        html: '<meter title="{c}" value="1"></meter><progress aria-valuetext="{c}"></progress>',
      },
      { what: "xmp", html: "<xmp>{c}</xmp>" },
      { what: "a disclosure", html: '<details name="{c}"><summary>{c}</summary>{c}</details>' },
      { what: "math", html: "<math><mtext>{c}</mtext></math>" },
    ],
    { group: "text" },
  ),
  together(
    "kind: sheets in the default that masks texts",
    [
      {
        what: "nested layer",
        html: '<p class="n0">x</p><style id="y0">@layer a { @media all { q { color: red } } }</style>',
        act: `y0.sheet.cssRules[0].cssRules[0].insertRule('.n0::before { content: "{c}" }', 0); ${PAUSE}`,
      },
      {
        what: "nested style",
        html: '<p class="n1">x</p><style id="y1">.n1 { color: red; &::before { content: "{c}" } }</style>',
      },
      {
        what: "nested insertRule",
        html: '<p class="n2">x</p><style id="y2">.n2 { color: red }</style>',
        act: `${PAUSE} y2.sheet.cssRules[0].insertRule('&::before { content: "{c}" }', 0); ${PAUSE}`,
      },
      {
        what: "property",
        html: '<style>@property --zz { syntax: "*"; inherits: true; initial-value: "{c}" }</style>',
      },
      {
        what: "scope and container",
        html: '<style>@scope (.a) { p::after { content: "{c}" } } @container (width > 1px) { p::after { content: "{c}" } }</style>',
      },
      { what: "keyframes", html: '<style>@keyframes kk { to { content: "{c}" } }</style>' },
      {
        what: "custom property of a rule",
        html: '<style>:root { --said: "{c}" } p::after { content: var(--said) }</style>',
      },
      {
        what: "constructed and adopted",
        html: "<i>x</i>",
        act: `const s = new CSSStyleSheet(); s.replaceSync('@layer z { p::after { content: "{c}" } }'); document.adoptedStyleSheets = [s]; ${PAUSE}`,
      },
      { what: "function", html: '<style>@function --f() { result: "{c}" }</style>' },
    ],
    { group: "text" },
  ),
  together("kind: documents", [
    {
      what: "a frame whose masked body is moved to the page",
      html: '<iframe id="d0" srcdoc="<body class={M}><b>x</b>"></iframe><p id="e0">o</p>',
      act: `${PAUSE}${PAUSE}${PAUSE} const n = d0.contentDocument.body.firstChild; e0.append(n); ${PAUSE} n.textContent = "{c}";`,
    },
    {
      what: "an object's page below a mask",
      html: '<div {m}><object id="d1" type="text/html"></object></div><p id="e1"></p>',
      act: "d1.append('{c}');",
    },
    {
      what: "a frame's own address of script",
      html: '<iframe id="d2" {m}></iframe>',
      act: `d2.src = "javascript:'<p>{c}</p>'"; ${PAUSE}${PAUSE}`,
    },
    {
      what: "nested blank frames",
      html: '<iframe id="d3" {m}></iframe>',
      act: `${PAUSE} const i = d3.contentDocument.createElement("iframe"); d3.contentDocument.body.append(i); i.contentDocument.body.textContent = "{c}"; ${PAUSE}${PAUSE}`,
    },
    {
      what: "title of a frame",
      html: '<iframe id="d4" {m} srcdoc="<title>{c}</title><p>{c}"></iframe>',
      act: PAUSE + PAUSE,
    },
    {
      what: "xml with a style",
      html: '<div id="d5" {m}></div>',
      act: `const x = new DOMParser().parseFromString("<r xmlns='http://www.w3.org/1999/xhtml'><p>{c}</p><?pi {c}?></r>", "application/xml"); d5.append(document.adoptNode(x.documentElement)); await new Promise((done) => setTimeout(done, 60));`,
    },
    {
      what: "an unsafe fragment with a shadow tree",
      html: '<div id="d6" {m}></div>',
      act: `d6.setHTMLUnsafe("<section><template shadowrootmode=open><b>{c}</b></template></section>"); ${PAUSE}`,
    },
    {
      what: "a cloned shadow tree",
      html: '<div id="d7" {m}></div>',
      act: `d7.setHTMLUnsafe("<section><template shadowrootmode=open shadowrootclonable><b>{c}</b></template></section>"); const k = d7.firstChild.cloneNode(true); d7.append(k); ${PAUSE}`,
    },
    {
      what: "written into the masked frame line by line",
      html: '<iframe id="d8" {m}></iframe>',
      act: `const d = d8.contentDocument; d.open(); d.write("<p>a"); ${PAUSE} d.write("{c}"); ${PAUSE} d.close();`,
    },
    {
      what: "a popup's node",
      html: '<p id="d9" {m}>x</p>',
      act: `const d = document.implementation.createHTMLDocument(); d.body.innerHTML = "<b>{c}</b>"; d9.append(d.body.firstChild); ${PAUSE}`,
    },
  ]),
  together(
    "kind: masked late and late joins",
    [
      {
        what: "a list's options",
        html: '<select id="k0"><option>{c}</option></select>',
        act: 'k0.className = "{M}";',
      },
      { what: "a picture's words", html: '<img id="k1" alt="{c}">', act: 'k1.className = "{M}";' },
      {
        what: "a title of a drawing",
        html: '<svg><g id="k2"><title>{c}</title></g></svg>',
        act: 'k2.setAttribute("class", "{M}");',
      },
      {
        what: "a field that becomes a password",
        html: '<input id="k3" value="{c}">',
        act: 'k3.type = "{password|text}";',
      },
      {
        what: "a shadow host with a closed tree",
        html: '<div id="k4"></div>',
        act: `k4.attachShadow({ mode: "closed" }).innerHTML = "<b>{c}</b>"; ${PAUSE} k4.className = "{M}";`,
      },
      {
        what: "an element that moves into a mask",
        html: '<div id="k5" {m}></div><b id="j5">{c}</b>',
        act: "k5.append(j5);",
      },
      {
        what: "a text that moves into a mask",
        html: '<div id="k6" {m}></div><p id="j6">{c}</p>',
        act: "k6.append(j6.firstChild);",
      },
      {
        what: "a body's child replaced by a masked one",
        html: '<div id="k7"><i>{c}</i></div>',
        act: 'const k = k7; const w = document.createElement("div"); w.className = "{M}"; k.replaceWith(w); w.append(k);',
      },
      {
        what: "a property of a frame",
        html: '<iframe id="k8" srcdoc="<p>{c}</p>"></iframe>',
        act: `${PAUSE}${PAUSE} k8.className = "{M}";`,
      },
      {
        what: "its mask by attribute",
        html: '<p id="k9">{c}</p>',
        act: 'k9.toggleAttribute("{glance_masked|x}");',
      },
    ].map((part): Part => ({ ...part, act: `${part.act} ${PAUSE}` })),
    { isLate: true },
  ),
  together("kind: odd elements", [
    { what: "a custom element's is", html: '<div {m}><p is="x-{c}">x</p></div>' },
    {
      what: "an attribute with a namespace",
      html: '<svg {m} id="o2"></svg>',
      act: 'o2.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:title", "{c}"); o2.append("{c}");',
    },
    { what: "a list's marker", html: "<ul {m}><li style=\"list-style-type: '{c}'\">x</li></ul>" },
    {
      what: "a table's summary and headers",
      html: '<table {m} summary="{c}"><colgroup title="{c}"><col span="2"></colgroup><tbody><tr><td headers="{c}">{c}</td></tr></tbody></table>',
    },
    { what: "plain text to the end of an element", html: "<listing {m}>{c}</listing>" },
    { what: "a marquee", html: "<marquee {m}>{c}</marquee>" },
    {
      what: "a plugin's address and parameters",
      html: '<object {m} data="/{c}.png" type="image/png"><param name="a" value="{c}"></object>',
    },
    { what: "a search and a menu", html: "<search {m}><menu><li>{c}</li></menu></search>" },
    {
      what: "whom a button commands",
      html: '<button {m} command="show-modal" commandfor="{c}" popovertarget="{c}">{c}</button>',
    },
  ]),
];
