/** The page as a whole: title, address, links, styles, selectors of the group, its defaults, and copies elsewhere. */

import type { Case } from "../kit.js";

const selector = (name: string, html: string, more: Partial<Case> = {}): Case => ({
  name: `selector: ${name}`,
  group: "selectors",
  html,
  ...more,
});
const WAIT = "; await new Promise((done) => setTimeout(done, 50))";

const STYLES: readonly Case[] = [
  {
    name: "style: a style element below a mask",
    html: '<div {m}><style>p::after{content:"{c}"} :root{--a:"{c1}"}</style></div>',
  },
  {
    name: "style: pictures, contents and custom properties of a masked element",
    html: "<p {m} style=\"background:url(/{c}.png);--x:{c1};content:'{c2}';quotes:'{c3}' 'x'\">x</p>",
  },
  {
    name: "style: names that are free to choose",
    html: '<p {m} style="font-family:{c};grid-area:{c1};animation-name:{c2};counter-reset:{c3};color:{c4};view-transition-name:{c5}">x</p>',
  },
  {
    name: "style: set by script",
    html: '<p {m} id="p">x</p>',
    act: 'p.style.setProperty("--x", "{c1}"); p.style.backgroundImage = "url(/{c2}.png)"; await 0; p.style.cssText += ";font-family:{c}"',
  },
  {
    name: "style: a rule inserted into a sheet below a mask",
    unseen: "1",
    html: '<div {m}><style id="s">p{color:red}</style></div>',
    act: "s.sheet.insertRule(\"p::after{content:'{c}'}\"); s.sheet.cssRules[0].style.content = \"'{c1}'\"; s.append(\"q::after{content:'{c2}'}\")",
  },
  {
    name: "style: an adopted sheet of a masked shadow tree",
    html: '<div id="h" {m}></div>',
    act:
      'const r = h.attachShadow({ mode: "open" }); const t = new CSSStyleSheet(); t.replaceSync("p::after{content:\'{c}\'}"); r.adoptedStyleSheets = [t]' +
      WAIT,
  },
  {
    name: "style: a rule inserted into an adopted sheet of a masked shadow tree",
    html: '<div id="h" {m}></div>',
    act:
      'const r = h.attachShadow({ mode: "open" }); const t = new CSSStyleSheet(); r.adoptedStyleSheets = [t]; await new Promise((done) => setTimeout(done, 50)); t.insertRule("p::after{content:\'{c}\'}"); t.insertRule("p{color:red}"); t.cssRules[0].style.setProperty("--x", "{c1}"); t.replaceSync("q::after{content:\'{c2}\'}")' +
      WAIT,
  },
  {
    name: "style: an attribute shown by a sheet",
    html: '<p {m} data-x="{c}">x</p>',
    head: "<style>p::after{content:attr(data-x)}</style>",
  },
  {
    name: "style: a sheet's address below a mask",
    html: '<div {m}><link rel="stylesheet" href="/{c}.css" title="{c1}"></div>',
  },
  {
    name: "style: the text of a linked sheet below a mask",
    html: '<div {m}><link rel="stylesheet" href="a.css"></div>',
    files: { "a.css": 'p::after{content:"{c}"}' },
    act: WAIT.slice(2),
  },
  {
    name: "style: contents in a sheet, in the default that masks texts",
    group: "text",
    html: "<p>x</p>",
    head: '<style>p::after{content:"{c}"}</style>',
  },
  {
    name: "style: a rule with a content set by script, in the default that masks texts",
    group: "text",
    html: '<p>x</p><style id="s">q{color:red}</style>',
    act:
      "s.sheet.insertRule(\"p::after{content:'{c}'}\"); s.sheet.cssRules[1].style.content = \"'{c1}'\"; const t = new CSSStyleSheet(); t.replaceSync(\"p::before{content:'{c2}'}\"); document.adoptedStyleSheets = [t]" +
      WAIT,
  },
];

