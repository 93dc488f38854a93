/**
 * Markup and rules at random, written so that it is the same as HTML and as XML.
 *
 * Owns which elements, attributes and rules there are to choose from.
 */

/** What changes and rules go by. */
export const CLASSES = ["a", "b", "c", "d", "e"];

/** Some elements with texts and more of them. */
export function markup(dice, { depth = 2, isXml = false, hasRoots = !isXml } = {}) {
  const count = 1 + dice.below(4);
  return Array.from({ length: count }, () => one(dice, { depth, isXml, hasRoots })).join(
    dice.pick(["", " ", "\n", "<!-- c -->"]),
  );
}

function one(dice, at) {
  if (at.depth === 0 || dice.chance(0.2)) return escaped(dice.words());
  const inside = () => markup(dice, { ...at, depth: at.depth - 1 });
  const kind = dice.pick(KINDS);
  if (typeof kind === "function") return kind(dice, inside, at);
  return `<${kind}${attributes(dice, at)}>${inside()}</${kind}>`;
}

function attributes(dice, { isXml }) {
  const found = [];
  if (dice.chance(0.6)) found.push(`class="${dice.pick(CLASSES)}"`);
  if (dice.chance(0.2)) found.push(`style="${declarations(dice)}"`);
  if (dice.chance(0.1))
    found.push(dice.pick(['dir="rtl"', 'lang="de"', 'hidden=""', 'title="t"', 'tabindex="0"']));
  if (!isXml && dice.chance(0.06))
    found.push(
      dice.pick([
        '@click="go()"',
        ':x="1"',
        'v-on:click.prevent="x"',
        "[y]='2'",
        '#z=""',
        "x_y='1'",
        "(tap)='x'",
      ]),
    );
  if (dice.chance(0.05))
    found.push(
      dice.pick(['part="p"', 'slot="s"', 'contenteditable="true"', 'draggable="true"', 'data-n="1"']),
    );
  return found.map((text) => ` ${text}`).join("");
}

const KINDS = [
  ..."div div div p span section b i ul li h2 article bdi x-open x-closed x-plain label button".split(" "),
  (dice, inside, at) =>
    `<details${dice.chance(0.5) ? ' open="open"' : ""}><summary>${escaped(dice.words())}</summary>${inside()}</details>`,
  (dice) =>
    `<table><tbody>${`<tr><td>${escaped(dice.words())}</td><th colspan="2">x</th></tr>`.repeat(1 + dice.below(2))}</tbody></table>`,
  (dice) =>
    `<input type="${dice.pick(["text", "range", "color", "date", "search", "number"])}"/><input type="${dice.pick(["checkbox", "radio"])}"${dice.chance(0.3) ? ' checked="checked"' : ""}/>`,
  (dice) => `<textarea rows="2">${escaped(dice.words())}</textarea>`,
  (dice) =>
    `<select${dice.chance(0.4) ? ' multiple="multiple"' : ""}><optgroup label="g"><option>${escaped(dice.words())}</option></optgroup><option>two</option><option selected="selected">three</option></select>`,
  (dice) =>
    `<progress max="9" value="${dice.below(9)}"></progress><meter max="9" value="${dice.below(9)}"></meter>`,
  (dice) =>
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="60" height="30" viewBox="0 0 60 30"><defs><linearGradient id="g"><stop offset="0" stop-color="${color(dice)}"/></linearGradient><path id="q" d="M0 20L60 20"/></defs><rect class="${dice.pick(CLASSES)}" width="30" height="10" fill="url(#g)"/><text y="20"><textPath xlink:href="#q">${escaped(dice.words())}</textPath></text><foreignObject width="20" height="10"><p xmlns="http://www.w3.org/1999/xhtml" class="a">f</p></foreignObject><use href="#q"/></svg>`,
  (dice) =>
    `<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mi class="${dice.pick(CLASSES)}">x</mi><mn>${dice.below(9)}</mn></mfrac><mtext>${escaped(dice.words())}</mtext></math>`,
  (dice, inside) => `<template>${inside()}</template>`,
  (dice, inside, at) =>
    at.hasRoots
      ? `<div class="host"><template shadowrootmode="open"${dice.chance(0.3) ? ' shadowrootclonable=""' : ""}><style>${rules(dice)}</style><slot></slot>${inside()}<slot name="s"></slot></template>${inside()}</div>`
      : inside(),
  (dice) => `<style>${escapedCss(rules(dice))}</style>`,
  (dice, inside) => `<dialog class="${dice.pick(CLASSES)}">${inside()}</dialog>`,
  (dice, inside) => `<div popover="${dice.pick(["auto", "manual"])}" class="pop">${inside()}</div>`,
  (dice, inside) => `<div class="scroll">${inside()}<div class="tall"></div></div>`,
  (dice) => `<img alt="i" width="20" height="12" src="${picture(dice)}"/>`,
  (dice) =>
    `<iframe width="120" height="60" srcdoc="${escaped(`<!doctype html><p class='a'>${escaped(dice.words())}</p>`)}"></iframe>`,
  (dice, inside) => `<ruby>${escaped(dice.words())}<rt>r</rt></ruby><pre>\n${escaped(dice.words())}\n</pre>`,
  (dice, inside) => `<fieldset><legend>l</legend>${inside()}</fieldset>`,
  (dice) => `<noscript>${escaped(dice.words())}</noscript>`,
];

/** A picture as data. */
export function picture(dice) {
  return `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'%3E%3Crect width='${1 + dice.below(9)}' height='9'/%3E%3C/svg%3E`;
}

