/** What a page makes of a masked value before it repeats it: other orders of a day, other amounts, lines, colours; and fields that stand apart from their copy. */

import { PAUSE, together, type Case } from "../kit.js";

/** A value in a masked field of that kind, what a page makes of it, and the field's further attributes. */
type Echo = readonly [value: string, shown: string, more?: string];

const typed = (field: string, value: string, then: string): string =>
  `const value = ${value}; ${field}.value = value; ${field}.dispatchEvent(new Event("input", { bubbles: true })); ${then} ${PAUSE}`;

/** None may arrive in the masked run, all in the control. */
function echoes(name: string, all: readonly Echo[]): Case {
  const values = JSON.stringify(all.map(([value]) => value));
  const texts = JSON.stringify(all.map(([, shown]) => shown));
  return {
    name,
    html: all.map(([, , more = ""]) => `<input class="echo {M}" ${more}><p></p>`).join(""),
    act: `const fields = document.querySelectorAll(".echo"); ${values}.forEach((value, at) => { fields[at].value = value; fields[at].dispatchEvent(new Event("input", { bubbles: true })); }); ${PAUSE}
      ${texts}.forEach((text, at) => { fields[at].nextElementSibling.textContent = text; }); ${PAUSE}`,
    found: (text, fill) => {
      const there = all.filter(([, shown]) => text.includes(shown)).map(([, shown]) => shown);
      if (fill.isMasked && there.length > 0) console.log(`        repeated: ${there.join(" | ")}`);
      if (!fill.isMasked && there.length < all.length)
        console.log(
          `        not shown: ${all
            .map(([, shown]) => shown)
            .filter((one) => !there.includes(one))
            .join(" | ")}`,
        );
      return fill.isMasked ? there.length > 0 : there.length === all.length;
    },
  };
}

/** A value that a field has from the start, in a tree of its own, and a text of the page before it. */
const apart = (
  what: string,
  html: string,
  act = "",
): { what: string; html: string; act: string } => ({
  what,
  html: `<p title="{c}">{c}</p>${html}`,
  act,
});

