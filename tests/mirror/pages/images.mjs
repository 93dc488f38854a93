/**
 * Pictures: by address, data, blob, srcset, image-set and as backgrounds; replaced while they show; one that is not there, a canvas
 * of a group that shows none, something that moves by a time of its own, and every way to name what only the visitor's browser gets.
 */

import { app, el, page, pause } from "./kit.mjs";

const svg = (colour) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="80" height="60" fill="${colour}"/></svg>`;
const data = (colour) => `data:image/svg+xml,${encodeURIComponent(svg(colour))}`;
const blob = (colour) => URL.createObjectURL(new Blob([svg(colour)], { type: "image/svg+xml" }));
app.innerHTML = `<h1>Images</h1><p><img id="near" src="/mirror/tile/1/1/1.svg" width="80" height="60"> <img id="data" width="80" height="60">
  <canvas id="unseen" width="80" height="60"></canvas> <img id="blob" width="80" height="60"> <img id="gone" src="https://elsewhere.localhost:1/gone.png" width="80" height="60">
  <img srcset="/mirror/tile/4,1.svg 1x,/mirror/tile/none.svg 2x" width="80" height="60"> <video id="film" poster="tile/5/1/1.svg" width="80" height="60"></video>
  <object data="/mirror/tile/6/1/1.svg" type="image/svg+xml" width="80" height="60">no picture</object> <embed src="/mirror/tile/6/2/2.svg" width="80" height="60"></p><div id="back" style="width:120px;height:60px"></div>
  <div id="set" style='width:80px;height:60px;background:image-set("../mirror/tile/7/1/1.svg" type("image/svg+xml") 1x, "tile/none.svg" 2x)'></div>
  <p><b class="tile" id="adopted"></b> <b class="tile" id="inserted"></b> <b class="tile" id="declared"></b></p><p id="driven" style="width:120px">driven</p> <table><tr background="tile/8/1/1.svg"><td width="80" height="20">row</table>
  <div id="lost"><p class="rule">by a rule</p><p style="background:url(/mirror/private/own.svg)">of its own</p><p class="over">over another</p><p class="before">before</p>
  <ul><li>of a list</li></ul><p class="mask"></p><p class="framed">framed</p><p id="local">a blob</p><p class="cut">cut</p><p class="named">named</p>
  <input type="image" src="/mirror/private/button.svg" width="40" height="30" alt=""> <svg width="60" height="30"><image href="/mirror/private/drawn.svg" width="60" height="30"/></svg>
  <svg width="60" height="30"><use href="/mirror/tile/sprite.svg#s"/></svg> <video poster="/mirror/private/poster.svg" width="60" height="30"></video>
  <video width="60" height="30"><source src="/mirror/private/a.webm"></video> <img srcset="/mirror/private/set.svg 1x" width="40" height="30"> <span id="tree"></span>
  <object data="/mirror/private/a.pdf" type="application/pdf" width="60" height="30"></object> <span class="painted">painted</span>
  <video id="stream" width="60" height="30"></video> <video id="call" width="60" height="30"></video>
  <iframe srcdoc='<img src="/mirror/private/within.svg" width="40" height="20">' width="80" height="30"></iframe></div>
  <p id="found" class="rule">shown again</p><p id="unseen-anyway" class="rule" hidden>of nobody's</p>`;
document.head.append(
  el(
    "style",
    {},
    `@import "/mirror/private/more.css";
    @font-face { font-family: Far; src: url(/mirror/private/far.woff2) }
    :root { --lost: url(/mirror/private/named.svg) }
    .tile { display: inline-block; width: 60px; height: 30px }
    #lost { width: 640px; height: 460px; overflow: hidden; font-size: 12px } #lost > p { width: 300px; height: 30px; margin: 2px } p.rule { background: url(/mirror/private/rule.svg) }
    .over { background: linear-gradient(#8888, #8888), url(/mirror/private/over.svg) } .before::before { content: url(/mirror/private/before.svg) }
    #lost li { list-style: url(/mirror/private/list.svg) inside } .mask { background: purple; mask: url(/mirror/private/mask.svg) }
    .framed { border: 4px solid; border-image: url(/mirror/private/border.svg) 2 } .cut { clip-path: url(/mirror/private/cut.svg#c) } .named { background: var(--lost) }
    .painted { background: paint(lines); font-family: Far }`,
  ),
);
const $ = (id) => document.getElementById(id);
$("unseen").getContext("2d").fillRect(0, 0, 80, 60);
$("data").src = data("teal");
$("blob").src = blob("orange");
$("back").style.backgroundImage = `url("${data("navy")}")`;
$("local").style.backgroundImage = `url("${blob("gold")}")`;
const sheet = new CSSStyleSheet();
sheet.replaceSync("#adopted { background: url(tile/8/1/1.svg) } #declared { color: red }");
document.adoptedStyleSheets = [sheet];
const stream = $("unseen").captureStream();
$("stream").srcObject = stream;
$("tree").attachShadow({ mode: "open" }).innerHTML =
  '<img src="/mirror/private/inner.svg" width="40" height="30"><style>b { background: url(/mirror/private/tree.svg) }</style><b>in a tree</b>';

page(
  [
    async () => {
      $("data").src = data("tomato");
      $("near").src = "/mirror/tile/2/1/3.svg";
      $("film").poster = "tile/5/2/2.svg";
      document.body.background = "tile/8/2/2.svg";
      await pause(150);
    },
    async () => {
      $("blob").src = blob("hotpink");
      $("set").setAttribute(
        "style",
        `${$("set").getAttribute("style").replace("7/1/1", "7/2/2")};margin-top:4px`,
      );
      const timeline = new ScrollTimeline({ source: document.documentElement });
      $("driven").animate({ opacity: [1, 0.5] }, { fill: "both", timeline });
      await pause(150);
    },
    async () => {
      app.append(el("img", { src: blob("seagreen"), width: "80", height: "60", id: "late" }));
      $("back").style.backgroundImage = 'url("/mirror/tile/3/3/3.svg")';
      sheet.insertRule("#inserted { background: url('tile/8/1/2.svg') }", 0);
      sheet.cssRules[2].style.setProperty("background-image", "url(tile/8/1/3.svg)");
      $("call").srcObject = stream;
      $("found").style.backgroundImage = 'url("/mirror/tile/3/3/4.svg")';
      await pause(150);
    },
  ],
  pause(200),
);
