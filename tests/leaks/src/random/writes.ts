/**
 * Ways in which a page writes a canary `C` into a place `p` of the document `doc`.
 *
 * Owns the lists, by what a place takes. Each is a line of script that needs nothing but these three, and `later(ms)`.
 */

import type { Dice } from "./dice.js";
import type { RandomGroup } from "./levels.js";
import type { Kind, Place } from "./places.js";

/** One way. */
export interface Write {
  readonly name: string;
  readonly line: string;
}

/** A way for a place. `isInstant`: it is done when the line is. `isMarked`: a clone is masked as the place is. */
export function writeOf(
  dice: Dice,
  place: Place,
  group: RandomGroup,
  isInstant: boolean,
  isMarked: boolean,
): Write {
  const lists = LISTS[place.kind].filter(({ of }) => group !== "text" || !ONLY_NAMES.has(of));
  const { of, lines } = dice.pick(lists);
  const fit = lines.filter(
    (line) =>
      !(isInstant && SLOW.test(line)) &&
      !(
        group === "text" &&
        (ADDRESS.test(line) || (place.name === "style" && MARKUP.test(line)))
      ) &&
      (isMarked || !line.includes("p.cloneNode")),
  );
  return { name: of, line: thrown(dice, dice.pick(fit), group) };
}

/** A line with what only chance says. */
function thrown(dice: Dice, line: string, group: RandomGroup): string {
  const names =
    group === "text" ? ATTRIBUTES.filter((name) => !ADDRESS.test(` ${name}=`)) : ATTRIBUTES;
  return line
    .replaceAll("ATTR", dice.pick(names))
    .replaceAll("DICE", () => String(dice.pick(WAITS_MS)));
}

/** A way to repeat another text, `K`, in the open place `p`. */
export function echoedBy(dice: Dice): Write {
  const { of, lines } = dice.pick([TEXT, ATTRIBUTE]);
  const plain = lines.filter((line) => !ODD.test(line));
  return {
    name: `echo as ${of}`,
    line: `{ const C = K; ${thrown(dice, dice.pick(plain), "plain")} }`,
  };
}

/** A way to repeat a known value in the open place `p`. */
export function copyOf(dice: Dice): Write {
  const value = dice.pick(GUISES);
  const where = dice.pick([TEXT, ATTRIBUTE, ELSEWHERE, ELSEWHERE]);
  const line = dice.pick(where.lines);
  return {
    name: `copy as ${where.of} of ${value}`,
    line: `{ const K = C; { const C = ${value.replaceAll("C", "K")}; ${thrown(dice, line, "plain")} } }`,
  };
}

interface Lines {
  readonly of: string;
  readonly lines: readonly string[];
}

