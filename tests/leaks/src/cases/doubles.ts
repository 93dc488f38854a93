/** What a page shows twice and is no field's value: clones of what is masked, numbers that stand in it, and several choices in one line. */

import { PAUSE, probes, type Case, type Probe } from "../kit.js";

/** A masked number, and what the page then makes of it; `more` stands before it. */
const number = (what: string, text: string, act: string, sign = text, more = ""): Probe => ({
  what,
  html: `${more}<div {m}><b id="f@">${text}</b></div><p id="t@">x</p>`,
  act: act && `${PAUSE} ${act} ${PAUSE}`,
  sign,
});

/** Options that are chosen in a masked list, and the text that says so. */
const chosen = (what: string, options: readonly string[], then: string, sign: string): Probe => ({
  what,
  html: `<select id="f@" multiple {m}>${options.map((one) => `<option value="v-${one}">${one}</option>`).join("")}<option>none</option></select><p id="t@">x</p>`,
  act: `for (const one of f@.options) one.selected = one.text !== "none"; f@.dispatchEvent(new Event("change", { bubbles: true })); ${PAUSE} ${then} ${PAUSE}`,
  sign,
});

export const DOUBLES: readonly Case[] = [
  probes("double: clones of what is masked", [
    {
      what: "a drag's ghost",
      html: '<ul {m}><li id="f@">{c}</li></ul>',
      act: `${PAUSE} const g = f@.cloneNode(true); g.style.position = "fixed"; document.body.append(g);`,
    },
    {
      what: "an animation's double",
      html: '<div {m}><section id="f@"><b title="{c}">{c}</b></section></div>',
      act: `${PAUSE} const g = document.importNode(f@.firstChild, true); document.body.append(g);`,
    },
    {
      what: "a table's fixed column",
      html: '<table id="f@"><tr><td class="{M}"><i>{c}</i></td><td>x</td></tr></table><div id="t@"></div>',
      act: `${PAUSE} const g = f@.cloneNode(true); g.querySelector("td").className = "fixed"; t@.append(g.querySelector("td i"));`,
    },
    {
      what: "a print's copy in a frame",
      html: '<div {m}><p id="f@">{c}</p></div><iframe id="t@"></iframe>',
      act: `${PAUSE} const d = t@.contentDocument; d.body.append(d.importNode(f@, true)); ${PAUSE}`,
    },
    {
      what: "a clone of a clone, made once the mask has gone",
      html: '<p id="f@" class="{M}">{c}</p><div id="t@"></div>',
      act: `${PAUSE} f@.className = ""; ${PAUSE} t@.append(f@.cloneNode(true).cloneNode(true));`,
    },
    {
      what: "a clone in a shadow tree",
      html: '<p id="f@" class="{M}"><b>{c}</b></p><div id="t@"></div>',
      act: `${PAUSE} t@.attachShadow({ mode: "open" }).append(f@.firstChild.cloneNode(true));`,
    },
    {
      what: "a field's clone without its mask",
      html: '<div {m}><input id="f@"></div><div id="t@"></div>',
      act: `${PAUSE} const g = f@.cloneNode(); t@.append(g); ${PAUSE} g.value = "{c}"; g.dispatchEvent(new Event("input", { bubbles: true }));`,
    },
  ]),
  probes("double: numbers that masked elements show", [
    number("a toast", "$81,234.56", "t@.textContent = `Your balance is ${f@.textContent}.`;"),
    number("a sticky header's markup", "6,771.25 EUR", "t@.innerHTML = f@.outerHTML;", "6,771.25"),
    number(
      "a title",
      "GB29 NWBK 6016 1331",
      't@.title = f@.textContent.replaceAll(" ", "");',
      "gb29nwbk60161331",
    ),
    number(
      "other signs",
      "1.882.345,10",
      "t@.textContent = 'in all 1,882,345.10';",
      "1,882,345.10",
    ),
    number(
      "one that changes",
      "x",
      "f@.firstChild.data = '52,771'; t@.textContent = '52,771';",
      "52,771",
    ),
    number("one from before", "771-40-9912", "", '"so 771-40-9912', "<i>so 771-40-9912</i>"),
    number(
      "a place in a shadow tree",
      "90,114.20",
      "t@.attachShadow({ mode: 'open' }).innerHTML = `<i>${f@.textContent}</i>`;",
    ),
    number("parts in a row", "4,482.17", "t@.innerHTML = '<i>4,4</i><i>82.17</i>';", '"82.17"'),
  ]),
  probes("double: several choices in one line", [
    chosen("a list", ["Qvisum", "Qamexi"], 't@.textContent = "Qvisum, Qamexi";', "qvisum,"),
    chosen(
      "a sentence",
      ["Qzalpha", "Qzbeta", "Qzg"],
      't@.textContent = "You chose Qzalpha, Qzbeta and Qzg.";',
      "and qzg.",
    ),
    chosen("a title", ["Qmonza", "Qmilan"], 't@.title = "Qmonza / Qmilan";', "qmonza / qmilan"),
    chosen("values", ["qred", "qblue"], 't@.dataset.v = "v-qred|v-qblue";', "v-qred|v-qblue"),
    chosen(
      "chips",
      ["Qchipa", "Qchipb"],
      't@.innerHTML = "<i>Qchipa</i>, <b>Qchipb</b>";',
      '"qchipa"',
    ),
    chosen(
      "elements between",
      ["Qgapa", "Qgapb"],
      't@.innerHTML = "Qgapa, <b>Qgapb</b>";',
      '"qgapa, "',
    ),
    {
      what: "a security code that stands by itself",
      html: '<input id="f@" {m}><p id="t@">x</p>',
      act: `f@.value = "862"; f@.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} t@.innerHTML = "<i>code</i> <b>862</b>";`,
      sign: '"862"',
    },
  ]),
  {
    name: "double: what a field holds in an adopted sheet and an address, from before the page was read",
    html: `<input {m} value="{c}"><input {m} value="{c1}"><script>
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('.z::after { content: "{c}" }');
      document.adoptedStyleSheets = [sheet];
      history.replaceState({}, "", location.pathname + "/{c1}");
    </script>`,
  },
];
