/** What a person wishes of pages, dark ones here, and what they point with, a finger here: rules, elements and constructed sheets for it; the agent's browser is told none of it. A longhand of what was written with a variable, and in the end a policy that refuses styles. */

import { app, el, page } from "./kit.mjs";

app.innerHTML = `<h1>Wishes</h1><p class="a">one</p><p class="b">two</p><p class="c">three</p><p class="e">four</p><p class="g">five</p><div id="host"></div>`;
document.head.append(
  el(
    "style",
    {},
    `@media (prefers-color-scheme: dark) { body { background: #123; color: #fed } @media screen and (prefers-color-scheme: light) { .a { border: 9px solid } } }
     @media (hover: none) and (pointer: coarse) { .a { padding: 14px } } @media (hover) { .c { padding: 20px } }
     @media not (prefers-color-scheme: dark) { .b { display: none } }`,
  ),
  el("style", { media: "(prefers-color-scheme: light)" }, ".c { display: none }"),
);
const root = document.getElementById("host").attachShadow({ mode: "open" });
root.innerHTML = `<style>@media (prefers-color-scheme: dark) { b { color: gold } }</style><b>inside</b>`;

const rims = el("style", {}, ".e { --rim: 4px solid red; border: var(--rim) } .g { color: teal }");
document.head.append(rims);

page([
  () => {
    const sheet = new CSSStyleSheet({ media: "(prefers-color-scheme: dark)" });
    sheet.replaceSync(".a { letter-spacing: 4px }");
    document.adoptedStyleSheets = [sheet];
  },
  () =>
    document.head.append(el("style", {}, "@media (prefers-color-scheme: light) { h1 { display: none } }")),
  () => document.styleSheets[0].insertRule("@media (prefers-color-scheme: dark) { .b { padding: 9px } }", 0),
  () => void (rims.sheet.cssRules[0].style.borderLeftColor = "blue"),
  () => rims.sheet.cssRules[1].styleMap.set("padding-left", CSS.px(30)),
  () => {
    // From here on the page's policy lets no style be but one with a sign.
    const content = "style-src 'self' 'nonce-sign'";
    document.head.append(el("meta", { "http-equiv": "Content-Security-Policy", content }));
    document.head.append(
      el("style", {}, "h1 { font-size: 90px }"),
      el("style", { nonce: "sign" }, "h1 { background: teal }"),
    );
    app.insertAdjacentHTML("beforeend", "<p style='font-size: 70px'>not large</p>");
    document.querySelector(".c").setAttribute("style", "padding: 90px");
    document.querySelector(".b").style.paddingLeft = "12px";
  },
]);
