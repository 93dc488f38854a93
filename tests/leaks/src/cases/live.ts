/** Changes while an agent watches: order of mask and text, moves, copies, splits, late rules, and what follows a purge. */

import { together, type Case, type Part } from "../kit.js";

const change = (name: string, html: string, act: string, more: Partial<Case> = {}): Case => ({
  name,
  html,
  act,
  ...more,
});

/** What stands on a page that has taken another's place, and how the runner knows that agents see it. */
const ANEW =
  '<p {m}>{c}</p><input {type=password|} value={c1}><p id="the-end" class="glance_unmasked"></p>';

/** Changes of it, one task later: by then it has to be recorded like any other. */
const LATER = `await new Promise((done) => setTimeout(done, 30)); const p = document.createElement("p"); p.className = "{M}";
  document.body.append(p); await 0; p.textContent = "{c2}"`;

/** Each of them holds what it came to. */
const animated = (what: string, at: string, html: string, frame: string, more = ""): Part => ({
  what,
  html,
  act: `document.getElementById("${at}").animate([{}, ${frame}], { duration: 1, fill: "forwards"${more} });`,
});

export const LIVE: readonly Case[] = [
  together(
    "animations of scripts",
    [
      animated(
        "a masked element's picture",
        "an0",
        '<b id="an0" {m}>x</b>',
        '{ backgroundImage: "url(/tile/{c}.png)" }',
      ),
      animated(
        "a masked element's property",
        "an1",
        '<b id="an1" {m}>x</b>',
        '{ "--said": "{c}" }',
      ),
      animated(
        "what it says before a masked element",
        "an2",
        '<b id="an2" {m}>x</b>',
        "{ content: '\"{c}\"' }",
        ', pseudoElement: "::before"',
      ),
      animated("below a mask", "an3", '<div {m}><b id="an3">x</b></div>', '{ "--said": "{c}" }'),
      animated(
        "a copy of a masked value",
        "an4",
        '<input value="{c}" {m}><b id="an4">x</b>',
        '{ "--said": "{c}" }',
      ),
      {
        what: "one that runs in a shadow tree",
        html: '<p id="an5"></p>',
        act: `const root = an5.attachShadow({ mode: "open" }); root.innerHTML = "<i {m}>x</i>"; await new Promise((done) => setTimeout(done, 30));
          root.firstChild.animate({ "--said": ["{c}", "{c}"] }, { duration: 100000, iterations: Infinity });`,
      },
    ],
    { until: (text) => text.split('"rr_animations":').length > 6 },
  ),
  change(
    "a page that is written anew",
    "<p>x</p>",
    `document.open(); document.write(\`<!doctype html><title>n</title><body>${ANEW}</body>\`); document.close(); ${LATER}`,
  ),
  change(
    "a page that is written anew and never closed, twice",
    "<p>x</p>",
    `document.open(); document.write("<p>first"); await 0; document.open(); document.write(\`<body>${ANEW}\`); ${LATER}`,
  ),
  change(
    "another root in the place of the page's",
    "<p>x</p>",
    `const root = document.createElement("html"); root.innerHTML = \`<head></head><body>${ANEW}</body>\`;
     document.documentElement.replaceWith(root); ${LATER}`,
    { isLate: true },
  ),
  change(
    "a text that changes",
    '<p id="p" {m}>x</p>',
    'p.firstChild.data = "{c}"; await 0; p.firstChild.appendData("{c1}")',
  ),
  change(
    "a text that is set anew",
    '<p id="p" {m}>x</p>',
    'p.textContent = "{c}"; await 0; p.innerText = "{c1}"; await 0; p.innerHTML = "<b title={c2}>{c3}</b>"',
  ),
  change(
    "markup that is put in",
    '<div id="p" {m}></div>',
    `p.insertAdjacentHTML("beforeend", "<b>{c1}</b>"); p.append("{c2}"); await new Promise((done) => setTimeout(done, 30));
      p.setHTMLUnsafe("<i>{c3}</i>"); await new Promise((done) => setTimeout(done, 30)); p.replaceChildren("{c}")`,
  ),
  change(
    "attributes that are set",
    '<p id="p" {m}>x</p>',
    'p.title = "{c}"; p.dataset.x = "{c1}"; p.ariaLabel = "{c2}"; p.setAttribute("{c3}", ""); p.toggleAttribute("{c4}"); await 0; p.removeAttribute("{c3}"); p.toggleAttribute("{c4}")',
  ),
  change(
    "mask and text in one task, text first",
    '<div id="p"></div>',
    'p.innerHTML = "<p>{c}</p>"; p.firstChild.className = "{M}"',
  ),
  change(
    "mask and text in one task, mask first",
    '<div id="p"></div>',
    'const n = document.createElement("p"); n.className = "{M}"; p.append(n); n.textContent = "{c}"',
  ),
  change(
    "mask of an ancestor in the same task",
    '<div id="p"><p id="q">x</p></div>',
    'q.textContent = "{c}"; p.className = "{M}"',
  ),
  change(
    "mask in a microtask after the text",
    '<div id="p"></div>',
    'p.append("{c}"); Promise.resolve().then(() => p.classList.add("{M}")); await 0',
    { isLate: true },
  ),
  change(
    "mask that is taken away later",
    '<p id="p" class="{M}">x</p>',
    'p.className = ""; await 0; p.textContent = "{c}"; await 0; p.append("{c1}")',
  ),
  change(
    "mask and text that come, the mask goes again in one task",
    '<p id="p">x</p>',
    'p.classList.add("{M}"); p.textContent = "{c}"; p.classList.remove("{M}")',
  ),
  change(
    "a mask by attribute that comes and goes in one task",
    '<p id="p">x</p>',
    'p.setAttribute("{glance_masked|x}", ""); p.textContent = "{c}"; p.removeAttribute("{glance_masked|x}")',
  ),
  change(
    "a node that leaves a mask with its text",
    '<div {m}><p id="p">{c1}</p></div><div id="o"></div>',
    'o.append(p); await 0; p.append("{c}")',
  ),
  change(
    "a new node moved through a mask",
    '<div id="i" {m}></div><div id="o"></div>',
    'const n = document.createElement("p"); n.textContent = "{c}"; i.append(n); await new Promise((done) => setTimeout(done, 20)); o.append(n)',
  ),
  change(
    "a masked element put elsewhere with its text",
    '<p id="p" {m}>{c}</p><div id="o"></div>',
    'const n = document.querySelector("#p"); n.remove(); await 0; o.append(n)',
  ),
  change(
    "a clone of a masked element",
    '<p id="p" class="{M}">{c}</p><div id="o"></div>',
    "o.append(p.cloneNode(true))",
  ),
  change(
    "a text that is split and joined",
    '<p id="p" {m}>{c}</p>',
    "p.firstChild.splitText(4); await 0; p.normalize()",
  ),
  change(
    "a text that changes while its parent is away",
    '<div id="o"><p id="p" {m}>x</p></div>',
    'const n = p; n.remove(); n.textContent = "{c}"; await 0; o.append(n)',
  ),
  change(
    "a range that is taken out and put in",
    '<div {m} id="i"><p id="p">x</p></div>',
    'const r = document.createRange(); r.selectNodeContents(p); const f = r.extractContents(); f.append("{c}"); r.insertNode(f)',
  ),
  change(
    "an element that is replaced by another with the mask",
    '<p id="p" class="{M}">x</p>',
    'const n = document.createElement("p"); n.textContent = "{c}"; n.className = "{M}"; p.replaceWith(n)',
  ),
  change(
    "an edit by execCommand",
    '<div id="p" contenteditable {m}>x</div>',
    'p.focus(); document.execCommand("selectAll"); document.execCommand("insertText", false, "{c}"); document.execCommand("insertHTML", false, "<b>{c1}</b>")',
  ),
  change(
    "a selection in a masked text",
    '<p id="p" {m}>a text of some length</p>',
    "getSelection().setBaseAndExtent(p.firstChild, 3, p.firstChild, 11); await new Promise((done) => setTimeout(done, 30))",
    { found: (text) => /"startOffset":3,.*"endOffset":11/.test(text) },
  ),
  change(
    "how far a masked field is scrolled",
    '<textarea id="p" {m} rows="2"></textarea>',
    'p.value = "a\\n".repeat(99); p.scrollTop = 417; await new Promise((done) => setTimeout(done, 60))',
    { found: (text) => text.includes('"y":417') || text.includes('"rr_scrollTop":417') },
  ),
  {
    name: "how far a masked field was scrolled before",
    html: '<textarea id="p" {m} rows="2"></textarea>',
    head: '<script>addEventListener("DOMContentLoaded", () => { p.value = "a\\n".repeat(99); p.scrollTop = 418; })</script>',
    found: (text) => text.includes('"y":418') || /"rr_scrollTop":418/.test(text),
  },
  {
    name: "where a masked pad of digits is pressed",
    html: '<div {m} style="position:fixed;left:0;top:0;width:700px;height:600px"><button style="width:700px;height:600px">5</button></div>',
    act: async (page) => {
      await page.mouse.move(300, 300);
      await page.mouse.move(317, 411, { steps: 3 });
      await page.mouse.down();
      await page.mouse.up();
      await page.waitForTimeout(80);
    },
    found: (text) => /"x":317,"y":411/.test(text),
  },
  change(
    "what had been shown and is masked by class later",
    '<p id="p">{c}</p>',
    'p.className = "{M}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "what had been shown and is masked far above later",
    '<div id="p"><ul><li title="{c1}">{c}</li></ul></div>',
    'p.setAttribute("{glance_masked|x}", ""); await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "a field that had been shown and becomes a password",
    '<input id="p" value="{c}">',
    'p.type = "{password|search}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "a field that had been shown and becomes a payment field",
    '<input id="p" value="{c}">',
    'p.autocomplete = "{cc-number|on}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "what had been shown and is moved below a mask",
    '<p id="p">{c}</p><div id="i" {m}></div>',
    "i.append(p); await new Promise((done) => setTimeout(done, 50))",
    { isLate: true },
  ),
  change(
    "what had been shown in a shadow tree whose host is masked later",
    '<div id="p"></div>',
    'p.attachShadow({ mode: "open" }).innerHTML = "<p>{c}</p>"; await new Promise((done) => setTimeout(done, 50)); p.className = "{M}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "what had been shown, slotted, when the slot's parent is masked later",
    '<div id="p"><b>{c}</b></div>',
    'const r = p.attachShadow({ mode: "open" }); r.innerHTML = "<div><slot></slot></div>"; await new Promise((done) => setTimeout(done, 50)); r.firstChild.className = "{M}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true },
  ),
  change(
    "what had been shown in a frame that is masked later",
    '<iframe id="p" srcdoc="<p>{c}</p>"></iframe>',
    'await new Promise((done) => setTimeout(done, 100)); p.className = "{M}"; await new Promise((done) => setTimeout(done, 80))',
    { isLate: true },
  ),
  change(
    "what had been shown and loses its unmask",
    '<div id="p" class="glance_unmasked"><p>{c}</p></div>',
    'p.className = "{x|glance_unmasked}"; await new Promise((done) => setTimeout(done, 50))',
    { isLate: true, group: "text", controlGroup: "text" },
  ),
];
