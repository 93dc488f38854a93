/** Closed shadow roots: made before and during the session, nested, with slots, fields and sheets of their own. */

import { app, el, page, pause } from "./kit.mjs";

const roots = new Map();
class Vault extends HTMLElement {
  constructor() {
    super();
    const root = this.attachShadow({ mode: "closed" });
    root.innerHTML = `<style>:host{display:block;border:1px solid;margin:4px;padding:4px} b{color:green}</style><b>vault</b> <slot></slot><input value="v">`;
    roots.set(this, root);
  }
}
customElements.define("mirror-vault", Vault);
app.innerHTML = `<h1>Closed roots</h1><mirror-vault id="v1">light <i>child</i></mirror-vault><div id="later"></div>`;
const first = () => roots.get(document.getElementById("v1"));

page([
  () => {
    first().querySelector("b").textContent = "changed inside";
    first().querySelector("input").value = "typed inside";
  },
  () => {
    const inner = el("mirror-vault", { id: "v2" }, "nested");
    first().append(inner);
    roots.get(inner).append(el("u", {}, "deep"));
  },
  async () => {
    const host = el("section", { id: "v3" });
    const root = host.attachShadow({ mode: "closed" });
    root.append(el("p", {}, "attached before it was in the page"));
    document.getElementById("later").append(host);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("p { color: firebrick }");
    root.adoptedStyleSheets = [sheet];
    roots.set(host, root);
    await pause(60);
    root.append(el("p", {}, "and later"));
  },
  async () => {
    document.getElementById("v2")?.remove();
    first().lastElementChild.remove();
    const late = el("article", {});
    app.append(late);
    await pause(60);
    late.attachShadow({ mode: "closed" }).innerHTML = "<em>attached to what was there</em>";
  },
  // From one tree into another, where it changes.
  async () => {
    const moved = el("p", {}, "on its way");
    app.append(moved);
    await pause(60);
    first().append(moved);
    await pause(60);
    moved.firstChild.data = "changed inside";
    await pause(60);
    app.append(moved);
    await pause(60);
    moved.firstChild.data = "changed outside";
  },
]);
