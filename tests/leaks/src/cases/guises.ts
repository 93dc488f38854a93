/** Words that leave in a guise: addresses that are documents, sheets that are texts, values as a page writes them for people. */

import { type Case, PAUSE, together } from "../kit.js";

const typed = (field: string, value: string, then: string): string =>
  `const value = ${value}; ${field}.value = value; ${field}.dispatchEvent(new Event("input", { bubbles: true })); ${then} ${PAUSE}`;

/** What somebody types into masked fields, and how a page repeats it. */
const ECHOES = [
  ["王小明太郎", "您好王小明太郎先生"],
  ["李小龙", "您好李小龙先生"],
  ["85000", "a year: $85,000.00"],
  ["8500", "a month: 8\u202f500 €"],
  ["1983-05-17", "born 17/05/1983"],
  ["1984-06-18", "born 06.18.1984"],
] as const;

/** What is masked in one state of the page only, and was sent in another: nobody who comes later gets it. */
const STATES = [
  '<div><p>{c1}</p><input id="f" class="{watched|x}"></div>',
  '<div id="d" class="{tip|x}" popover="manual"><p>{c2}</p></div>',
  '<div id="aimed" class="{aimed|x}"><p>{c3}</p></div>',
].join("");

const fieldsOf = (count: number, name: string, more = ""): string =>
  `<input class="${name} {M}"${more}>`.repeat(count);

/** Types a part into each field of that class. */
const typedIn = (name: string, parts: string): string =>
  `document.querySelectorAll(".${name}").forEach((field, at) => { field.value = ${parts}[at]; field.dispatchEvent(new Event("input", { bubbles: true })); });`;

