/** A chart on a canvas. The picture itself travels only where a group allows it. */

import Chart from "chart.js/auto";
import { app, page, pause } from "./kit.mjs";

app.innerHTML =
  "<h1>Chart</h1><div style='width:560px;height:300px;position:relative'><canvas id='chart'></canvas></div><p id='legend'>3 bars</p>";
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
  ],
  pause(100),
);
