/** What only the visitor's browser gets: pictures, backgrounds by rule, by style and from memory, masks and shapes, a drawing's picture, a sheet of another site. */

import { app, el, page, pause } from "./kit.mjs";

document.head.append(
  el(
    "style",
    {},
    `.back { width: 160px; height: 40px; background: url(/mirror/private/rule.svg?token=a1b2c3) }
    .cut { width: 80px; height: 40px; background: teal; clip-path: url(/mirror/private/part.svg#c) }
    .mask { width: 80px; height: 40px; background: purple; mask: url(/mirror/private/mask.svg) 0 0 / 40px }`,
  ),
);
document.head.append(
  el("link", { rel: "stylesheet", href: "https://styles.localhost:1/css/far.css", "data-far": "" }),
);
app.innerHTML = `<h1>Reach</h1><p class="far">of another site's sheet</p><p><img id="one" src="/mirror/private/one.svg" width="80" height="60"> <img src="/mirror/private/set.svg"
  srcset="/mirror/private/set.svg 1x, /mirror/private/large.svg 2x" width="80" height="60"></p><div class="back"></div>
  <svg width="80" height="60"><image href="/mirror/private/drawn.svg" width="80" height="60"/></svg><div id="own" style="width:120px;height:40px"></div>
  <div class="cut"></div><div class="mask"></div><div id="local" style="width:120px;height:40px"></div>`;
const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="60" height="60" fill="gold"/></svg>`;
const local = URL.createObjectURL(new Blob([drawing], { type: "image/svg+xml" }));
document.getElementById("local").style.backgroundImage = `url(${local})`;

page(
  [
    async () => {
      document.getElementById("one").src = "/mirror/private/two.svg";
      await pause(150);
    },
    async () => {
      document.getElementById("own").style.backgroundImage = "url(/mirror/private/own.svg)";
      app.append(el("img", { src: "/mirror/private/late.svg", width: "80", height: "60" }));
      await pause(150);
    },
  ],
  pause(200),
);