const TEXT: Lines = {
  of: "text",
  lines: [
    "p.textContent = C;",
    "if ('innerText' in p) p.innerText = C; else p.textContent = C;",
    "p.innerHTML = `<b>${C}</b>`;",
    'p.innerHTML = `<b title="${C}">x</b>`;',
    "p.append(C);",
    "p.prepend(doc.createTextNode(C));",
    "p.replaceChildren('a', C, 'b');",
    "p.insertAdjacentText('beforeend', C);",
    "p.insertAdjacentHTML('afterbegin', `<i><u>${C}</u></i>`);",
    "p.insertAdjacentElement('beforeend', Object.assign(doc.createElement('b'), { textContent: C }));",
    "p.setHTMLUnsafe(`<div><template shadowrootmode=open><b>${C}</b></template></div>`);",
    "{ const t = doc.createTextNode('x'); p.append(t); await later(DICE); t.data = C; }",
    "{ const t = doc.createTextNode('x'); p.append(t); await later(DICE); t.nodeValue = C; }",
    "{ const t = doc.createTextNode('x'); p.append(t); await later(DICE); t.appendData(C); }",
    "{ const t = doc.createTextNode('x'); p.append(t); t.insertData(0, C); await later(DICE); t.splitText(3); await later(DICE); p.normalize(); }",
    "{ const t = doc.createTextNode('xyz'); p.append(t); await later(DICE); t.replaceData(1, 1, C); p.normalize(); }",
    "{ const t = doc.createTextNode(C); p.append(t); t.splitText(8); await later(DICE); p.normalize(); }",
    "{ const t = doc.createTextNode('x'); p.append(t); await later(DICE); t.replaceWith(C, doc.createComment(C)); }",
    "{ const t = doc.createElement('b'); p.append(t); await later(DICE); t.before(C); }",
    "{ const t = doc.createElement('b'); p.append(t); await later(DICE); t.after(C); t.remove(); }",
    "{ const t = doc.createElement('b'); p.append(t); t.outerHTML = `<em>${C}</em>`; }",
    "{ const r = doc.createRange(); r.selectNodeContents(p); r.insertNode(doc.createTextNode(C)); }",
    "{ const r = doc.createRange(); r.selectNodeContents(p); p.append(r.createContextualFragment(`<b>${C}</b>`)); }",
    "{ p.append(C); const r = doc.createRange(); r.setStart(p.lastChild, 8); r.setEnd(p.lastChild, 12); r.surroundContents(doc.createElement('b')); }",
    "{ const t = document.createElement('template'); t.innerHTML = `<p><b>${C}</b></p>`; p.append(doc.importNode(t.content, true)); }",
    "{ const t = document.createElement('template'); t.innerHTML = `<p><b>${C}</b></p>`; p.append(t.content); }",
    "p.append(doc.adoptNode(new DOMParser().parseFromString(`<p>${C}</p>`, 'text/html').body.firstChild));",
    "p.append(doc.importNode(new DOMParser().parseFromString(`<r xmlns='${NS.html}'><p>${C}</p></r>`, 'application/xml').documentElement, true));",
    "{ const t = doc.createElement('div'); t.innerHTML = `<p><b>${C}</b></p>`; p.append(t.cloneNode(true), t); }",
    "{ const t = doc.createElement('b'); p.append(t); t.textContent = C; p.moveBefore?.(t, p.firstChild); }",
    "p.append(Object.assign(doc.createElement('input'), { value: C }));",
    "p.append(Object.assign(doc.createElement('textarea'), { defaultValue: C }));",
    "p.append(new Option(C, C, true, true));",
    "p.append(Object.assign(doc.createElement('img'), { alt: C, src: `/${C}.png` }));",
    "{ const h = doc.createElement('div'); p.append(h); h.attachShadow({ mode: 'open' }).innerHTML = `<p>${C}</p>`; }",
    "{ const h = doc.createElement('div'); p.append(h); const r = h.attachShadow({ mode: 'closed' }); await later(DICE); r.append(C); }",
    "{ const h = doc.createElement('div'); const r = h.attachShadow({ mode: 'open' }); r.innerHTML = `<slot>${C}</slot>`; p.append(h); await later(DICE); h.append(C); }",
    "{ const f = doc.createElement('iframe'); f.srcdoc = `<p>${C}</p>`; p.append(f); await framed(f); }",
    "{ const f = doc.createElement('iframe'); p.append(f); f.contentDocument?.body.append(C); await later(DICE); }",
    "{ const f = doc.createElement('iframe'); p.append(f); const d = f.contentDocument; d.open(); d.write(`<title>${C}</title><p>${C}`); await later(DICE); d.close(); }",
    "{ const d = doc.createElement('details'); d.innerHTML = `<summary>${C}</summary>${C}`; p.append(d); d.open = true; }",
    "{ const d = doc.createElement('dialog'); d.append(C); p.append(d); d.isConnected && d.showModal(); await later(DICE); d.close(); }",
    "{ const d = doc.createElement('div'); d.popover = 'manual'; d.append(C); p.append(d); d.isConnected && d.showPopover(); }",
    "{ const u = `s${C}`; customElements.define(`x-${u.toLowerCase()}`.slice(0, 6) + Math.random().toString(36).slice(2), class extends HTMLElement {}); p.append(C); }",
    "{ const e = doc.createElement('x-late'); e.said = C; p.append(e); await later(DICE); }",
    "if (doc.startViewTransition) await doc.startViewTransition(() => { p.textContent = C; }).updateCallbackDone; else p.textContent = C;",
  ],
};