const ADDRESSES: readonly Case[] = [
  {
    name: "address: query and fragment",
    html: "<p>x</p>",
    controlGroup: "queries",
    unseen: "1",
    act: 'history.replaceState(null, "", "?token={c}#{c1}")',
  },
  {
    name: "address: the query that the page was opened with",
    html: "<p>x</p>",
    controlGroup: "queries",
    unseen: "2",
    address: "?token={c1}#{c2}",
  },
  {
    name: "address: a query pushed by script",
    html: "<p>x</p>",
    controlGroup: "queries",
    act: 'history.pushState(null, "", "?token={c1}"); document.body.append("y")' + WAIT,
  },
  {
    name: "address: a query that relative links repeat",
    html: '<a href="#x">x</a><a href="">y</a><img src=""><svg><image href="#a"/><use href="#b"/></svg><p style="background:url(#z)">x</p>',
    controlGroup: "queries",
    address: "?next=/a/{c1}/b&x={c2}",
  },
  {
    name: "address: a query that styles repeat",
    html: "<style>p{background:url(#z)} q{background:url(a.png)}</style>",
    controlGroup: "queries",
    address: "?next=/a/{c1}/b/{c2}",
  },
  {
    name: "address: queries of links and forms",
    html: '<a href="/x?token={c1}#{c2}">x</a><form action="/y?token={c3}"><button formaction="/z?token={c4}">x</button></form><map name="m"><area href="/w?token={c5}"></map><blockquote cite="/v?token={c6}">x</blockquote>',
    controlGroup: "queries",
    unseen: "2",
  },
  {
    name: "address: queries of links that are set later",
    html: '<a id="a" href="/x">x</a><svg><a id="b"><text>x</text></a></svg>',
    controlGroup: "queries",
    act: 'a.setAttribute("href", "/x?token={c1}"); b.setAttribute("href", "/x?token={c2}")',
  },
  {
    name: "address: a base element",
    unseen: "1",
    html: "<p>x</p>",
    head: '<base href="/{c1}/">',
    control: "<p>{c}</p>",
  },
  { name: "title: masked by its class", html: "<p>x</p>", head: '<title class="{M}">{c}</title>' },
  {
    name: "title: masked, and set by script",
    html: "<p>x</p>",
    head: "<title {m}>x</title>",
    act: 'document.title = "{c}"',
  },
  {
    name: "title: in the default that masks texts",
    group: "text",
    html: "<p>x</p>",
    head: "<title>{c}</title>",
    act: 'document.title = "{c} {c1}"',
  },
];

