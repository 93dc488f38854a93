/** Fields: what is typed, chosen, set by script, shown by another type, or stands in an attribute of a field. */

import type { Case } from "../kit.js";

const input = (type: string, value = "{c}"): Case => ({
  name: `the value of an input of type ${type}`,
  html: `<input {m} type="${type}" value="${value}">`,
});

const typed = (name: string, html: string): Case => ({
  name,
  html,
  act: async (page, fill) => {
    await page.locator("#f").pressSequentially(fill.main);
  },
});

const token = (value: string): Case => ({
  name: `a field by its autocomplete "${value}"`,
  html: `<input autocomplete="{${value}|off}" id="f">`,
  act: `f.value = "{c}"; f.dispatchEvent(new Event("input", { bubbles: true }))`,
});

export const FIELDS: readonly Case[] = [
  ...["text", "search", "tel", "url", "email", "button", "submit", "reset", "made-up"].map((type) =>
    input(type),
  ),
  input("number", "{d}"),
  { name: "the value of a password field", html: '<input type="{password|text}" value="{c}">' },
  { name: "the value of a hidden field", html: '<input type="{hidden|text}" value="{c}">' },
  typed("what is typed into a field", '<input id="f" {m}>'),
  typed("what is typed into a password field", '<input id="f" type="{password|text}">'),
  typed("what is typed into a text area", '<textarea id="f" {m}></textarea>'),
  typed("what is typed into an editable element", '<div id="f" contenteditable="true" {m}></div>'),
  typed(
    "what is typed below a masked form",
    '<form class="{M}"><label>Name <input id="f"></label></form>',
  ),
  typed(
    "what is typed into an editable part of a masked part",
    '<div {m}><p id="f" contenteditable="plaintext-only"></p></div>',
  ),
  { name: "a text area's own text", html: "<textarea {m}>{c}</textarea>" },
  {
    name: "a value set by script, without an event",
    html: '<input id="f" {m}>',
    act: 'f.value = "{c}"; await new Promise((done) => setTimeout(done, 30))',
  },
  {
    name: "a default value set by script",
    html: '<input id="f" {m}><textarea id="t" {m}></textarea>',
    act: 'f.defaultValue = "{c}"; t.defaultValue = "{c1}"',
  },
  {
    name: "a value put in as autofill does it, with a change event only",
    html: '<input id="f" autocomplete="{cc-number|off}">',
    act: 'Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(f, "{c}"); f.dispatchEvent(new Event("change", { bubbles: true }))',
  },
  {
    name: "a range text of a text area, by setRangeText",
    unseen: "1",
    html: '<textarea id="f" {m}>x</textarea>',
    act: 'f.setRangeText("{c}"); f.dispatchEvent(new InputEvent("input", { bubbles: true, data: "{c1}" }))',
  },
  {
    name: "a password that is shown in clear",
    html: '<input id="f" type="{password|text}">',
    act: 'f.value = "{c}"; f.type = "text"; f.dispatchEvent(new Event("input", { bubbles: true })); f.setAttribute("value", "{c1}")',
  },
  {
    name: "a password whose field is replaced by one that shows it",
    html: '<p id="p"><input id="f" type="{password|text}"></p><input id="open">',
    act: 'f.value = "{c}"; f.dispatchEvent(new Event("input", { bubbles: true })); await 0; const g = document.createElement("input"); g.value = f.value; g.setAttribute("value", f.value); f.replaceWith(g)',
  },
  {
    name: "the texts and values of options",
    html: '<select {m}><optgroup label="{c1}"><option value="{c2}">{c}</option></optgroup></select>',
  },
  {
    name: "which option was chosen",
    html: '<select id="f" {m}><option>a</option><option value="{c}">b</option></select>',
    act: 'f.value = "{c}"; f.dispatchEvent(new Event("change", { bubbles: true }))',
  },
  {
    name: "a masked option that is chosen in an open list",
    html: '<select id="f"><option>a</option><option {m} value="{c}">{c1}</option></select>',
    act: 'f.selectedIndex = 1; f.dispatchEvent(new Event("change", { bubbles: true }))',
  },
  {
    name: "a masked option that stands chosen in an open list",
    html: '<select><option {m} selected value="{c}">{c1}</option></select>',
  },
  {
    name: "the proposals of a masked field",
    html: '<input {m} list="known"><datalist id="known"><option value="{c1}">{c2}</option></datalist>',
    control: '<input list="known"><div id="known"><option value="{c1}">{c2}</option></div>',
  },
  {
    name: "placeholder, title, labels and names of a field",
    html: '<input {m} placeholder="{c}" title="{c1}" aria-label="{c2}" name="{c3}" pattern="{c4}" list="{c5}" form="{c6}" alt="{c7}" data-x="{c8}">',
  },
  {
    name: "limits and steps of a field",
    html: '<input {m} type="range" min="1" max="9999999" value="{d}"><meter {m} min="0" max="9999999" value="{d}"></meter><progress {m} max="9999999" value="{d}"></progress>',
  },
  {
    name: "a colour and a date",
    html: '<input {m} type="color" value="#abcdef"><input {m} type="date" value="1987-06-05"><p>{c}</p>',
    found: (text) => /abcdef|1987-06-05/.test(text),
  },
  {
    name: "whether a box is ticked",
    html: '<input id="f" {m} type="checkbox"><input id="g" {m} type="checkbox" checked>',
    act: "f.click(); g.click(); await 0; f.click()",
    found: (text) => /"isChecked":true|"checked":(true|"")/.test(text),
  },
  {
    name: "which of several is picked",
    html: '<div {m}><input type="radio" name="r" value="{c}" id="f"><input type="radio" name="r" value="{c1}" checked></div>',
    act: "f.click()",
    found: (text, fill) => /"isChecked":true|"checked":(true|"")/.test(text) || fill.isIn(text),
  },
  ...[
    "cc-number",
    "cc-exp",
    "section-a shipping cc-csc",
    "CC-NAME",
    "current-password",
    "new-password webauthn",
    "one-time-code",
  ].map(token),
  {
    name: "the autocomplete of a custom element around its field",
    html: '<my-card autocomplete="{cc-number|off}"></my-card>',
    act: 'const root = document.querySelector("my-card").attachShadow({ mode: "open" }); root.innerHTML = "<input value=\'{c}\'>"',
  },
  {
    name: "a proposal's field in the default that masks fields",
    group: "inputs",
    html: '<input id="f" value="{c}"><textarea>{c1}</textarea><select><option selected value="{c2}">{c3}</option></select><div contenteditable>{c4}</div>',
  },
  {
    name: "a document that is edited as a whole, in the default that masks fields",
    group: "inputs",
    html: '<iframe id="f"></iframe>',
    act: 'f.contentDocument.designMode = "on"; f.contentDocument.body.textContent = "{c}"; await new Promise((done) => setTimeout(done, 50))',
  },
  {
    name: "a password below an unmask, in the default that masks fields",
    group: "inputs",
    html: '<div glance_unmasked><input type="{password|text}" value="{c}"><input class="{M}" value="{c1}"></div>',
    controlGroup: "inputs",
  },
  {
    name: "a file's name in a masked file field",
    html: '<input id="f" type="file" {m}>',
    act: async (page, fill) => {
      await page.setInputFiles("#f", {
        name: `${fill.main}.txt`,
        mimeType: "text/plain",
        buffer: Buffer.from("x"),
      });
    },
  },
  {
    name: "the value of a form-associated custom element",
    unseen: "12",
    html: '<my-field {m} value="{c}"></my-field>',
    head: '<script>customElements.define("my-field", class extends HTMLElement { static formAssociated = true; constructor() { super(); this.inner = this.attachInternals(); } connectedCallback() { this.inner.setFormValue("{c1}"); this.inner.ariaLabel = "{c2}"; this.textContent = "{c3}"; } })</script>',
  },
];