const ATTRIBUTE: Lines = {
  of: "attribute",
  lines: [
    "p.setAttribute('ATTR', C);",
    "p.setAttribute('ATTR', `/a/${C}`);",
    "p.setAttribute('data-x', JSON.stringify({ a: [C] }));",
    "p.setAttributeNS(null, 'ATTR', C);",
    "p.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:title', C);",
    "{ const a = doc.createAttribute('ATTR'); a.value = C; p.setAttributeNode(a); }",
    "{ const a = doc.createAttribute('ATTR'); p.attributes.setNamedItem(a); await later(DICE); a.value = C; }",
    "{ p.setAttribute('ATTR', 'x'); await later(DICE); p.getAttributeNode('ATTR').nodeValue = C; }",
    "{ p.setAttribute('ATTR', 'x'); await later(DICE); p.attributes[p.attributes.length - 1].textContent = C; p.setAttribute('ATTR', C); }",
    "p.toggleAttribute(`data-${C}`);",
    "p.dataset.note = C;",
    "p.title = C; p.setAttribute('title', C);",
    "p.ariaLabel = C; p.ariaDescription = C;",
    "p.ariaValueText = C; p.ariaPlaceholder = C; p.ariaRoleDescription = C;",
    "p.lang = C; p.accessKey = C; p.setAttribute('lang', C);",
    "p.setAttribute(`@click`.slice(1), C);",
    "p.insertAdjacentHTML('beforeend', `<b @click='${C}' :value='${C}' v-bind:x='${C}' x-text='${C}' hx-vals='{\"a\":\"${C}\"}'>x</b>`);",
    "p.insertAdjacentHTML('beforeend', `<a href='/x/${C}' download='${C}' ping='/${C}' rel='${C}' hreflang='${C}'>x</a><area alt='${C}'><img alt='${C}' usemap='#${C}'>`);",
    "p.insertAdjacentHTML('beforeend', `<input placeholder='${C}' pattern='${C}' list='${C}' name='${C}' form='${C}' aria-label='${C}'>`);",
    "p.insertAdjacentHTML('beforeend', `<object data='/${C}.png' type='image/png'><param name=a value='${C}'></object><embed src='/${C}.svg' type='image/svg+xml'>`);",
    "p.insertAdjacentHTML('beforeend', `<svg><a href='/${C}'><text aria-label='${C}'>x<title>${C}</title></text></a><use href='#${C}'/><image href='/${C}.png'/></svg>`);",
    "p.insertAdjacentHTML('beforeend', `<video poster='/${C}.png'><track label='${C}' src='/${C}.vtt'></video><audio src='/${C}.mp3'></audio>`);",
    "p.insertAdjacentHTML('beforeend', `<meter value=1 title='${C}'>${C}</meter><progress aria-valuetext='${C}'>${C}</progress><time datetime='${C}'></time>`);",
  ],
};

const STYLE: Lines = {
  of: "style",
  lines: [
    "p.style.setProperty('--x', C);",
    "p.style.cssText = `--x: ${C}; content: '${C}'`;",
    "p.setAttribute('style', `background: url(/${C}.png); --y: ${C}`);",
    "p.style.backgroundImage = `url(/${C}.png)`;",
    "{ p.style.width = '3px'; await later(DICE); p.style.quotes = `'${C}' '${C}'`; p.style.fontFamily = `'${C}'`; }",
    "{ p.setAttribute('style', 'margin: 3px'); await later(DICE); p.style.setProperty('list-style-type', `'${C}'`); p.style.animationName = C; p.style.viewTransitionName = C; }",
    "p.attributeStyleMap.set('--x', C);",
    "{ p.attributeStyleMap.set('color', 'red'); await later(DICE); p.attributeStyleMap.append('background-image', `url(/${C}.png)`); p.attributeStyleMap.set('--z', C); }",
    "p.animate({ '--said': [C, C] }, { duration: 90000, iterations: Infinity }); p.style.setProperty('--x', C); await later(300);",
    "p.style.gridTemplateAreas = `'${C}'`; p.style.willChange = C; p.style.counterReset = `${C} 3`; p.style.containerName = C;",
  ],
};

const SHEET: Lines = {
  of: "sheet",
  lines: [
    "{ const s = doc.createElement('style'); s.textContent = `.k::after { content: '${C}' }`; p.append(s); }",
    "{ const s = doc.createElement('style'); p.append(s); s.sheet?.insertRule(`.k::after { content: '${C}' }`); await later(DICE); }",
    "{ const s = doc.createElement('style'); s.textContent = '.k { color: red }'; p.append(s); await later(DICE); s.sheet.cssRules[0].style.setProperty('content', `'${C}'`); s.sheet.cssRules[0].style.setProperty('--a', C); }",
    "{ const s = doc.createElement('style'); s.textContent = '.k { color: red }'; p.append(s); await later(DICE); s.firstChild.data = `.k { --b: ${C} }`; }",
    "{ const s = doc.createElement('style'); s.textContent = '.k { color: red }'; p.append(s); await later(DICE); s.append(`.j { --b: ${C} }`); }",
    "{ const s = doc.createElement('style'); s.textContent = '@media all { .k { color: red } }'; p.append(s); await later(DICE); s.sheet.cssRules[0].insertRule(`.l { content: '${C}' }`, 0); s.sheet.cssRules[0].cssRules[0].style.setProperty('--c', C); }",
    "{ const s = doc.createElement('style'); s.textContent = '.k { color: red }'; p.append(s); await later(DICE); s.sheet.cssRules[0].selectorText = `.${C}`; s.sheet.media.mediaText = 'print'; await later(DICE); }",
    "{ const s = doc.createElement('link'); s.rel = 'stylesheet'; s.href = `data:text/css,.k::after{content:'${C}'}`; p.append(s); await later(DICE); }",
    "{ const s = doc.createElement('link'); s.rel = 'stylesheet'; s.href = URL.createObjectURL(new Blob([`.k::after{content:'${C}'}`], { type: 'text/css' })); p.append(s); await later(60); }",
    "{ const h = doc.createElement('div'); p.append(h); const s = new doc.defaultView.CSSStyleSheet(); s.replaceSync(`b::after { content: '${C}' }`); const r = h.attachShadow({ mode: 'open' }); r.innerHTML = '<b>x</b>'; r.adoptedStyleSheets = [s]; }",
    "{ const h = doc.createElement('div'); p.append(h); const s = new doc.defaultView.CSSStyleSheet(); const r = h.attachShadow({ mode: 'open' }); r.innerHTML = '<b>x</b>'; r.adoptedStyleSheets.push(s); await later(DICE); s.insertRule(`b::after { content: '${C}' }`); await s.replace(`b { --q: ${C} }`); }",
    "{ const h = doc.createElement('svg'); const s = doc.createElementNS(NS.svg, 'style'); s.textContent = `.k { content: '${C}' }`; h.append(s); p.append(h); }",
  ],
};