const SELECTORS: readonly Case[] = [
  selector("an id", '<p id="secret">{c}</p>', { controlGroup: "plain" }),
  selector("a list in one setting", '<u class="secret">{c}</u>'),
  selector("a class that comes later", '<div id="p"></div>', {
    act: 'p.innerHTML = "<b>{c}</b>"; p.className = "secret-late"',
  }),
  selector("an attribute's value", "<p data-state='secret'>{c}</p>"),
  selector("an attribute's value that changes in the same task", '<p id="p" data-state="x">x</p>', {
    act: 'p.textContent = "{c}"; p.dataset.state = "secret"',
  }),
  selector(
    "an attribute that had another value when it was shown",
    '<p id="p" data-state="x">{c}</p>',
    { act: 'p.dataset.state = "secret"' + WAIT, isLate: true },
  ),
  selector(
    ":has() with a box that is ticked",
    '<form><input id="f" class="private" type="checkbox"><p id="p">x</p></form>',
    { act: 'f.click(); p.textContent = "{c}"' },
  ),
  selector(
    ":has() with a box, of what had been shown, with no other change",
    '<form><input id="f" class="private" type="checkbox"><p id="p">{c}</p></form>',
    { act: "f.click()" + WAIT + WAIT, isLate: true },
  ),
  selector("a neighbour that comes later", '<div id="o"><p id="p">{c}</p></div>', {
    act: 'o.insertAdjacentHTML("afterbegin", "<i class=flag></i>")' + WAIT,
    isLate: true,
  }),
  selector("a child combinator and a negation", '<section><p class="inner">{c}</p></section>'),
  selector(
    "a negation that begins to hold later",
    '<section id="p" class="public"><p class="inner">{c}</p></section>',
    { act: 'p.className = ""' + WAIT, isLate: true },
  ),
  selector("an attribute's part in any case", '<p aria-label="my ACCOUNT number">{c}</p>'),
  selector(":is() and a position", '<div id="o"><p class="two">x</p><p class="two">{c}</p></div>'),
  selector(
    "a position that changes when a neighbour comes",
    '<div id="o"><p class="one">{c}</p></div>',
    { act: 'o.prepend(document.createElement("p"))' + WAIT, isLate: true },
  ),
  selector("a drawing's text", '<svg><text class="secret">{c}</text></svg>'),
  selector("a title", "<p>x</p>", { head: '<title class="secret">{c}</title>' }),
  selector(
    "an option",
    '<select><option class="secret" selected value="{c1}">{c}</option></select>',
  ),
  selector("a class of the root that comes later", '<p id="below-root">{c}</p>', {
    act: 'document.documentElement.className = "locked"' + WAIT,
    isLate: true,
  }),
  selector("inside a shadow tree", '<div id="h"></div>', {
    act: 'h.attachShadow({ mode: "open" }).innerHTML = "<u class=secret>{c}</u>"' + WAIT,
  }),
  selector("inside a frame", '<iframe srcdoc="<u class=secret>{c}</u>"></iframe>', {
    act: WAIT.slice(2) + WAIT,
  }),
  {
    name: "selector: one that cannot be read masks everything",
    group: "broken",
    html: '<p title="{c1}">{c}</p><input value="{c2}">',
    head: "<title>{c3}</title>",
    act: 'document.body.append("{c4}"); document.title = "{c5}"',
  },
];

const DEFAULTS: readonly Case[] = [
  {
    name: "default text: texts, titles and labels",
    group: "text",
    html: '<p title="{c1}" aria-label="{c2}" data-x="{c3}">{c}</p><img alt="{c4}"><input placeholder="{c5}" value="{c6}"><input type="submit" value="{c7}"><optgroup label="{c8}"></optgroup>',
  },
  {
    name: "default text: a link's address and a drawing's text",
    group: "text",
    html: '<a href="/{c1}">{c}</a><svg><title>{c2}</title><text>{c3}</text></svg>',
  },
  {
    name: "default text: a mask inside an unmask",
    group: "text",
    controlGroup: "text",
    html: '<div class="glance_unmasked"><p {m}>{c}</p><input type="{password|text}" value="{c1}"></div>',
  },
  {
    name: "default text: a text that comes later",
    group: "text",
    html: '<div id="p"></div>',
    act: 'p.append("{c}"); p.title = "{c1}"; await 0; p.innerHTML = "<b>{c2}</b>"',
  },
  {
    name: "default text: an unmask that comes after the text, and what comes then",
    group: "text",
    controlGroup: "text",
    html: '<div id="p" class="{x|glance_unmasked}"></div>',
    act: 'p.append("{c}"); await 0; p.className = "{|glance_unmasked}"',
  },
  {
    name: "default text: a shadow tree and a frame",
    group: "text",
    html: '<div id="h"></div><iframe srcdoc="<p>{c1}</p>"></iframe>',
    act: 'h.attachShadow({ mode: "open" }).innerHTML = "<p>{c}</p>"' + WAIT + WAIT,
  },
  {
    name: "default text: custom properties of the root",
    group: "text",
    html: "<p>x</p>",
    act: 'document.documentElement.style.setProperty("--note", "\'{c}\'")',
  },
  {
    name: "default fields: what is typed",
    group: "inputs",
    html: '<input id="f"><div id="g" contenteditable></div>',
    act: async (page, fill) => {
      await page.locator("#f").pressSequentially(fill.main);
      await page.locator("#g").pressSequentially(fill.canaries[1] ?? "");
    },
  },
  {
    name: "default fields: an element that becomes editable",
    group: "inputs",
    html: '<div id="g">x</div>',
    act: 'g.contentEditable = "true"; g.textContent = "{c}"',
  },
  {
    name: "default fields: an element that became editable after it was shown",
    group: "inputs",
    html: '<div id="g"><p>{c}</p></div>',
    act: 'g.contentEditable = "true"' + WAIT,
    isLate: true,
  },
];