/** Text for markup. */
export function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
}

/** In XML a style's text is text; none of the rules here needs a sign that would have to be escaped. */
const escapedCss = (text) => text.replaceAll("> ", "");

export function color(dice) {
  return `hsl(${dice.below(24) * 15} 60% ${30 + 10 * dice.below(5)}%)`;
}

/** One declaration: property and value. */
export function declaration(dice) {
  return dice.pick([
    () => ["color", color(dice)],
    () => ["background-color", color(dice)],
    () => ["margin-left", `${dice.below(30)}px`],
    () => ["padding", `${dice.below(9)}px ${dice.below(9)}px`],
    () => ["border-left", `${1 + dice.below(4)}px solid ${color(dice)}`],
    () => ["letter-spacing", `${dice.below(4)}px`],
    () => ["--v", `${dice.below(30)}px`],
    () => ["width", `calc(${100 + dice.below(100)}px + var(--v, 1px))`],
    () => ["font-weight", dice.pick(["400", "700"])],
    () => ["display", dice.pick(["block", "inline-block", "flex", "grid"])],
    () => ["text-transform", dice.pick(["uppercase", "none"])],
    () => ["opacity", `0.${1 + dice.below(9)}`],
    () => ["zoom", dice.pick(["1", "1.2"])],
  ])();
}

export function declarations(dice) {
  return Array.from({ length: 1 + dice.below(3) }, () => declaration(dice).join(": ")).join("; ");
}

export function selector(dice) {
  const name = `.${dice.pick(CLASSES)}`;
  return dice.pick([
    () => name,
    () => `${name}:not(.x)`,
    () => `:is(${name}, .y) `,
    () => `p ${name}`,
    () => `${name}:first-child`,
    () => `${name}:has(b)`,
    () => `${name}::before`,
    () => `${name}[class~="${dice.pick(CLASSES)}"]`,
    () => `:where(${name})`,
    () => `:host(.host) ${name}, ${name} ${name}`,
    () => `::slotted(${name}), ${name}`,
    () => `input:checked, ${name}`,
    () => `${name}:hover, ${name}:focus-within`,
    () => `x-open:state(on), ${name}:state(on)`,
    () => `dialog[open] ${name}, :modal`,
  ])();
}

/** One rule that holds no others. */
export function plainRule(dice) {
  const at = selector(dice);
  const content = at.includes("::before") ? `; content: "${dice.pick(["§", "→", "•"])}"` : "";
  return `${at} { ${declarations(dice)}${content} }`;
}

/** One rule. */
export function rule(dice) {
  if (dice.chance(0.5)) return plainRule(dice);
  const some = () => Array.from({ length: 1 + dice.below(2) }, () => plainRule(dice)).join(" ");
  return dice.pick([
    () => `@media (min-width: ${dice.pick([1, 900])}px) { ${some()} }`,
    () =>
      `@media ${dice.pick(["screen", "print", "not print", "(width >= 100px)"])} { ${some()} @supports (display: grid) { ${some()} } }`,
    () => `@supports (display: ${dice.pick(["grid", "nothing"])}) { ${some()} }`,
    () => `@layer ${dice.pick(["one", "two", "one.in"])} { ${some()} }`,
    () => `@layer ${dice.pick(["one, two", "two, one"])};`,
    () => `@container (min-width: ${dice.pick([1, 400])}px) { ${some()} }`,
    () => `@scope (.${dice.pick(CLASSES)}) to (.x) { :scope { ${declarations(dice)} } ${some()} }`,
    () =>
      `.${dice.pick(CLASSES)} { ${declarations(dice)}; & b { ${declarations(dice)} } @media (min-width: 1px) { ${declarations(dice)} } ${declarations(dice)} }`,
    () => `@keyframes k${dice.below(2)} { from { margin-left: 0 } to { margin-left: ${dice.below(90)}px } }`,
    () => `.${dice.pick(CLASSES)} { animation: k${dice.below(2)} 10s -5s paused linear both }`,
    () =>
      `@property --r${dice.below(3)} { syntax: "<length>"; inherits: false; initial-value: ${dice.below(20)}px }`,
    () => `.${dice.pick(CLASSES)} { margin-left: var(--r${dice.below(3)}, 3px) }`,
    () => `@starting-style { ${some()} }`,
    () => `@font-face { font-family: F${dice.below(2)}; src: local("Arial") }`,
  ])();
}

/** A sheet's text. */
export function rules(dice) {
  return Array.from({ length: 1 + dice.below(3) }, () => rule(dice)).join("\n");
}