/** Pictures that say the canary: by their address, and by what stands in them. */
const PICTURE: Lines = {
  of: "picture",
  lines: [
    "p.append(Object.assign(doc.createElement('img'), { src: `{folder}/${C}.svg` }));",
    "{ const i = doc.createElement('img'); p.append(i); await later(DICE); i.srcset = `{folder}/${C}.svg 1x`; }",
    "{ const s = doc.createElement('style'); s.textContent = `.k { background: url({folder}/${C}.svg) }`; p.append(s); }",
    "p.style.background = `url({folder}/${C}.svg)`;",
    "{ const c = doc.createElement('canvas'); p.append(c); c.getContext('2d')?.fillText(C, 0, 9); c.title = C; await later(DICE); c.append(C); }",
    "p.insertAdjacentHTML('beforeend', `<svg><image href='{folder}/${C}.svg'/></svg>`);",
  ],
};

const typed = (line: string, ...events: string[]): string =>
  `${line} ${events.map((name) => `p.dispatchEvent(new Event("${name}", { bubbles: true, composed: true }));`).join(" ")}`;

const VALUE: Lines = {
  of: "value",
  lines: [
    typed("p.value = C;", "input"),
    typed("p.value = C;", "input", "change"),
    typed("p.value = C;", "change"),
    "p.value = C;",
    "p.defaultValue = C;",
    "p.setAttribute('value', C); p.defaultValue = C;",
    typed("p.setRangeText?.(C);", "input"),
    "if (p.isConnected && doc.hasFocus()) { p.focus(); doc.execCommand('insertText', false, C); } p.value = C;",
    typed("p.value = 'a'; await later(DICE); p.value = C;", "input"),
    "p.value = C; p.type === 'text' && (p.type = 'tel'); await later(DICE);",
    "{ p.defaultValue = C; const f = doc.createElement('form'); p.before(f); f.append(p); p.value = 'x'; await later(DICE); f.reset(); }",
    "p.value = C; p.setCustomValidity?.(C); p.title = p.validationMessage; p.placeholder = C;",
    "{ const k = p.cloneNode(true); k.value = C; p.replaceWith(k); await later(DICE); k.setAttribute('value', C); }",
  ],
};

const DIGITS: Lines = {
  of: "number",
  lines: [
    typed("p.value = C;", "input"),
    typed("p.valueAsNumber = Number(C);", "input", "change"),
    "p.setAttribute('value', C); p.defaultValue = C;",
    "p.value = C; p.setAttribute('aria-valuenow', C); p.setAttribute('aria-valuetext', C);",
  ],
};

const LIST: Lines = {
  of: "list",
  lines: [
    typed(
      "p.append(new Option(C, 'a'), new Option('b', C)); p.selectedIndex = 1;",
      "input",
      "change",
    ),
    "p.innerHTML = `<optgroup label='${C}'><option value='${C}' label='${C}'>${C}</option></optgroup>`; p.value = C;",
    "p.add(new Option(C, C, true, true)); await later(DICE); p.options[0].text = C; p.options[0].label = C;",
    "p.multiple = true; p.append(new Option(C, C), new Option('b', C)); await later(DICE); p.options[1].selected = true; p.options[0].selected = true;",
    "p.insertAdjacentHTML('beforeend', `<button><selectedcontent></selectedcontent></button><option selected>${C}</option>`);",
  ],
};