const copy = (name: string, html: string, act: string, more: Partial<Case> = {}): Case => ({
  name: `copy: ${name}`,
  html: `<input id="f" {m}>${html}`,
  act: `const type = (text) => { f.value = text; f.dispatchEvent(new Event("input", { bubbles: true })); }; ${act}${WAIT}`,
  ...more,
});

const COPIES: readonly Case[] = [
  copy(
    "a masked value that the page repeats as text",
    '<p id="p">x</p>',
    'type("{c}"); p.textContent = "You typed {c}."',
  ),
  copy("a masked value that the page repeats while it is typed", '<p id="p">x</p>', "", {
    act: async (page, fill) => {
      await page.evaluate('f.addEventListener("input", () => { p.textContent = f.value })');
      await page.locator("#f").pressSequentially(fill.main);
    },
  }),
  copy(
    "a masked value in attributes",
    '<p id="p">x</p>',
    'type("{c}"); p.title = "{c}"; p.setAttribute("data-value", "{c}"); p.append(Object.assign(document.createElement("a"), { href: "/find/{c}" }))',
  ),
  copy(
    "a masked value in an open field",
    '<input id="g">',
    'type("{c}"); g.value = f.value; g.dispatchEvent(new Event("input", { bubbles: true }))',
  ),
  copy("a masked value in the title", "", 'type("{c}"); document.title = "{c}"'),
  copy(
    "a masked value in the address",
    "",
    'type("{c}"); history.pushState(null, "", "/find/{c}"); document.body.append("x")',
  ),
  copy(
    "a masked value in a style",
    '<style id="s"></style>',
    'type("{c}"); s.sheet.insertRule("p::after{content:\'{c}\'}"); document.body.style.setProperty("--x", "{c}"); s.append("q::after{content:\'{c}\'}")',
  ),
  copy(
    "a number with gaps",
    '<p id="p">x</p>',
    'type("{d}"); const d = "{d}"; p.textContent = d.slice(0, 3) + " " + d.slice(3, 5) + "-" + d.slice(5)',
    {
      found: (text, fill) =>
        text.includes(`${fill.digits.slice(0, 3)} ${fill.digits.slice(3, 5)}-`),
    },
  ),
  copy(
    "an earlier value, in a keyframe that comes later",
    '<p id="p">x</p>',
    'type("{c}"); p.textContent = "{c}"; await 0; type(""); type("another"); await 0; const n = document.createElement("p"); n.textContent = "{c}"; document.body.append(n)',
  ),
  copy(
    "a value that stood in a masked field from the start",
    '<p id="p">x</p>',
    'p.textContent = "{c}"',
    { html: '<input id="f" {m} value="{c}"><p id="p">x</p>' },
  ),
  {
    name: "copy: a masked value that the page has repeated before",
    html: '<input {m} value="{c}"><p title="{c}">{c}</p>',
  },
  {
    name: "copy: a masked value repeated across a page in the default that masks fields",
    group: "inputs",
    html: "<textarea>{c}</textarea><p>{c}</p>",
  },
];

export const PAGES: readonly Case[] = [
  ...STYLES,
  ...ADDRESSES,
  ...SELECTORS,
  ...DEFAULTS,
  ...COPIES,
];
