/** Pages as frameworks, servers and old browsers shape them: other kinds of documents, other moments of a mask, attributes of templates. */

import { PAUSE, together, type Case } from "../kit.js";

/** What frames of other kinds show, and the mask that comes after. */
const LATER = `${PAUSE}${PAUSE}${PAUSE}`;

export const SHAPES: readonly Case[] = [
  {
    name: "shape: a page of XHTML, its data sections and instructions",
    kind: "xhtml",
    html: '<p class="{M}" title="{c1}">{c}<![CDATA[ {c2} ]]><?say {c3}?><!-- {c4} --></p><input class="{M}" value="{c5}"/><select class="{M}"><option>{c6}</option></select><textarea class="{M}">{c7}</textarea><style class="{M}">.x::after { content: "{c8}" }</style>',
    unseen: "234",
  },
  {
    name: "shape: frames and slots of a page of XHTML, masked later",
    kind: "xhtml",
    html: `<div id="d"><iframe srcdoc="&lt;p&gt;{c}&lt;/p&gt;"></iframe></div><div id="s"><b>{c1}</b></div>`,
    act: `const [d, s] = ["d", "s"].map((id) => document.getElementById(id)); const root = s.attachShadow({ mode: "open" }); root.append(document.createElement("section")); root.firstChild.append(document.createElement("slot")); ${LATER}
      d.className = "{M}"; root.firstChild.className = "{M}"; ${LATER}`,
    isLate: true,
  },
  {
    name: "shape: a slot with a prefix, masked later",
    html: '<div id="s"><b>{c}</b></div>',
    act: `const root = s.attachShadow({ mode: "open" }); root.innerHTML = "<section></section>"; root.firstChild.append(document.createElementNS("http://www.w3.org/1999/xhtml", "h:slot")); ${LATER} root.firstChild.className = "{M}"; ${LATER}`,
    isLate: true,
  },
  {
    name: "shape: a page of quirks",
    kind: "quirks",
    html: '<p class="{GLANCE_MASKED|x}">{c}</p><P CLASS="{Glance_Masked|x}" TITLE="{c1}">x</P><font glance_maskeD{|_no}="" color="{c2}">{c3}</font><p id="q">x</p>',
    act: `q.className = "{GLANCE_MASKED|x}"; q.textContent = "{c4}"; q.className = ""; ${PAUSE} q.append("{c5}");`,
  },
  {
    name: "shape: a frame of quirks and one of XHTML",
    html: '<iframe id="f" src="{folder}/q.html"></iframe><iframe id="g" src="{folder}/x.xhtml"></iframe>',
    files: {
      "q.html": '<body><p class="{GLANCE_MASKED|x}">{c}</p><p>open</p>',
      "x.xhtml":
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><p class="{M}">{c1}<b title="{c2}">x</b></p><input class="{M}" value="{c3}"/></body></html>',
    },
    act: LATER,
  },
  {
    name: "shape: a page under a strict policy, with its nonces",
    html: `<p {m}>{c}</p><script nonce="{c1}">1</script><style nonce="{c2}">p { color: red }</style><link rel="stylesheet" nonce="{c3}" href="data:text/css,p{}">`,
    head: '<meta http-equiv="Content-Security-Policy" content="style-src \'unsafe-inline\' data: blob:">',
    unseen: "123",
    control: '<p>{c}</p><p title="{c1}">x</p><p title="{c2}">x</p><p title="{c3}">x</p>',
  },
  {
    name: "shape: what is slotted into a closed tree of a frame",
    html: '<iframe id="f" srcdoc="<div id=h></div>"></iframe>',
    act: `${LATER} const h = f.contentDocument.querySelector("#h"); h.attachShadow({ mode: "closed" }).innerHTML = "<b class={M}><slot></slot><i title={c1}>x</i></b>"; h.innerHTML = "<p>{c}</p>"; ${LATER}`,
  },
  {
    name: "shape: a title in the markup of a masked drawing",
    html: '<svg {m}><foreignObject id="f"></foreignObject></svg>',
    act: `const title = document.createElement("title"); title.textContent = "{c}"; f.append(title); ${PAUSE}`,
    found: (text, fill) => text.includes(`"title":"${fill.main}"`),
  },
  together("shape: moments of a wrapper", [
    {
      what: "its child leaves, then its mask",
      html: '<p id="t0">o</p>',
      act: `${PAUSE} const w = document.createElement("div"); w.className = "{M}"; w.innerHTML = "<b>{c}</b>"; t0.append(w); t0.append(w.firstChild); w.className = "";`,
    },
    {
      what: "its child leaves, then it, then its mask",
      html: '<p id="t1">o</p>',
      act: `${PAUSE} const w = document.createElement("div"); w.setAttribute("{glance_masked|x}", ""); w.innerHTML = "<i><b>{c}</b></i>"; t1.append(w); t1.append(w.querySelector("b")); w.remove(); w.removeAttribute("{glance_masked|x}");`,
    },
    {
      what: "a text is split off below it",
      html: '<p id="t2">o</p>',
      act: `${PAUSE} const w = document.createElement("div"); t2.append(w); w.className = "{M}"; w.append("abc", "{c}"); t2.append(w.lastChild); w.className = "";`,
    },
    {
      what: "a box far above is masked and unmasked around a move",
      html: '<div id="o3"><div><div id="s3"></div></div></div><p id="t3">o</p>',
      act: `${PAUSE} o3.className = "{M}"; s3.innerHTML = "<b>{c}</b>"; t3.append(s3.firstChild); o3.className = "";`,
    },
    {
      what: "a tree leaves with what was masked in it",
      html: '<div id="o4" class="{M}"></div><p id="t4">o</p>',
      act: `${PAUSE} o4.innerHTML = "<section><b>x</b></section>"; ${PAUSE} const o = o4; const n = o.firstChild; o.remove(); o.className = ""; const b = n.firstChild; t4.append(b); ${PAUSE} b.textContent = "{c}";`,
    },
    {
      what: "a shadow tree goes along",
      html: '<div id="o5" class="{M}"></div><p id="t5">o</p>',
      act: `${PAUSE} const h = document.createElement("div"); h.attachShadow({ mode: "open" }).innerHTML = "<b>x</b>"; o5.append(h); ${PAUSE} t5.append(h); ${PAUSE} h.shadowRoot.firstChild.textContent = "{c}";`,
    },
    {
      what: "a new shadow tree passes through in one task",
      html: '<div id="o6" class="{M}"></div><p id="t6">o</p>',
      act: `${PAUSE} const h = document.createElement("div"); h.attachShadow({ mode: "open" }).innerHTML = "<b>{c}</b>"; o6.append(h); t6.append(h);`,
    },
  ]),
  together("shape: documents that are operated on", [
    {
      what: "a masked root's frame is written anew",
      html: '<iframe id="q1" srcdoc="<html class={M}><p>x"></iframe>',
      act: `${LATER} const d = q1.contentDocument; d.open(); d.write("<html class={M}><body><p>{c}</p>"); d.close(); ${LATER}`,
    },
    {
      what: "a frame's body is another",
      html: '<iframe id="q2" srcdoc="<p>x"></iframe>',
      act: `${LATER} const d = q2.contentDocument; const b = d.createElement("body"); b.className = "{M}"; b.innerHTML = "<p title={c}>{c}</p>"; d.body = b; ${LATER} b.className = ""; ${PAUSE} b.append("{c}");`,
    },
    {
      what: "all of the body goes and comes",
      html: '<div id="q4" {m}><b>x</b></div>',
      act: `${PAUSE} const q = q4; const rest = [...document.body.childNodes]; const f = new DocumentFragment(); f.append(q); q.firstChild.textContent = "{c}"; ${PAUSE} document.body.prepend(f); ${PAUSE} q.normalize();`,
    },
    {
      what: "markup of a document that another parser made",
      html: '<div id="q5" {m}></div>',
      act: `const d = Document.parseHTMLUnsafe("<body><section><template shadowrootmode=open><p>{c}</p></template></section>"); q5.append(d.body.firstChild); ${PAUSE} q5.insertAdjacentHTML("beforeend", q5.getHTML({ serializableShadowRoots: true }) + "<b>{c}</b>");`,
    },
    {
      what: "an editing command",
      html: '<div id="q6" contenteditable {m}>x</div>',
      act: `q6.focus(); for (const [name, value] of [["insertHTML", "<b title='{c}'>{c}</b>"], ["formatBlock", "h2"], ["insertImage", "/{c}.png"], ["createLink", "/{c}"], ["fontName", "{c}"]]) document.execCommand(name, false, value); ${PAUSE} q6.append("{c}");`,
    },
  ]),
  together("shape: templates of frameworks", [
    {
      what: "attributes of Alpine and Vue",
      html: `<div {m} x-data="{ a: '{c}' }" @click="{c}" :value="{c}" v-model.trim="{c}" #slot="{c}" (input)="{c}" [value]="{c}" *ngif="{c}" x-on:click.prevent="{c}">x</div>`,
    },
    {
      what: "HTMX, swapped from outside",
      html: '<div id="h1"><form {m} hx-post="/{c}" hx-vals=\'{"a":"{c}"}\'><b>x</b></form></div>',
      act: `h1.firstChild.classList.add("htmx-swapping"); await new Promise((done) => setTimeout(done, 20)); h1.firstChild.outerHTML = "<form class='{M} htmx-added' data-v='{c}'><b>{c}</b></form>"; h1.firstChild.classList.remove("htmx-added");`,
    },
    {
      what: "Svelte, which moves anchors and sets data",
      html: '<ul id="h2" {m}></ul>',
      act: `const anchor = document.createComment(""); h2.append(anchor); const text = document.createTextNode(""); const li = document.createElement("li"); li.append(text, document.createTextNode(" ")); h2.insertBefore(li, anchor); await 0; text.data = "{c}"; h2.insertBefore(li.cloneNode(true), li);`,
    },
    {
      what: "a component that masks itself once it is connected",
      html: '<div id="h3"></div>',
      act: `customElements.define("x-selfmask", class extends HTMLElement { connectedCallback() { this.textContent = "{c}"; this.classList.add("{M}"); } }); h3.innerHTML = "<x-selfmask></x-selfmask>";`,
    },
    {
      what: "one that masks itself as an attribute changes",
      html: '<div id="h4"></div>',
      act: `customElements.define("x-reactmask", class extends HTMLElement { static observedAttributes = ["value"]; attributeChangedCallback() { this.toggleAttribute("{glance_masked|x}", true); this.innerHTML = "<b>{c}</b>"; } }); h4.innerHTML = "<x-reactmask></x-reactmask>"; h4.firstChild.setAttribute("value", "{c}");`,
    },
    {
      what: "a code editor's rows",
      html: '<div id="h5" {m} class="monaco {M}"><div class="view-lines"></div><textarea class="inputarea"></textarea></div>',
      act: `const rows = h5.firstChild; for (let row = 0; row < 5; row += 1) { const line = document.createElement("div"); line.style.top = row * 18 + "px"; line.innerHTML = "<span><span class=mtk1>{c}</span></span>"; rows.append(line); } h5.lastChild.value = "{c}"; await 0; rows.insertBefore(rows.lastChild, rows.firstChild); rows.firstChild.firstChild.firstChild.firstChild.data = "{c}!";`,
    },
    {
      what: "a list of which rows are used again",
      html: '<div id="h6" class="{M}"></div>',
      act: `for (let at = 0; at < 8; at += 1) h6.insertAdjacentHTML("beforeend", "<div>row</div>"); ${PAUSE} for (const row of h6.children) { row.textContent = "{c}"; row.title = "{c}"; } h6.append(h6.firstChild);`,
    },
    {
      what: "a portal and a dialog",
      html: '<div id="h7"></div>',
      act: `const d = document.createElement("dialog"); d.className = "{M}"; d.innerHTML = "<form method=dialog><output>{c}</output></form>"; document.body.append(d); d.showModal(); await 0; d.close("{c}"); document.body.append(d); d.show();`,
    },
  ]),
  together(
    "shape: sheets and links in the default that masks texts",
    [
      {
        what: "names of alternate sheets",
        html: '<link rel="alternate stylesheet" title="{c}" aria-label="{c}" href="data:text/css,q{}"><style title="{c}" data-x="{c}">q { color: red }</style>',
      },
      {
        what: "one that is changed later",
        html: '<style id="y1">q { color: red }</style>',
        act: `${PAUSE} y1.title = "{c}"; y1.setAttribute("data-said", "{c}"); ${PAUSE} y1.disabled = true;`,
      },
      {
        what: "a link of another kind",
        html: '<link rel="search" title="{c}" href="/x.xml"><link itemprop="name" content="{c}" href="/y">',
      },
      {
        what: "a print's sheet",
        html: '<style media="print">p::after { content: "{c}" } @page { @top-left { content: "{c}" } }</style>',
      },
    ],
    { group: "text" },
  ),
  together("shape: sheets below a mask", [
    {
      what: "an alternate one with a title, disabled and print's",
      html: '<div {m}><style id="z0" title="{c}" media="print">.x::after { content: "{c}" }</style><link rel="alternate stylesheet" title="{c}" href="data:text/css,.x::after{content:\'{c}\'}"></div>',
      act: `z0.disabled = true; ${PAUSE} z0.disabled = false; z0.sheet?.insertRule(".y::after { content: '{c}' }"); z0.media = "all and (min-width: 1px)";`,
    },
    {
      what: "one that a frame adopts",
      html: '<iframe id="z1" {m}></iframe>',
      act: `${PAUSE} const w = z1.contentWindow; const s = new w.CSSStyleSheet(); w.document.adoptedStyleSheets = [s]; s.replaceSync(".x::after { content: '{c}' }"); await 0; s.insertRule(".y::after { content: '{c}' }"); s.cssRules[0].style.setProperty("--z", "{c}"); w.document.body.innerHTML = "<b class=x>{c}</b>";`,
    },
    {
      what: "one that moves out of a masked tree by cloning its texts",
      html: '<div id="z2" {m}><style>.x { color: red }</style></div>',
      act: `${PAUSE} const s = z2.firstChild; s.append(".w::after { content: '{c}' }"); await 0; s.firstChild.splitText(2); s.normalize(); ${PAUSE} s.sheet.cssRules[0].style.content = "'{c}'";`,
    },
    {
      what: "a rule that a script has put in, whose value a masked element has",
      html: `<p class="{M} v4" style="--z: 12px '{c}'">x</p><style id="z4"></style><script>z4.sheet.insertRule(".v4 { font: var(--z); font-size: 9px }")</script>`,
      act: PAUSE,
    },
    {
      what: "a drawing's own",
      html: '<svg {m} id="z3"><style>text { fill: red }</style><text>x</text></svg>',
      act: `${PAUSE} z3.firstChild.textContent = "text::after { content: '{c}' }"; z3.lastChild.textContent = "{c}";`,
    },
  ]),
  {
    name: "shape: a page's data: maps of imports, rules of speculation, islands, proposals of words",
    html: `<script type="application/ld+json">{ "a": "{c1}" }</script><script type="importmap">{ "imports": { "a": "/{c2}.js" } }</script><script type="speculationrules">{ "prefetch": [{ "urls": ["/{c3}"] }] }</script>
      <noscript>{c4}</noscript><meta name="description" content="{c5}"><meta property="og:title" content="{c6}"><template><p>{c7}</p></template><!-- {c8} --><p {m}>{c}</p>`,
    control: "<p>{c}{c1}{c2}{c3}{c4}{c5}{c6}{c7}{c8}</p>",
  },
  {
    name: "shape: files that are chosen, several of them",
    html: '<input id="v" type="file" multiple {m}><ul id="t"></ul>',
    act: async (page, fill) => {
      await page.evaluate(
        'v.addEventListener("change", () => { t.innerHTML = [...v.files].map((file) => `<li>${file.name} <b title="${file.name}">x</b></li>`).join(""); })',
      );
      const one = (name: string): { name: string; mimeType: string; buffer: Buffer } => ({
        name,
        mimeType: "text/plain",
        buffer: Buffer.from("x"),
      });
      await page.setInputFiles("#v", [
        one(`${fill.main}.txt`),
        one(`${fill.canaries[1] ?? ""}.tar`),
      ]);
    },
    found: (text, fill) => fill.has(text, 0) || fill.has(text, 1),
  },
];
