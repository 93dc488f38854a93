/** Shadow trees, slots and frames: masks reach through what the composed tree joins. */

import type { Case } from "../kit.js";

const SHADOW = (mode: string, inner: string): string =>
  `const r = h.attachShadow({ mode: "${mode}" }); r.innerHTML = \`${inner}\``;
const WAIT = "; await new Promise((done) => setTimeout(done, 80))";

export const TREES: readonly Case[] = [
  {
    name: "an open shadow tree below a masked host",
    html: '<div id="h" {m}></div>',
    act: SHADOW("open", "<p title='{c1}'>{c}</p>") + WAIT,
  },
  {
    name: "a mask inside an open shadow tree",
    html: '<div id="h"></div>',
    act: SHADOW("open", "<p {m}>{c}</p><input {m} value='{c1}'>") + WAIT,
  },
  {
    name: "a declarative shadow tree",
    html: '<div {m}><template shadowrootmode="open"><p>{c}</p><style>p::after{content:"{c1}"}</style></template></div>',
  },
  {
    name: "a mask inside a declarative shadow tree",
    html: '<div><template shadowrootmode="open"><p class="{M}">{c}</p></template></div>',
  },
  {
    name: "a closed shadow tree",
    html: '<div id="h" {m}></div>',
    act: SHADOW("closed", "<p>{c}</p>") + WAIT,
  },
  {
    name: "a declarative closed shadow tree",
    html: '<div {m}><template shadowrootmode="closed"><p>{c1}</p></template></div>',
    control: "<p>{c}</p>",
  },
  {
    name: "a tree in a tree",
    html: '<div id="h" {m}></div>',
    act:
      `${SHADOW("open", "<main></main>")}; r.firstChild.attachShadow({ mode: "open" }).innerHTML = "<i>{c}</i>"` +
      WAIT,
  },
  {
    name: "what is slotted into a masked place",
    html: '<div id="h"><b>{c}</b></div>',
    act:
      SHADOW("open", "<section {m}><slot></slot></section>") +
      '; h.firstChild.textContent = "{c}"' +
      WAIT,
    found: (text, fill) => text.split(fill.main).length > 2,
  },
  {
    name: "what is slotted into a masked place of a declarative tree",
    html: '<div><template shadowrootmode="open"><section {m}><slot name="s"></slot></section></template><b slot="s">{c}</b></div>',
  },
  {
    name: "what is slotted into a masked slot of a closed tree",
    html: '<div id="h"></div>',
    act:
      SHADOW("closed", "<section {m}><slot></slot></section>") +
      '; h.innerHTML = "<b>{c}</b>"' +
      WAIT,
  },
  {
    name: "what is given to a masked slot by hand",
    html: '<div id="h"><b id="b">x</b></div>',
    act:
      'const r = h.attachShadow({ mode: "open", slotAssignment: "manual" }); r.innerHTML = "<p {m}><slot></slot></p>"; r.querySelector("slot").assign(b); b.textContent = "{c}"' +
      WAIT,
  },
  {
    name: "the fallback of a masked slot",
    html: '<div id="h"></div>',
    act: SHADOW("open", "<slot {m}>{c}</slot>") + WAIT,
  },
  {
    name: "text right below a shadow root, in the default that masks texts",
    group: "text",
    html: '<div id="h"></div>',
    act: SHADOW("open", "x") + '; r.append("{c1}"); r.firstChild.data = "{c}"' + WAIT,
  },
  {
    name: "text that is slotted as it is",
    html: '<div id="h"></div>',
    act: SHADOW("open", "<p {m}><slot></slot></p>") + '; h.append("{c}")' + WAIT,
  },
  {
    name: "a custom element whose host is masked as it is built",
    head: '<script>customElements.define("x-masked", class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: "open" }).innerHTML = "<p>{c}</p>"; this.className = "{M}"; } })</script>',
    html: '<div id="o"></div>',
    act: 'o.innerHTML = "<x-masked></x-masked>"' + WAIT,
  },
  {
    name: "a frame of the same origin below a mask",
    html: '<div {m}><iframe src="inner.html" name="{c1}" title="{c2}"></iframe></div>',
    files: { "inner.html": "<title>{c3}</title><p>{c}</p>" },
    act: WAIT.slice(2),
  },
  {
    name: "a mask inside a frame of the same origin",
    html: '<iframe src="inner.html"></iframe>',
    files: { "inner.html": "<p {m}>{c}</p><input {m} value='{c1}'>" },
    act: WAIT.slice(2),
  },
  {
    name: "a masked frame with an inline document",
    html: '<iframe {m} srcdoc="<p>{c}</p>"></iframe>',
    act: WAIT.slice(2),
  },
  {
    name: "a masked empty frame that is written to",
    html: '<iframe {m} id="h"></iframe>',
    act:
      'h.contentDocument.body.innerHTML = "<p>{c}</p>"; h.contentDocument.title = "{c1}"; await 0; h.contentDocument.open(); h.contentDocument.write("<p>{c2}</p>"); h.contentDocument.close()' +
      WAIT,
  },
  {
    name: "what is typed in a masked frame",
    html: '<iframe {m} id="h" srcdoc="<input id=f>"></iframe>',
    act: async (page, fill) => {
      await page.waitForTimeout(80);
      await page.frameLocator("#h").locator("#f").pressSequentially(fill.main);
      await page.waitForTimeout(40);
    },
  },
  {
    name: "a frame in a frame",
    html: "<iframe {m} srcdoc=\"<iframe srcdoc='<p>{c}</p>'></iframe>\"></iframe>",
    act: `await new Promise((done) => setTimeout(done, 200))`,
  },
  {
    name: "a frame that loads another page",
    html: '<iframe id="h" {m} src="one.html"></iframe>',
    files: { "one.html": "<p>x</p>", "two.html": "<p>{c}</p>" },
    act: 'await new Promise((done) => setTimeout(done, 60)); h.src = "two.html"; await new Promise((done) => setTimeout(done, 150))',
  },
  {
    name: "a frame in a masked shadow tree",
    html: '<div id="h" {m}></div>',
    act:
      SHADOW("open", "<iframe srcdoc='<p>{c}</p>'></iframe>") +
      "; await new Promise((done) => setTimeout(done, 150))",
  },
  {
    name: "a frame that is moved below a mask",
    html: '<iframe id="h"></iframe><div id="i" {m}></div>',
    act: 'i.append(h); await 0; h.contentDocument.body.textContent = "{c}"; await new Promise((done) => setTimeout(done, 150))',
  },
  {
    name: "the address of a frame with its query",
    html: '<iframe src="inner.html?token={c}#{c1}"></iframe>',
    controlGroup: "queries",
    unseen: "1",
    files: { "inner.html": "<a href='#x'>x</a><p style='background:url(#y)'>x</p>" },
    act: WAIT.slice(2),
  },
];
