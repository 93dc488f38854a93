/** A chart and a drawing on canvases, in a group that lets their pictures travel: drawn anew, resized, added late. */

import Chart from "chart.js/auto";
import { app, el, page, pause } from "./kit.mjs";

app.innerHTML =
  "<h1>Chart</h1><div style='width:560px;height:300px;position:relative'><canvas id='chart'></canvas></div><p id='legend'>3 bars</p><canvas id='drawing' width='200' height='80'></canvas>";
const draw = (canvas, colour) => {
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(10, 10, canvas.width - 20, canvas.height - 20);
  context.clearRect(20, 20, 30, 30);
};
const drawing = document.getElementById("drawing");
draw(drawing, "seagreen");
const chart = new Chart(document.getElementById("chart"), {
  type: "bar",
  data: { labels: ["a", "b", "c"], datasets: [{ label: "Sold", data: [3, 5, 2], backgroundColor: "#38a" }] },
  options: { animation: false, maintainAspectRatio: false },
});

page(
  [
    async () => {
      chart.data.datasets[0].data = [9, 1, 4];
      chart.update();
      await pause();
    },
    async () => {
      chart.data.labels.push("d");
      chart.data.datasets[0].data.push(6);
      chart.update();
      document.getElementById("legend").textContent = "4 bars";
      await pause();
    },
    async () => {
      drawing.width = 300;
      draw(drawing, "tomato");
      const late = el("canvas", { width: "60", height: "60" });
      app.append(late);
      draw(late, "navy");
      await pause();
    },
  ],
  pause(100),
);
