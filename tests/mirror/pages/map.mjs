/** A map: tiles that come and go, transforms, SVG overlays, popups. */

import L from "leaflet";
import { app, page, pause } from "./kit.mjs";

app.innerHTML = "<h1>Map</h1><div id='map' style='width:760px;height:460px'></div>";
const map = L.map("map", {
  zoomAnimation: false,
  fadeAnimation: false,
  markerZoomAnimation: false,
  inertia: false,
});
L.tileLayer("/mirror/tile/{z}/{x}/{y}.svg", { maxZoom: 12 }).addTo(map);
map.setView([51, 0], 5);
const icon = L.divIcon({ className: "pin", html: "<b>P</b>", iconSize: [24, 24] });

page(
  [
    async () => {
      map.panBy([180, 60], { animate: false });
      await pause(150);
    },
    () => {
      L.marker([51, 2], { icon }).addTo(map).bindPopup("A <i>place</i>", { autoPan: false }).openPopup();
      L.polyline(
        [
          [50, 0],
          [52, 4],
          [49, 6],
        ],
        { color: "crimson" },
      ).addTo(map);
    },
    async () => {
      map.setView([48, 8], 6, { animate: false });
      await pause(200);
    },
    () => L.circle([48, 8], { radius: 60000 }).addTo(map),
  ],
  pause(300),
);