const TYPED: Lines = {
  of: "typed text",
  lines: [
    "p.append(C);",
    typed("p.textContent = C;", "input"),
    "if (p.isConnected && doc.hasFocus()) { p.focus(); doc.execCommand('insertText', false, C); } p.append(C);",
    "p.innerHTML = `<p>${C}</p><p>b</p>`; await later(DICE); p.firstChild.firstChild.data += '!';",
  ],
};

/** Where a page repeats what was typed besides elements. */
const ELSEWHERE: Lines = {
  of: "page",
  lines: [
    "document.title = `of ${C}`;",
    "history.replaceState({ C }, '', `#${encodeURIComponent(C)}`);",
    "history.replaceState({ C }, '', `?q=${encodeURIComponent(C)}`);",
    "location.hash = C;",
    "history.pushState(null, '', `{folder}/${encodeURIComponent(C)}`);",
    "{ const s = document.createElement('style'); s.textContent = `.z::after { content: '${C}' }`; p.append(s); }",
    "{ const s = new CSSStyleSheet(); s.replaceSync(`.z::after { content: '${C}' }`); document.adoptedStyleSheets = [s]; }",
    "{ const f = document.createElement('iframe'); f.srcdoc = `<p title='${C}'>${C}</p>`; p.append(f); await framed(f); }",
    "{ const m = document.createElement('meta'); m.name = 'theme-color'; m.content = C; document.head.append(m); }",
    "{ const l = document.createElement('link'); l.rel = 'icon'; l.href = `data:image/svg+xml,<svg xmlns='${NS.svg}'><text>${C}</text></svg>`; document.head.append(l); }",
    "p.innerHTML = `<label>${C}</label><output>${C}</output><progress title='${C}'></progress>`;",
    "p.replaceChildren(C.slice(0, 5), document.createComment('x'), C.slice(5));",
    "p.innerHTML = [...C].map((one) => `<i>${one}</i>`).join('');",
    "{ const i = document.createElement('input'); p.append(i); i.value = C; i.dispatchEvent(new Event('input', { bubbles: true })); }",
    "{ const h = document.createElement('div'); p.append(h); h.attachShadow({ mode: 'open' }).innerHTML = `<p>${C}</p>`; }",
    "{ const a = p.animate({ '--said': [C, C] }, { duration: 90000, iterations: Infinity }); await later(300); }",
  ],
};

/** How a page writes it there. */
const GUISES = [
  "C",
  "C",
  "C.toUpperCase()",
  "`It is ${C}.`",
  "`${C.slice(0, 8)} ${C.slice(8)}`",
  "`${C.slice(0, 8)}-${C.slice(8)}`",
  "encodeURIComponent(`${C} x`)",
  "C.replace(/./g, (one) => one + '\\u200b')",
  "`\\u2068${C}\\u2069`",
] as const;

const ATTRIBUTES =
  "title alt aria-label aria-description aria-roledescription aria-valuetext data-value data-state placeholder label value href src srcset cite summary content action formaction poster lang xlink:href download name for pattern min max step target rel media abbr headers datetime kind srclang coords usemap itemid itemprop role tabindex accesskey is form list dirname ping".split(
    " ",
  );

const LISTS: Readonly<Record<Kind, readonly Lines[]>> = {
  text: [TEXT, TEXT, ATTRIBUTE, STYLE, SHEET, PICTURE],
  field: [VALUE, VALUE, ATTRIBUTE, STYLE],
  digits: [DIGITS, DIGITS, ATTRIBUTE],
  list: [LIST, LIST, ATTRIBUTE],
  bare: [ATTRIBUTE],
  editable: [TYPED, TYPED, TEXT, ATTRIBUTE],
};

/** What a default that masks texts keeps: names, pictures and their addresses. */
const ONLY_NAMES = new Set(["style", "sheet", "picture"]);

/** Lines after which the page has run, or was told of something, before they are done. */
const SLOW = /await|dispatchEvent|execCommand/;

/** What takes no text as it is: markup, addresses, names and what is cut. */
const ODD = /<|`|src|href|URL|splitText|setStart|JSON|ATTR|toggle|dirname|type/;

/** What a default that masks texts lets through: addresses of what is loaded, and names. */
const ADDRESS = / (?:src|srcset|href|data|poster|rel|media|coords|background|xlink:href)[=:]/;

/** What puts markup below an element. In a style it is a rule, and its words are names. */
const MARKUP = /HTML/;

const WAITS_MS = [0, 0, 1, 5, 20, 45];
