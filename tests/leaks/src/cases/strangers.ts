/** Pages as libraries, browsers and builders of forms make them. */

import { PAUSE, probes, type Case, type Probe } from "../kit.js";

/** Types into the masked field `f@`, then the page does something with `t@`. */
const typed = (
  what: string,
  value: string,
  then: string,
  sign?: string,
  html = '<p id="t@">x</p>',
  field = '<input id="f@" {m}>',
): Probe => ({
  what,
  html: field + html,
  act: `const f = f@, value = ${JSON.stringify(value)}; f.value = value; f.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} const t = document.getElementById("t@"); ${then}`,
  ...(sign === undefined ? {} : { sign }),
});

const shown = (what: string, value: string, text: string): Probe =>
  typed(what, value, `t.textContent = ${JSON.stringify(text)};`, JSON.stringify(text).slice(1, -1));

const parts = (what: string, fields: string, values: readonly string[], text: string): Probe => ({
  what,
  html: `<form id="f@">${fields}</form><p id="t@">x</p>`,
  act: `const fields = [...f@.elements]; for (const [at, value] of ${JSON.stringify(values)}.entries()) { fields[at].value = value; fields[at].dispatchEvent(new Event(fields[at].localName === "select" ? "change" : "input", { bubbles: true })); ${PAUSE} } t@.textContent = ${JSON.stringify(text)};`,
  sign: text,
});

const list = (count: number, first = 1): string =>
  `<select {m}><option></option>${Array.from({ length: count }, (_, at) => `<option>${String(first + at)}</option>`).join("")}</select>`;