export const ECHOES: readonly Case[] = [
  echoes("echo: a day as people write it", [
    ["1981-03-07", "born 7/3/1981", "type=date"],
    ["1982-04-08", "born 4/8/1982", "type=date"],
    ["1983-11-09", "born 9.11.1983", "type=date"],
    ["1984-05-16T09:30", "on 16/05/1984", "type=datetime-local"],
    ["1985-06-02T10:45", "on 6/2/1985", "type=datetime-local"],
    ["2031-07", "until 07/2031", "type=month"],
    ["1986-02-28", "in 1986/2/28"],
    ["21/08/1987", "born 1987-08-21"],
    ["9.10.1988", "born 1988-10-09"],
  ]),
  echoes("echo: an amount as a page counts it", [
    ["123456.50", "a sum of 123,456.5 in all"],
    ["0076543", "number 76543 it is"],
    ["2345678", "to 2,345,678.00 of it"],
    ["34567.10", "of 34,567.1 only"],
    ["$45,678.00", "or 45678 plain"],
    ["5678901", "as 5.678.901,00 there"],
  ]),
  echoes("echo: letters that a page writes otherwise", [
    ["Weißgerberstraße 9", "IN WEISSGERBERSTRASSE 9"],
    ["４１１２８８７７６６", "card 4112887766"],
    ["Édouard Manettière", "BY EDOUARD MANETTIERE"],
  ]),
  {
    name: "echo: a masked colour in words",
    html: '<input type="color" id="f" {m}><output id="p"></output><b id="q">x</b>',
    act: 'f.value = "#c0ffe7"; f.dispatchEvent(new Event("input", { bubbles: true })); p.value = f.value; q.title = f.value;',
    found: (text) => text.includes("#c0ffe7"),
  },
  together("echo: a line of what is written in paragraphs", [
    {
      what: "an editor's",
      html: '<div id="e0" contenteditable {m}><p>a</p><p>b</p><p>c</p><p>d</p></div><p id="t0"></p>',
      act: `e0.children[2].textContent = "{c} of some length"; e0.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t0.textContent = "said: {c} of some length";`,
    },
    {
      what: "one of two",
      html: '<div id="e1" contenteditable {m}><div>a</div><div>b</div></div><p id="t1"></p>',
      act: `e1.lastChild.textContent = "{c} and more"; e1.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t1.title = "{c} and more";`,
    },
    {
      what: "one in a box of the editor's",
      html: '<div id="e4" contenteditable {m}><div><div><p>a</p><p>b</p></div></div></div><p id="t4"></p>',
      act: `e4.querySelectorAll("p")[1].textContent = "{c} and so on"; e4.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t4.textContent = "{c} and so on";`,
    },
    {
      what: "an edit context's",
      html: '<div id="e2" {m} tabindex="0"></div><p id="t2"></p>',
      act: `e2.editContext = new EditContext(); ${PAUSE} e2.textContent = "{c}"; ${PAUSE} t2.textContent = "{c}";`,
    },
    {
      what: "one below a mask, where it stands in an open editor",
      html: '<div {m}><div id="e3" contenteditable="plaintext-only"></div></div><p id="t3"></p>',
      act: `e3.textContent = "{c}"; e3.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t3.append("{c}");`,
    },
  ]),
  together(
    "echo: fields that stand in a tree of their own, and their copy before them",
    [
      apart(
        "a declared shadow tree",
        '<div><template shadowrootmode="open"><input value="{c}" {m}></template></div>',
      ),
      apart("a frame", `<iframe srcdoc="<input value='{c}' class='{M}'>"></iframe>`),
      apart(
        "a frame in a frame",
        `<iframe srcdoc="<iframe srcdoc=&quot;<textarea class='{M}'>{c}</textarea>&quot;></iframe>"></iframe>`,
      ),
      apart("a masked frame", `<iframe {m} srcdoc="<input value='{c}'>"></iframe>`),
      apart("a list", "<select {m}><option selected>{c}</option></select>"),
    ],
    { isLate: true },
  ),
  together("echo: fields in trees that were told of, and their copy outside", [
    {
      what: "a closed tree",
      html: '<div id="k0"></div><p id="t0">x</p>',
      act: `const r = k0.attachShadow({ mode: "closed" }); r.innerHTML = "<input class={M}>"; ${PAUSE} r.firstChild.value = "{c}"; r.firstChild.dispatchEvent(new Event("input", { bubbles: true, composed: true })); t0.textContent = "{c}";`,
    },
    {
      what: "a frame, without an event",
      html: '<iframe id="k1" srcdoc="<input class={M}>"></iframe><p id="t1">x</p>',
      act: `${PAUSE}${PAUSE}${PAUSE} k1.contentDocument.querySelector("input").value = "{c}"; t1.title = "{c}";`,
    },
    {
      what: "a field that moves out of its mask before it is filled",
      html: '<div id="k2" {m}><input></div><p id="t2">x</p>',
      act: `${PAUSE} const f = k2.firstChild; document.body.append(f); ${PAUSE} f.value = "{c}"; f.dispatchEvent(new Event("input", { bubbles: true })); t2.append("{c}");`,
    },
    {
      what: "a field whose element is exchanged as it is filled",
      html: '<div id="k3"><input class="{M}"></div><p id="t3">x</p>',
      act: `k3.firstChild.value = "{c}"; k3.innerHTML = '<b>done</b>'; t3.textContent = "{c}";`,
    },
    {
      what: "an address of a telephone and of a mail",
      html: '<input id="k4" {m}><p id="t4">x</p>',
      act: 'k4.value = "{c}@shop.example"; k4.dispatchEvent(new Event("input", { bubbles: true })); t4.innerHTML = "<a href=\'mailto:{c}%40shop.example\'>x</a>";',
    },
    {
      what: "a base of addresses",
      html: '<input id="k5" {m}><p id="t5">x</p>',
      act: 'k5.value = "{c}"; k5.dispatchEvent(new Event("input", { bubbles: true })); const b = document.createElement("base"); b.href = "/{c}/"; document.head.append(b); t5.innerHTML = "<a href=x>x</a><img src=y.png>"; await 0; b.remove();',
    },
  ]),
  {
    name: "echo: one of very many fields, filled without an event",
    html: '<div id="all"></div><p id="p">x</p>',
    act: `all.innerHTML = '<input class="{M}">'.repeat(320); ${PAUSE}${PAUSE} all.children[300].value = "{c}"; p.textContent = "{c}"; ${PAUSE}`,
  },
  together("echo: where pages repeat things besides texts", [
    {
      what: "a favicon and a manifest",
      html: '<input id="g0" {m}>',
      act: typed(
        "g0",
        '"{c}"',
        `for (const rel of ["icon", "manifest", "canonical", "alternate"]) { const l = document.createElement("link"); l.rel = rel; l.href = \`/\${value}.\${rel}\`; l.title = value; document.head.append(l); }`,
      ),
    },
    {
      what: "a theme's name",
      html: '<input id="g1" {m}>',
      act: typed(
        "g1",
        '"{c}"',
        'const m = document.createElement("meta"); m.name = "theme-color"; m.content = value; document.head.append(m);',
      ),
    },
    {
      what: "a live region, polite",
      html: '<input id="g2" {m}><div id="t2" role="status" aria-live="polite" class="sr"></div>',
      act: typed("g2", '"{c}"', "t2.innerHTML = `<span>${value}</span> entered`;"),
    },
    {
      what: "a drag's picture",
      html: '<input id="g3" {m}>',
      act: typed(
        "g3",
        '"{c}"',
        'const b = document.createElement("div"); b.style.cssText = "position:absolute;left:-999px"; b.textContent = value; document.body.append(b); const d = new DataTransfer(); d.setDragImage(b, 0, 0);',
      ),
    },
    {
      what: "a highlight's name and a registered property",
      html: '<input id="g4" {m}><p id="t4">x</p>',
      act: typed(
        "g4",
        '"{c}"',
        "CSS.highlights.set(value, new Highlight(document.createRange())); CSS.registerProperty({ name: `--${value}`, inherits: false }); t4.style.setProperty(`--${value}`, value); t4.title = value;",
      ),
    },
    {
      what: "an open list's new option",
      html: '<input id="g5" {m}><select id="t5"></select>',
      act: typed("g5", '"{c}"', "t5.add(new Option(value, value, true, true));"),
    },
    {
      what: "a customised built-in's attribute and a slot's fallback",
      html: '<input id="g6" {m}><div id="t6"></div>',
      act: typed(
        "g6",
        '"{c}"',
        't6.attachShadow({ mode: "closed" }).innerHTML = `<slot>${value}</slot><slot name="${value}"></slot>`;',
      ),
    },
    {
      what: "letters in an escape of a sheet",
      html: '<input id="g7" {m}><style id="t7"></style>',
      act: typed(
        "g7",
        '"{c}"',
        "t7.textContent = `p::after { content: '\\\\201c ${value}\\\\201d' } #${CSS.escape(value)} { color: red }`;",
      ),
    },
  ]),
];
