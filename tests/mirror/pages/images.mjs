/**
 * Pictures: by address, data, blob, srcset, image-set and as backgrounds; replaced while they show; one that is not there, a canvas
 * of a group that shows none, and something that moves by a time of its own.
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
  <p id="driven" style="width:120px">driven</p>`;
const $ = (id) => document.getElementById(id);
$("unseen").getContext("2d").fillRect(0, 0, 80, 60);
$("data").src = data("teal");
$("blob").src = blob("orange");
$("back").style.backgroundImage = `url("${data("navy")}")`;

page(
  [
    async () => {
      $("data").src = data("tomato");
      $("near").src = "/mirror/tile/2/1/3.svg";
      $("film").poster = "tile/5/2/2.svg";
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
      await pause(150);
    },
  ],
  pause(200),
);