export const STRANGERS: readonly Case[] = [
  probes("stranger: what libraries of fields make of a value", [
    shown("cleave's card expiry with gaps", "11/29", "11 / 29"),
    shown("an expiry typed without its sign", "1130", "good until 11/30"),
    shown("a German amount", "1234.56", "1.234,56 €"),
    shown("a German amount with a nought", "8503.5", "8.503,50 €"),
    shown("a currency's name before the number", "85111", "USD85111"),
    shown("a currency's name behind the number", "85222", "85222EUR"),
    shown("a phone number without its country", "+49 171 5551234", "call 0171 5551234"),
    shown("a phone number with its country", "01715551299", "call +49 171 5551299"),
    shown("a time without its sign", "14:35", "at 1435 h"),
  ]),
  probes("stranger: fields that hold parts", [
    parts(
      "a code of six fields without a length",
      '<input {m} size="1">'.repeat(6),
      ["4", "8", "2", "9", "1", "5"],
      "your code 482915",
    ),
    parts(
      "a day in three fields",
      '<input {m} maxlength="2"><input {m} maxlength="2"><input {m} maxlength="4">',
      ["07", "03", "1985"],
      "born 07.03.1985",
    ),
    parts(
      "a day in three fields without a length, the other way",
      "<input {m}>".repeat(3),
      ["9", "04", "1986"],
      "born 1986-04-09",
    ),
    parts(
      "a day in three lists",
      list(31) + list(12) + list(60, 1950),
      ["8", "5", "1987"],
      "born 8/5/1987",
    ),
    parts(
      "a month and a year in two lists",
      list(12) + list(20, 2025),
      ["11", "2031"],
      "until 11/2031",
    ),
    parts(
      "a card in four fields",
      '<input {m} maxlength="4">'.repeat(4),
      ["4111", "2299", "3388", "4477"],
      "card 4111 2299 3388 4477",
    ),
    parts(
      "a sort code in three fields",
      '<input {m} maxlength="2">'.repeat(3),
      ["20", "45", "77"],
      "sort code 20-45-77",
    ),
    parts(
      "a phone in three fields",
      '<input {m} maxlength="3"><input {m} maxlength="3"><input {m} maxlength="4">',
      ["415", "867", "5301"],
      "(415) 867-5301",
    ),
  ]),
  probes("stranger: names as pages write them", [
    shown("a typographic apostrophe", "O'Qarl", "Mr O’Qarl"),
    typed(
      "an apostrophe in JSON",
      "D'Qolt",
      't.dataset.user = \'{"n":"D\\\\u0027Qolt"}\';',
      "0027Qolt",
    ),
    shown("no apostrophe", "O'Qrin", "OQRIN"),
    typed(
      "an accent in JSON of PHP",
      "Renée Qzvmann",
      't.dataset.user = \'{"n":"Ren\\\\u00e9e Qzvmann"}\';',
      "qzvmann",
    ),
    typed(
      "an accent as an entity",
      "Zoë Qzvlind",
      "t.dataset.html = 'Zo&euml; Qzvlind';",
      "qzvlind",
    ),
    typed(
      "an accent as a number",
      "Zoé Qzvrand",
      "t.dataset.html = 'Zo&#233; Qzvrand';",
      "qzvrand",
    ),
    shown("an umlaut in two letters", "Jörg Qzvbauer", "JOERG QZVBAUER"),
    typed(
      "a URL encoded twice",
      "Ann Qzvstone",
      't.dataset.next = "/x/Ann%2520Qzvstone";',
      "qzvstone",
    ),
    typed(
      "a short accent in an old URL",
      "Rémi Qzvold",
      't.dataset.next = "/x/R%E9mi%20Qzvold";',
      "qzvold",
    ),
    typed(
      "a short name with a sign in an address",
      "L-Qub",
      't.innerHTML = "<a href=/u/l_qub>x</a>";',
      "l_qub",
    ),
  ]),
  probes("stranger: copies in markup", [
    typed(
      "a tooltip of markup",
      "4111222233374445",
      't.setAttribute("data-bs-title", "<b>4111</b> <b>2222</b> <b>3337</b> <b>4445</b>");',
      "3337",
    ),
    typed(
      "markup in a script's data",
      "5111222233374446",
      't.dataset.x = JSON.stringify("<i>5111</i><i>2222</i><i>3337</i><i>4446</i>");',
      "<i>3337",
    ),
    typed(
      "a long note with a printer's signs",
      "I don't want that anybody in the family ever gets to know about the qzvillness that I told Dr. Brook of",
      "t.textContent = 'I don’t want that anybody in the family ever gets to know about the qzvillness that I told Dr. Brook of';",
      "qzvillness",
    ),
    typed(
      "a long note in one line",
      "The first line of it is rather long, longer than any of sixty-four letters that are looked for: qzvlong,\nand a second",
      "t.dataset.note = value.replaceAll(' ', '\\u00a0');",
      "qzvlong",
    ),
    typed(
      "a name that is cut",
      "Bartholomew Qzvington of Brookhurst",
      "t.textContent = value.slice(0, 24) + '…';",
      "qzvington",
    ),
    typed(
      "a pretty-printed text",
      "Ann Qzvpretty",
      "t.textContent = 'Ann\\n          Qzvpretty';",
      "qzvpretty",
    ),
    typed(
      "a number for each element, deep",
      "6111222233334447",
      "t.innerHTML = [...value].map((one) => `<span><span><b><i>${one}</i></b></span></span>`).join('');",
      '"textContent":"7"',
    ),
    typed(
      "highlighted letters in a long line",
      "qzvhighl 12 street",
      "t.innerHTML = `${'some words of a long line '.repeat(8)}<mark>qzvhighl</mark> <em>12</em> street`;",
      "qzvhighl",
    ),
  ]),
  probes("stranger: copies in names", [
    typed(
      "an escaped id of a number",
      "4711882299qz",
      "t.id = value; const s = document.createElement('style'); s.textContent = `#${CSS.escape(value)} { color: red }`; document.head.append(s);",
      "711882299qz",
    ),
    typed(
      "a custom property's name beside others",
      "qzvprop77",
      "t.style.setProperty(`--${value}`, '1');",
      "qzvprop77",
      '<p id="t@" style="margin: 1px; padding: 2px; color: rgb(1, 2, 3); background: rgb(4, 5, 6); border: 1px solid red; width: 200px; height: 20px; opacity: 0.9">x</p>',
    ),
    typed(
      "a custom property's name in an animation",
      "qzvanim88",
      "t.animate({ [`--${value}`]: ['1', '2'] }, { duration: 90000, iterations: Infinity }); await new Promise((done) => setTimeout(done, 700));",
      "qzvanim88",
    ),
    typed(
      "an element's state",
      "qzvstate99",
      "customElements.define('x-stated@', class extends HTMLElement { constructor() { super(); this.i = this.attachInternals(); } }); const e = document.createElement('x-stated@'); t.append(e); e.i.states.add(value); const s = document.createElement('style'); s.textContent = `:state(${value}) { color: red }`; document.head.append(s); await new Promise((done) => setTimeout(done, 700));",
      "qzvstate99",
    ),
    typed(
      "an area's address, a plain word",
      "Qzvarea",
      "t.innerHTML = `<map name=x><area href='/u/${value}'></map>`;",
      "qzvarea",
    ),
    typed(
      "a drawing's link, a plain word",
      "Qzvdraw",
      "t.innerHTML = `<svg><a xlink:href='/u/${value}'><text>x</text></a></svg>`;",
      "qzvdraw",
    ),
    typed(
      "the document's type",
      "qzvtype66",
      "document.doctype.replaceWith(document.implementation.createDocumentType('html', value, value)); ",
      "qzvtype66",
    ),
    typed(
      "a button's words",
      "85333",
      "t.innerHTML = `<input type=submit value='Pay ${value}EUR'><button>Pay ${value}EUR</button>`;",
      "85333EUR",
    ),
  ]),
  {
    name: "stranger: the type of a masked frame's document",
    html: '<iframe {m} src="{folder}/f.html"></iframe>',
    files: { "f.html": '<!DOCTYPE html PUBLIC "-//{c}//x" "{c1}"><p>{c2}</p>' },
    act: PAUSE + PAUSE + PAUSE,
  },
  probes("stranger: lists beside their own", [
    {
      what: "a choice with a cross",
      html: '<select id="f@" {m}><option></option><option>Dora Qzvdd</option></select><p id="t@">x</p>',
      act: "f@.selectedIndex = 1; f@.dispatchEvent(new Event('change', { bubbles: true })); await 0; t@.innerHTML = '<span title=\"Dora Qzvdd\"><b>×</b>Dora Qzvdd</span>'; t@.setAttribute('aria-label', 'Dora Qzvdd');",
      sign: "Dora Qzvdd",
    },
  ]),
  probes("stranger: fields that are replaced while somebody types", [
    {
      what: "a password and the field that shows it",
      html: '<span id="w@"><input id="f@" type="{password|text}"></span>',
      act: `f@.value = "qzvpass"; f@.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} const g = document.createElement("input"); g.value = f@.value; w@.replaceChildren(g); ${PAUSE} g.value += "word"; g.dispatchEvent(new Event("input", { bubbles: true }));`,
      sign: "qzvpassword",
    },
    {
      what: "two fields, one of which is hidden",
      html: '<input id="f@" type="{password|text}"><input id="g@" style="display:none">',
      act: `f@.value = "qzvhid"; f@.dispatchEvent(new Event("input", { bubbles: true })); g@.value = f@.value; g@.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} g@.style.display = ""; g@.value = "qzvhidden"; g@.dispatchEvent(new Event("input", { bubbles: true }));`,
      sign: "qzvhidden",
    },
    {
      what: "a masked field's hydrated twin",
      html: '<span id="w@"><input class="{M}" value="qzvtwin"></span>',
      act: `w@.innerHTML = "<input value='qzvtwin'>"; ${PAUSE} w@.firstChild.value = "qzvtwin-more"; w@.firstChild.dispatchEvent(new Event("input", { bubbles: true }));`,
      sign: "qzvtwin",
    },
    {
      what: "dots of a style",
      html: '<input id="f@" style="{-webkit-text-security: disc|}">',
      act: 'f@.value = "qzvdots"; f@.dispatchEvent(new Event("input", { bubbles: true }));',
      sign: "qzvdots",
    },
    {
      what: "dots of a sheet",
      html: '<style>.dots@ { -webkit-text-security: disc }</style><input id="f@" class="{dots@|}">',
      act: 'f@.value = "qzvdotted"; f@.dispatchEvent(new Event("input", { bubbles: true }));',
      sign: "qzvdotted",
    },
  ]),
  ...[
    {
      what: "a component with a method that is called matches",
      html: '<span id="w@"></span>',
      act: 'customElements.define("x-filter@", class extends HTMLElement { matches(text) { return text === "b"; } connectedCallback() { this.innerHTML = "<p title={c}>{c}</p>"; } }); const e = document.createElement("x-filter@"); e.className = "{M}"; w@.append(e);',
    },
    {
      what: "one with a method closest and one getAttribute",
      html: '<span id="w@"></span>',
      act: 'customElements.define("x-near@", class extends HTMLElement { closest() { return null; } getAttribute() { return null; } hasAttribute() { return false; } connectedCallback() { this.innerHTML = "<p title={c}>{c}</p>"; } }); const e = document.createElement("x-near@"); e.className = "{M}"; w@.append(e);',
    },
    {
      what: "a form whose parent is a field's name",
      html: '<div {m}><form id="f@"><p title="{c}">{c}</p></form></div><input name="{parentNode|x}" form="f@">',
    },
    {
      what: "a form whose kind is a field's name",
      html: '<form class="{M}"><input name="{nodeType|x}"><input name="{localName|y}"><p title="{c}">{c}</p></form>',
    },
    {
      what: "a form whose look is a field's name",
      html: '<form class="{M}"><input name="{matches|x}"><input name="{isConnected|y}"><input name="{childNodes|z}"><p title="{c}">{c}</p></form>',
    },
    {
      what: "a field of another type by its own word",
      html: '<span id="w@"></span>',
      act: 'customElements.define("x-field@", class extends HTMLInputElement { get type() { return "text"; } }, { extends: "input" }); w@.innerHTML = "<input is=x-field@ type={password|text}>"; w@.firstChild.value = "{c}"; w@.firstChild.dispatchEvent(new Event("input", { bubbles: true }));',
    },
    {
      what: "an owner's parent by a component's getter",
      html: '<div {m} id="w@"></div>',
      act: 'customElements.define("x-lost@", class extends HTMLElement { get parentNode() { return null; } get assignedSlot() { return null; } connectedCallback() { this.innerHTML = "<p title={c}>{c}</p>"; } }); w@.append(document.createElement("x-lost@"));',
    },
  ].map((one) => probes("stranger: own words", [one])),
  probes(
    "stranger: fields without fields, in the default that masks fields",
    [
      {
        what: "a text box of a role",
        html: '<div id="f@" role="{textbox|x}" tabindex="0"></div>',
        act: 'f@.textContent = "{c}"; f@.dispatchEvent(new Event("input", { bubbles: true }));',
      },
      {
        what: "a list that shows its choice",
        html: '<div role="{combobox|x}" aria-haspopup="listbox">{c}</div><input aria-hidden="true" value="10">',
      },
      {
        what: "a slider's words",
        html: '<div role="{slider|x}" aria-valuetext="{c}" aria-valuenow="7">x</div>',
      },
      { what: "a spin button", html: '<div role="{spinbutton|x}" aria-valuetext="{c}">{c}</div>' },
      { what: "a search box", html: '<div role="{searchbox|x}">{c}</div>' },
      {
        what: "an editor of code with a hidden field",
        html: '<div class="CodeMirror"><div style="overflow:hidden;position:relative;width:3px;height:0"><textarea id="f@"></textarea></div><div class="{CodeMirror-lines|x}"><pre id="t@"> </pre></div></div>',
        act: 'for (const one of "{c}") { f@.value = one; f@.dispatchEvent(new Event("input", { bubbles: true })); f@.value = ""; t@.textContent += one; await new Promise((done) => setTimeout(done, 5)); }',
      },
      {
        what: "another editor of code",
        html: '<div class="{monaco-editor|x}"><div class="view-lines" id="t@"></div><textarea class="inputarea" id="f@"></textarea></div>',
        act: 'for (const one of "{c}") { f@.value = one; f@.dispatchEvent(new Event("input", { bubbles: true })); f@.value = ""; } t@.innerHTML = "<div class=view-line><span>{c}</span></div>";',
      },
    ],
    { group: "inputs" },
  ),
  probes("stranger: masks that a page's own watcher sets", [
    {
      what: "on what was added",
      html: '<div id="w@"></div>',
      act: 'new MutationObserver((all) => { for (const { addedNodes } of all) for (const one of addedNodes) one.className = "{M}"; }).observe(w@, { childList: true }); w@.innerHTML = "<p>{c}</p>";',
    },
    {
      what: "in a microtask",
      html: '<div id="w@"></div>',
      act: 'w@.innerHTML = "<p>{c}</p>"; queueMicrotask(() => { w@.className = "{M}"; });',
    },
    {
      what: "in the second microtask",
      html: '<div id="w@"></div>',
      act: 'w@.innerHTML = "<p>{c}</p>"; await 0; await 0; await 0; w@.className = "{M}";',
    },
  ]),
  {
    name: "stranger: a masks' watcher of the page that was there first",
    head: '<script>new MutationObserver((all) => { for (const { addedNodes } of all) for (const one of addedNodes) if (one.dataset?.p) one.classList.add("{M}"); }).observe(document, { childList: true, subtree: true });</script>',
    html: '<p data-p="1">{c}</p><div id="w"></div>',
    act: 'w.innerHTML = "<p data-p=1 title={c1}>{c1}</p>";',
  },
  {
    name: "stranger: which of several buttons is picked, by its label and by what it says itself",
    group: "inputs",
    controlGroup: "plain",
    html: '<label id="l" style="position:fixed;left:0;top:0;width:600px;height:500px"><input type="RADIO" name="r" value="a"> one</label>',
    act: async (page) => {
      await page.mouse.move(323, 407);
      await page.mouse.down();
      await page.mouse.up();
      await page.waitForTimeout(80);
    },
    found: (text, { isMasked }) => {
      const told = [/"x":323,"y":407/, /"isChecked":/].filter((one) => one.test(text));
      return told.length > (isMasked ? 0 : 1);
    },
  },
  {
    name: "stranger: a form that is sent into a named frame, which repeats it",
    html: '<form id="f" action="{folder}/echo.html" target="out"><input name="q" id="v" {m}></form><iframe name="out" id="o"></iframe>',
    files: {
      "echo.html":
        "<!doctype html><title>e</title><p id=p>x</p><script>document.title = p.textContent = p.title = new URLSearchParams(location.search).get('q'); history.replaceState(null, '', `?z=${p.title}#${p.title}`)</script>",
    },
    act: `v.value = "{c}"; v.dispatchEvent(new Event("input", { bubbles: true })); f.submit(); await new Promise((done) => setTimeout(done, 400));`,
  },
  {
    name: "stranger: words that are composed by an input method",
    html: '<input id="f" {m}><div id="e" contenteditable {m}></div><p id="t">x</p>',
    act: async (page, fill) => {
      await page.evaluate(
        'for (const one of [f, e]) one.addEventListener("beforeinput", (event) => { t.textContent = one.value ?? one.textContent; t.title = event.data ?? ""; })',
      );
      const cdp = await page.context().newCDPSession(page);
      for (const [id, text] of [
        ["f", fill.main],
        ["e", fill.canaries[1] ?? ""],
      ]) {
        await page.focus(`#${String(id)}`);
        for (const cut of [4, 6, String(text).length]) {
          const part = String(text).slice(0, cut);
          await cdp.send("Input.imeSetComposition", {
            text: part,
            selectionStart: cut,
            selectionEnd: cut,
          });
          await page.waitForTimeout(40);
        }
        await cdp.send("Input.insertText", { text: String(text) });
        await page.waitForTimeout(60);
      }
      await cdp.detach();
    },
  },
  {
    name: "stranger: keys, undo, drag and paste, as people do",
    html: '<input id="f" {m}><input id="g" {m}><div id="t" contenteditable>x</div><p id="p">x</p>',
    act: async (page, fill) => {
      await page.evaluate(
        'f.addEventListener("input", () => { p.textContent = f.value; p.title = f.value; })',
      );
      await page.locator("#f").pressSequentially(fill.main);
      await page.keyboard.press("Control+a");
      await page.keyboard.press("Control+x");
      await page.keyboard.press("Control+z");
      await page.keyboard.press("Control+a");
      await page.keyboard.press("Control+c");
      await page.click("#t");
      await page.keyboard.press("Control+v");
      await page.waitForTimeout(60);
    },
  },
  {
    name: "stranger: joined frames: a value of the page in names, classes, lists of a frame",
    group: "frames",
    controlGroup: "frames",
    html: '<input id="v" {m}><iframe id="o" src="https://pay.localhost:1{folder}/in.html"></iframe>',
    files: {
      "in.html":
        '<!doctype html><head><script id="glance-cobrowse" src="{web}/cobrowse/loader.js" data-groupid="leaks-frames"></script></head><body><p id=p>inner-frame</p><script>addEventListener("message", (e) => { if (typeof e.data !== "string") return; const d = e.data; p.setAttribute("data-" + d.slice(0, -2) + "kx", "1"); p.style.setProperty("--" + d, "1"); p.className = d; p.title = d; const i = document.createElement("p"); i.innerHTML = [...d].map((one) => "<i>" + one + "</i>").join(""); p.append(d.slice(0, 4), document.createElement("b"), d.slice(4)); document.title = d; p.textContent += "told-frame"; })</script></body>',
    },
    act: async (page, fill, seen) => {
      const until = Date.now() + 9_000;
      while (!seen().includes("inner-frame") && Date.now() < until) await page.waitForTimeout(20);
      await page.evaluate(
        fill.text(
          'v.value = "{c}"; v.dispatchEvent(new Event("input", { bubbles: true })); setTimeout(() => o.contentWindow.postMessage("{c}", "*"), 80);',
        ),
      );
    },
    until: (text) => text.includes("told-frame"),
  },
  probes("stranger: what libraries make of a value", [
    shown("cents", "1234.56", '{"amount":123456}'),
    shown("a phone number without its country, in brackets", "+14155550132", "(415) 555-0132"),
    typed("a number in a property", "618033", "t.style.setProperty('--value', value);", "618033"),
    typed("a pin as a screen reader says it", "4829", "t.ariaLabel = 'code 4 8 2 9';", "4 8 2 9"),
    typed("a number in a script", "8273645", "t.dataset.x = '8.273645e6';", "8.273645e6"),
  ]),
  probes("stranger: editors", [
    {
      what: "words in elements of their own",
      html: '<div id="f@" contenteditable {m}></div><p id="t@">x</p>',
      act: `const text = "my home is at Qzvwords street and I live there since nineteen eighty five or so"; f@.innerHTML = text.split(" ").map((one) => "<span>" + one + " </span>").join(""); f@.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t@.textContent = text;`,
      sign: "qzvwords",
    },
    {
      what: "a mention",
      html: '<div id="f@" contenteditable {m}></div><p id="t@">x</p>',
      act: `f@.innerHTML = "hi <b contenteditable=false>@qzvmention</b> there"; f@.dispatchEvent(new InputEvent("input", { bubbles: true })); ${PAUSE} t@.textContent = "sent to @qzvmention";`,
      sign: "qzvmention",
    },
  ]),
  probes("stranger: very many", [
    {
      what: "six hundred values from the start",
      html:
        Array.from(
          { length: 600 },
          (_, at) => `<input {m} value="qzvmany${String(1000 + at)}">`,
        ).join("") + '<p id="t@">x</p>',
      act: `${PAUSE} t@.textContent = "qzvmany1003";`,
      sign: '"qzvmany1003',
    },
  ]),
  probes("stranger: trees", [
    {
      what: "a slot in a slot",
      html: '<x-out@ id="o@"></x-out@>',
      act: 'o@.attachShadow({ mode: "open" }).innerHTML = "<div id=i><slot></slot></div>"; o@.shadowRoot.firstChild.attachShadow({ mode: "open" }).innerHTML = "<section class={M}><slot></slot></section>"; o@.innerHTML = "<b title={c}>{c}</b>";',
    },
    {
      what: "a frame that leaves a mask",
      html: '<div {m}><iframe id="f@" srcdoc="<p>{c}</p>"></iframe></div><div id="t@"></div>',
      act: `${PAUSE}${PAUSE} t@.append(f@); ${PAUSE}${PAUSE} f@.contentDocument.body.append("{c}"); ${PAUSE}`,
    },
    {
      what: "a list of customizable options",
      html: '<select {m} style="appearance: base-select"><button><selectedcontent></selectedcontent></button><option selected><b title="{c}">{c}</b></option></select>',
    },
    {
      what: "a symbol",
      html: '<svg {m}><symbol id="s@"><text>{c}</text></symbol></svg><svg><use href="#s@"></use></svg>',
    },
    {
      what: "the root's data",
      html: '<input id="f@" {m}>',
      act: `f@.value = "{c}"; f@.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} document.documentElement.dataset.user = "{c}"; document.body.dataset.user = "{c}";`,
    },
    {
      what: "a toast that is a popover with a live region in a shadow tree",
      html: '<input id="f@" {m}><x-toast@ id="o@" popover="manual"></x-toast@>',
      act: `o@.attachShadow({ mode: "closed" }).innerHTML = "<output aria-live=polite><slot></slot></output>"; f@.value = "{c}"; f@.dispatchEvent(new Event("input", { bubbles: true })); ${PAUSE} o@.append("saved {c}"); o@.showPopover();`,
    },
    {
      what: "a virtual list's rows",
      html: '<div id="o@"><div class="{M}">a</div><div>b</div></div>',
      act: `const [a, b] = o@.children; o@.append(a); a.textContent = "open"; a.className = ""; b.className = "{M}"; b.innerHTML = "<i title={c}>{c}</i>"; ${PAUSE} o@.prepend(b); b.className = ""; b.firstChild.firstChild.data = "{c}";`,
    },
    {
      what: "a portal with a mask's field",
      html: '<div {m} id="o@"></div><div id="t@"></div>',
      act: `o@.innerHTML = "<input>"; o@.firstChild.value = "{c}"; t@.innerHTML = "<div role=dialog aria-label='{c}'>You chose <strong>{c}</strong></div>";`,
    },
  ]),
];
