/** What a person wishes of pages, dark ones here: rules, elements and constructed sheets for it; the agent's browser is told none of it. */

import { app, el, page } from "./kit.mjs";

app.innerHTML = `<h1>Wishes</h1><p class="a">one</p><p class="b">two</p><p class="c">three</p><div id="host"></div>`;
document.head.append(
  el(
    "style",
    {},
    `@media (prefers-color-scheme: dark) { body { background: #123; color: #fed } @media screen and (prefers-color-scheme: light) { .a { border: 9px solid } } }
     @media not (prefers-color-scheme: dark) { .b { display: none } }`,
  ),
  el("style", { media: "(prefers-color-scheme: light)" }, ".c { display: none }"),
);
const root = document.getElementById("host").attachShadow({ mode: "open" });
root.innerHTML = `<style>@media (prefers-color-scheme: dark) { b { color: gold } }</style><b>inside</b>`;

page([
  () => {
    const sheet = new CSSStyleSheet({ media: "(prefers-color-scheme: dark)" });
    sheet.replaceSync(".a { letter-spacing: 4px }");
    document.adoptedStyleSheets = [sheet];
  },
  () =>
    document.head.append(el("style", {}, "@media (prefers-color-scheme: light) { h1 { display: none } }")),
  () => document.styleSheets[0].insertRule("@media (prefers-color-scheme: dark) { .b { padding: 9px } }", 0),
]);
