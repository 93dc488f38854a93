/** Values that stand elsewhere in other clothes, moments between two changes, and pages that alter what the mask looks with. */

import { together, type Case } from "../kit.js";

const WAIT = "await new Promise((done) => setTimeout(done, 80));";

/** A value is typed into a masked field, and stands elsewhere as `shown` writes it. */
const copy = (
  what: string,
  value: string,
  html: string,
  shown: string,
): [string, string, string] => [
  what,
  `<input {m}>${html}`,
  `const value = ${value}; const at = document.querySelectorAll("[data-copy]"); const f = [...document.querySelectorAll("input")].find((one) => one.value === ""); f.value = value; f.dispatchEvent(new Event("input", { bubbles: true })); const p = at[[...document.querySelectorAll("input")].indexOf(f)]; ${shown};`,
];

const COPIES = [
  copy(
    "more space",
    '"Ann {c} Brook"',
    "<p data-copy>x</p>",
    'p.textContent = "for Ann  {c}\\u00a0Brook"',
  ),
  copy("a form's way", '"Ann {c} Brook"', "<a data-copy>x</a>", 'p.href = "/find/Ann+{c}+Brook"'),
  copy("markup", '"{c} & Sons"', "<p data-copy>x</p>", 'p.dataset.html = "<b>{c} &amp; Sons</b>"'),
  copy(
    "JSON",
    '`say "{c}" so`',
    "<p data-copy>x</p>",
    "p.dataset.state = JSON.stringify({ value })",
  ),
  copy(
    "another normal form",
    '"Jos\\u00e9 {c}"',
    "<p data-copy>x</p>",
    'p.textContent = value.normalize("NFD")',
  ),
  copy("groups", '"GB29{c}6016"', "<p data-copy>x</p>", 'p.textContent = "GB29 {c} 6016"'),
  copy("no groups", '"(555) {c}-12"', "<p data-copy>x</p>", 'p.textContent = "555{c}12"'),
  copy(
    "letters of their own and groups in elements",
    '"4111{c}"',
    "<p data-copy>x</p>",
    'p.innerHTML = "<b>4</b><b>1</b><b>1</b><b>1</b> <i>{c}</i>"',
  ),
  copy("two texts", '"ann-{c}"', "<p data-copy></p>", 'p.append("for ann", "-{c}")'),
  copy("an attribute's name", '"{c}"', "<p data-copy>x</p>", 'p.setAttribute("data-{c}", "")'),
].map(([what, html, act]) => ({ what, html, act }));

/** A page that alters the browser's own before anything of ours runs: nothing of it is mirrored then. */
const altered = (what: string, script: string): Case => ({
  name: `altered page: ${what}`,
  head: `<script>if ("{1|}") { ${script} }</script>`,
  html: '<p {m}>{c}</p><div class="{M}"><b title="{c1}">x</b></div><input id="f" {m}><input id="g" type="{password|text}">',
  act: `f.value = "{c2}"; g.value = "{c3}"; for (const one of [f, g]) one.dispatchEvent(new Event("input", { bubbles: true })); ${WAIT}`,
  isBlind: true,
});

export const DISGUISES: readonly Case[] = [
  together("disguise", COPIES),
  {
    name: "address: what scripts keep of addresses, relative, in lists, in JSON; a mail's words; a password",
    html: `<p data-url="/x?token={c1}" hx-get="?token={c2}" data-src="a.png?token={c3}" data-props='{"next":"/y?token={c4}"}' data-list="/a?x=1 /b?token={c5}">x</p>
      <a href="mailto:a@b.example?token={c6}">x</a><svg><a><set attributeName="href" to="/x?token={c7}"/><animate attributeName="href" values="/a;/b?token={c8}"/></a></svg><p data-next="#token={c9}">x</p><a href="https://ann:{c}@b.example/">x</a>`,
    controlGroup: "queries",
    unseen: "09",
  },
  {
    name: "style: whatever a sheet can say, in the default that masks texts",
    group: "text",
    html: "<p>x</p>",
    head: `<style id="s">@counter-style a { system: cyclic; symbols: "{c1}"; suffix: "{c2}" } @property --z { syntax: "<string>"; inherits: true; initial-value: "{c3}" }
      p { text-emphasis: "{c4}"; hyphenate-character: "{c5}"; list-style: "{c6}" }</style>`,
    act: `s.sheet.cssRules[2].style.quotes = "'{c7}' 'x'"; s.sheet.cssRules[2].style.listStyleType = "'{c8}'"; ${WAIT}`,
  },
  { name: "title: one that stands in the page's body", html: "<title {m}>{c}</title><p>x</p>" },
  {
    name: "default text: a link of a drawing",
    group: "text",
    html: '<svg><a xlink:href="/{c}"><text>x</text></a></svg>',
  },
  {
    name: "a field that is a payment field for a moment",
    html: '<input id="f">',
    act: `f.autocomplete = "{cc-number|off}"; f.value = "{c}"; f.autocomplete = "off"; f.dispatchEvent(new Event("input", { bubbles: true })); f.setAttribute("value", "{c1}"); ${WAIT}`,
  },
  {
    name: "a text that can be edited for a moment, in the default that masks fields",
    group: "inputs",
    html: '<p id="p">x</p>',
    act: `p.contentEditable = "true"; p.textContent = "{c}"; p.contentEditable = "inherit"; ${WAIT} p.append("{c1}");`,
  },
  {
    name: "which option of an open list of several is chosen, where that one is masked",
    html: '<select multiple id="f"><option>a</option><option {m}>b</option></select>',
    act: `f.options[1].selected = true; f.dispatchEvent(new Event("change", { bubbles: true })); ${WAIT}`,
    found: (text) => text.includes('"rr_choices":"1"'),
  },
  {
    name: "how far a masked frame's page is scrolled",
    html: '<iframe {m} id="f" srcdoc="<div style=height:9999px>x</div>"></iframe>',
    act: "await new Promise((done) => setTimeout(done, 150)); f.contentWindow.scrollTo(0, 413); await new Promise((done) => setTimeout(done, 150))",
    found: (text) => text.includes('"y":413'),
  },
  altered("no element matches a selector", "Element.prototype.matches = () => false"),
  altered(
    "every field is one of text, and nothing has a parent",
    `Object.defineProperty(HTMLInputElement.prototype, "type", { get: () => "text" }); Object.defineProperty(Node.prototype, "parentNode", { get: () => null })`,
  ),
];