export const GUISES: readonly Case[] = [
  {
    name: "guise: documents in addresses: a frame's page, a file to load down, captions",
    html: `<iframe src="data:text/html,<p class='glance_masked'>{c}</p>"></iframe><a href="data:text/csv,{c1}"><b {m}>x</b></a>
      <video><track src="data:text/vtt,WEBVTT {c2}"></video><iframe id="f"></iframe>`,
    control:
      '<iframe id="f" sandbox src="/{c}"></iframe><a href="/{c1}">x</a><video><track src="/{c2}"></video>',
    act: `f.src = "data:text/html,<p class='glance_masked'>{c3}</p>"; ${PAUSE}`,
    unseen: "03",
  },
  together(
    "guise: sheets in the default that masks texts",
    [
      {
        what: "a comment",
        html: '<style id="s0">p{color:red}</style>',
        act: `${PAUSE} s0.firstChild.data = "/* {c} */ p{color:blue}";`,
      },
      {
        what: "a comment that reads like a font",
        html: '<style id="s1">p{color:red}</style>',
        act: `${PAUSE} s1.firstChild.data = 'q::after { /* font: */ content: "{c}" }';`,
      },
      { what: "a style of another type", html: '<style type="text/plain">{c}</style>' },
      {
        what: "a property in capitals",
        html: '<style id="s3">q::after { color: red }</style>',
        act: `${PAUSE} s3.sheet.cssRules[0].style.setProperty("CONTENT", '"{c}"');`,
      },
      {
        what: "a property with a prefix",
        html: '<style id="s4">q::after { color: red }</style>',
        act: `${PAUSE} s4.sheet.cssRules[0].style.setProperty("-webkit-hyphenate-character", '"{c}"');`,
      },
      { what: "a locale", html: `<p style='-webkit-locale: "{c}"'>x</p>` },
      {
        what: "a linked sheet in its address",
        html: '<link rel="stylesheet" href="data:text/css,q::after{content:%22{c}%22}">',
      },
    ],
    { group: "text" },
  ),
  {
    name: "guise: a counter's number in the default that masks texts",
    group: "text",
    html: '<p style="counter-reset: n {d}">x</p><p id="p">x</p>',
    act: `${PAUSE} p.style.counterSet = "n {d}"; ${PAUSE}`,
  },
  together(
    "guise: elements in the default that masks texts",
    [
      {
        what: "paths of texts",
        html: '<svg><path d="M0 0" aria-label="{c}"></path><textPath href="#x">{c}</textPath></svg>',
      },
      {
        what: "values of an animation",
        html: '<svg><text><animate attributeName="x" values="{c}" from="{c}" to="{c}"></animate>x</text></svg>',
      },
      {
        what: "output, ruby, caption, legend",
        html: "<output>{c}</output><ruby>a<rt>{c}</rt></ruby><figcaption>{c}</figcaption><legend>{c}</legend>",
      },
      {
        what: "buttons and dates",
        html: '<button>{c}</button><input type="button" value="{c}"><input type="date" data-x="{c}">',
      },
      {
        what: "a formula",
        html: '<math alttext="{c}"><mi mathvariant="{c}">{c}</mi><annotation>{c}</annotation></math>',
      },
      {
        what: "a quote, a time, data",
        html: '<q cite="/{c}">{c}</q><time datetime="{c}">{c}</time><data value="{c}">{c}</data>',
      },
    ],
    { group: "text" },
  ),
  {
    name: "guise: what is typed where no attribute says so, in the default that masks fields",
    group: "inputs",
    html: '<div id="e" tabindex="0">x</div>',
    act: `e.editContext = new EditContext(); ${PAUSE} e.textContent = "{c}"; ${PAUSE}`,
  },
  {
    name: "guise: copies in scripts without gaps, amounts with groups, days in other orders",
    html: fieldsOf(ECHOES.length, "echoed") + "<p></p>".repeat(ECHOES.length),
    act: `${typedIn("echoed", JSON.stringify(ECHOES.map(([value]) => value)))} ${PAUSE}
      ${JSON.stringify(ECHOES.map(([, shown]) => shown))}.forEach((shown, at) => { document.querySelectorAll("body > p")[at].textContent = shown; }); ${PAUSE}`,
    found: (text, fill) =>
      ECHOES[fill.isMasked ? "some" : "every"](([, shown]) => text.includes(shown)),
  },
  {
    name: "guise: a code of one digit a field",
    html: `${fieldsOf(7, "digit", ' maxlength="1"')}<p id="p">x</p>`,
    act: `${typedIn("digit", '"{d}"')} ${PAUSE} p.textContent = "your code {d}"; ${PAUSE}`,
  },
  {
    name: "guise: a line of a long text",
    html: '<textarea id="f" {m}></textarea><p id="p">x</p>',
    act: typed(
      "f",
      '`${"a line of some length that somebody has typed\\n".repeat(3)}12 {c} Road\\nand a town`',
      'p.textContent = "lives at 12 {c} Road";',
    ),
  },
  {
    name: "guise: masks of the focus, of what pops up and of the fragment, and who comes later",
    group: "selectors",
    html: STATES,
    act: `f.focus(); ${PAUSE} d.showPopover(); location.hash = "aimed"; ${PAUSE}${PAUSE}`,
    isLate: true,
  },
  {
    name: "guise: how many keys were pressed",
    html: '<input id="f" {m}>',
    act: async (page) => {
      await page.locator("#f").pressSequentially("abcdefghi");
    },
    found: (text) => text.split('"source":5,').length > 9,
  },
  together("guise: copies in names and lists", [
    {
      what: "id and class",
      html: '<input id="g0" {m}><div id="t0"></div>',
      act: typed(
        "g0",
        '"{c}"',
        "t0.innerHTML = `<label for=${value} id=${value} class=${value}>x</label>`;",
      ),
    },
    {
      what: "a comment and a selector in a sheet",
      html: '<input id="g1" {m}><style id="t1"></style>',
      act: typed(
        "g1",
        '"{c}"',
        "t1.textContent = `/* ${value} */ [data-x='${value}'] { color: blue }`;",
      ),
    },
    {
      what: "a part of a drawing",
      html: '<input id="g2" {m}><svg><use id="t2"></use></svg>',
      act: typed("g2", '"{c}"', "t2.setAttribute('href', `#${value}`);"),
    },
    {
      what: "proposals",
      html: '<input id="g3" {m} role="combobox"><ul id="t3"></ul>',
      act: typed(
        "g3",
        '"{c}"',
        "t3.innerHTML = `<li id='opt-${value}'><mark>${value.slice(0, 4)}</mark>${value.slice(4)} Street</li>`; g3.setAttribute('aria-activedescendant', `opt-${value}`);",
      ),
    },
    {
      what: "a message that quotes it",
      html: '<input id="g4" {m}><p id="t4" role="alert"></p>',
      act: typed("g4", '"{c}"', "t4.textContent = `'${value}…' is not valid`;"),
    },
    {
      what: "a frame's page",
      html: '<input id="g5" {m}><iframe id="t5"></iframe>',
      act: typed(
        "g5",
        '"{c}"',
        `t5.srcdoc = \`<style>p::after { content: '\${value}' }</style><p title='\${value}'>\${value}</p>\`; ${PAUSE}${PAUSE}`,
      ),
    },
  ]),
];
