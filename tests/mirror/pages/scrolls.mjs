/** Scrolled page and containers, long tables, whitespace, right-to-left text, custom properties. */

import { app, el, page, pause } from "./kit.mjs";

app.innerHTML = `<h1 style="color: var(--main)">Scrolls</h1><pre>  kept   spaces
	and tabs</pre><p dir="rtl">שלום <bdi>abc</bdi></p>
  <div id="box" style="height:120px;width:300px;overflow:auto;border:1px solid"><div style="height:900px;width:900px;background:linear-gradient(45deg,red,blue)"></div></div>
  <div id="other" style="height:60px;width:300px;overflow:auto"><div style="height:700px;background:linear-gradient(gold,navy)"></div></div>
  <table><tbody>${Array.from({ length: 150 }, (_, at) => `<tr><td>${at}</td><td>${at * at}</td></tr>`).join("")}</tbody></table>`;
document.documentElement.style.setProperty("--main", "seagreen");
const [box, other] = ["box", "other"].map((id) => document.getElementById(id));

page([
  async () => {
    box.scrollTo(150, 400);
    other.scrollTo(0, 90);
    await pause(80);
  },
  async () => {
    // Two at once, for some frames of the display.
    for (let at = 1; at < 6; at += 1) {
      other.scrollTop += 20;
      box.scrollLeft -= 10;
      await new Promise(requestAnimationFrame);
    }
    await pause(80);
  },
  async () => {
    window.scrollTo(0, 900);
    await pause(80);
  },
  () => {
    document.documentElement.style.setProperty("--main", "chocolate");
    document.querySelector("tbody").prepend(el("tr", {}, el("td", {}, "new"), el("td", {}, "row")));
  },
  async () => {
    const rows = [...document.querySelectorAll("tr")];
    document.querySelector("tbody").append(...rows.reverse());
    window.scrollTo(0, 300);
    await pause(80);
  },
]);
