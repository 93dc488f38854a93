/** Ways around the mask that were thought of afterwards, several on a page. */

import { type Case, PAUSE, together } from "../kit.js";

export const ATTACKS: readonly Case[] = [
  together("attack by moves", [
    {
      what: "a node that is adopted from a frame",
      html: '<iframe id="a0" srcdoc="<p class={M} id=p>{c}</p>"></iframe><div id="b0"></div>',
      act: `await new Promise((done) => { const look = () => a0.contentDocument?.querySelector("#p") ? setTimeout(done, 60) : setTimeout(look, 10); look(); });
        const n = a0.contentDocument.querySelector("#p"); n.className = ""; b0.append(document.adoptNode(n));`,
    },
    {
      what: "a clone of a masked field without its mask",
      html: '<div id="b1"><input id="a1" class="{M}"></div>',
      act: `a1.value = "{c}"; a1.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE}
        const n = a1.cloneNode(true); n.className = ""; n.setAttribute("value", a1.value); b1.append(n);`,
    },
    {
      what: "a template's content that is put in",
      html: '<template id="a2"><p {m}>{c}</p></template><div id="b2"></div>',
      act: "b2.append(document.importNode(a2.content, true));",
    },
    {
      what: "a mask that comes and goes in one task inside a shadow tree",
      html: '<div id="a3"></div>',
      act: `a3.attachShadow({ mode: "open" }).innerHTML = "<p>x</p>"; ${PAUSE}
        const n = a3.shadowRoot.firstChild; n.classList.add("{M}"); n.textContent = "{c}"; n.classList.remove("{M}");`,
    },
    {
      what: "a masked node that leaves its shadow tree",
      html: '<div id="a4"></div>',
      act: `a4.attachShadow({ mode: "open" }).innerHTML = "<p {m}>x</p>"; ${PAUSE}
        const n = a4.shadowRoot.firstChild; n.removeAttribute("glance_masked"); a4.after(n); ${PAUSE} n.textContent = "{c}";`,
    },
    {
      what: "a masked wrapper put around a text before it is set",
      html: '<p id="a5">x</p>',
      act: `const r = document.createRange(); r.selectNodeContents(a5); const n = document.createElement("b");
        n.className = "{M}"; r.surroundContents(n); n.firstChild.data = "{c}";`,
    },
    {
      what: "an editable element whose mask is taken away while it is edited",
      html: '<div id="a6" contenteditable class="{M}">x</div>',
      act: `a6.focus(); a6.className = ""; ${PAUSE} getSelection().selectAllChildren(a6); document.execCommand("insertText", false, "{c}");`,
    },
    {
      what: "a masked shadow host that is moved into an open frame",
      html: '<div id="a7" class="{M}"></div><iframe id="b7"></iframe>',
      act: `a7.attachShadow({ mode: "open" }).innerHTML = "<p>x</p>"; ${PAUSE} const n = a7; n.className = "";
        b7.contentDocument.body.append(n); ${PAUSE} n.shadowRoot.firstChild.textContent = "{c}"; await new Promise((done) => setTimeout(done, 100));`,
    },
  ]),
  together("attack by elements", [
    {
      what: "a customised built-in element",
      html: '<p is="x-para" id="a0" {m}></p>',
      act: 'customElements.define("x-para", class extends HTMLParagraphElement { connectedCallback() { this.textContent = "{c}"; } }, { extends: "p" });',
    },
    {
      what: "internals of a custom element: states, validity, label",
      html: '<x-kept id="a1" {m}></x-kept>',
      act: `customElements.define("x-kept", class extends HTMLElement { static formAssociated = true;
        constructor() { super(); const i = this.attachInternals(); i.states.add("{c}"); i.setValidity({ customError: true }, "{c}"); i.ariaLabel = "{c}"; i.setFormValue("{c}", "{c}"); }
        connectedCallback() { this.append("{c}"); } });`,
    },
    {
      what: "a message of validation",
      html: '<form><input id="a2" {m} required></form>',
      act: 'a2.setCustomValidity("{c}"); a2.reportValidity(); a2.title = a2.validationMessage;',
    },
    {
      what: "what a dialog returns",
      html: '<dialog id="a3" {m}><form method="dialog"><button value="{c}">x</button></form></dialog>',
      act: 'a3.showModal(); a3.querySelector("button").click(); a3.dataset.said = a3.returnValue;',
    },
    {
      what: "data of a drag and of the clipboard",
      html: '<p id="a4" {m} draggable="true">x</p>',
      act: `const d = new DataTransfer(); d.setData("text/plain", "{c}");
        a4.dispatchEvent(new DragEvent("dragstart", { bubbles: true, dataTransfer: d })); a4.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: d }));
        a4.textContent = d.getData("text/plain");`,
    },
    {
      what: "an animation's values",
      html: '<svg {m}><text x="1" y="9" data-x="{c}">x<animate attributeName="fill" values="{c}" dur="1s"/><set attributeName="href" to="{c}"/></text></svg>',
    },
    {
      what: "a part of a shadow tree and the property that styles it",
      html: '<div id="a6" {m}></div>',
      act: 'a6.attachShadow({ mode: "open" }).innerHTML = "<b part=x>{c}</b><style>:host { --a: {c} } b::after { content: attr(title) }</style>";',
    },
    {
      what: "outputs, meters and old elements of plain text",
      html: '<output id="a7" {m}></output><xmp {m}>{c}</xmp><listing {m}>{c}</listing>',
      act: 'a7.value = "{c}"; a7.defaultValue = "{c}";',
    },
    {
      what: "a style that shows an attribute, and a counter",
      html: '<p {m} data-c="{c}" style="counter-reset: {c} 7; content: attr(data-c)">x</p><style>p[data-c]::after { content: attr(data-c) }</style>',
    },
    {
      what: "a picture of a blob, a notification's text",
      html: '<img id="a9" {m}>',
      act: 'a9.alt = "{c}"; a9.src = URL.createObjectURL(new Blob(["<svg xmlns=\'http://www.w3.org/2000/svg\'><text>{c}</text></svg>"], { type: "image/svg+xml" }));',
    },
  ]),
  together(
    "attack by what had been shown and is masked later",
    [
      {
        what: "a slot that is put into a masked box",
        html: '<div id="a0"><b>{c}</b></div>',
        act: `const r = a0.attachShadow({ mode: "open" }); r.innerHTML = "<slot></slot>"; await new Promise((done) => setTimeout(done, 60));
          const n = document.createElement("div"); n.className = "{M}"; r.firstChild.replaceWith(n); n.append(document.createElement("slot"));`,
      },
      {
        what: "a slot that is given another name's place",
        html: '<div id="a1"><b slot="one">{c}</b></div>',
        act: `a1.attachShadow({ mode: "open" }).innerHTML = "<slot name=one></slot><p {m}><slot name=two></slot></p>"; await new Promise((done) => setTimeout(done, 60)); a1.firstChild.slot = "two";`,
      },
      {
        what: "a slot that is assigned by hand",
        html: '<div id="a2"><b>{c}</b></div>',
        act: `const r = a2.attachShadow({ mode: "open", slotAssignment: "manual" }); r.innerHTML = "<slot></slot><p {m}><slot></slot></p>";
          r.firstChild.assign(a2.firstChild); await new Promise((done) => setTimeout(done, 60)); r.querySelector("p slot").assign(a2.firstChild);`,
      },
      {
        what: "a wrapper around it",
        html: '<p id="a3">{c}</p>',
        act: 'const r = document.createRange(); r.selectNodeContents(a3); const n = document.createElement("b"); n.className = "{M}"; r.surroundContents(n);',
      },
      {
        what: "an open shadow tree whose inner box is masked",
        html: '<div id="a4"></div>',
        act: `a4.attachShadow({ mode: "open" }).innerHTML = "<p><b>{c}</b></p>"; await new Promise((done) => setTimeout(done, 60)); a4.shadowRoot.firstChild.className = "{M}";`,
      },
    ].map((part) => ({ ...part, act: `${part.act} ${PAUSE}` })),
    { isLate: true },
  ),
  together(
    "attack by copies of a typed value",
    [
      ["an output", "<output id=a0></output>", "a0.value = value"],
      [
        "names for assistive technology",
        "<p id=a1>x</p>",
        "a1.ariaValueText = value; a1.ariaLabel = `is ${value}`",
      ],
      [
        "a proposal",
        '<div id="a2">x</div>',
        "a2.textContent = value.toUpperCase(); a2.title = value",
      ],
      ["a placeholder", '<input id="a3">', "a3.placeholder = value"],
      [
        "a shadow tree",
        '<div id="a4"></div>',
        'a4.attachShadow({ mode: "open" }).innerHTML = `<p>${value}</p>`',
      ],
      ["a drawing's text", '<svg><text id="a5">x</text></svg>', "a5.textContent = value"],
      [
        "a data attribute of JSON",
        '<p id="a6">x</p>',
        "a6.dataset.state = JSON.stringify({ value })",
      ],
      [
        "an address as a URL writes it",
        '<a id="a7">x</a>',
        "a7.href = `/find/${encodeURIComponent(value)}`",
      ],
    ].map(([what = "", html = "", act = ""], at) => ({
      what,
      html: `<input id="f${String(at)}" {m}>${html}`,
      act: `const value = "{c}"; f${String(at)}.value = value; f${String(at)}.dispatchEvent(new Event("input", { bubbles: true })); ${act};`,
    })),
  ),
  {
    name: "attack by addresses: pictures, sets, films, frames, styles and data attributes with queries",
    html: `<img src="/a.png?token={c1}"><img srcset="/a.png?token={c2} 1x, /b.png#{c3} 2x"><video poster="/a.png?token={c4}"></video><iframe sandbox src="/leak?token={c5}"></iframe>
      <p style="background:url(/a.png?token={c6})" data-next="https://shop.example/?token={c7}">x</p><style>p::before{background:url("/b.png\\3f token={c8}")}</style><svg><image href="/c.png?token={c9}"/></svg>`,
    controlGroup: "queries",
    unseen: "3",
  },
];
