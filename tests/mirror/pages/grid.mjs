/** A virtual scrolling grid of 2,000 rows: rows come and go while its container scrolls. */

import { TabulatorFull as Tabulator } from "tabulator-tables";
import { app, page, pause } from "./kit.mjs";

app.innerHTML = "<h1>Grid</h1><div id='grid'></div>";
const data = Array.from({ length: 2000 }, (_, id) => ({
  id,
  name: `Row ${id}`,
  amount: (id * 7919) % 1000,
  done: id % 3 === 0,
}));
const table = new Tabulator("#grid", {
  height: 420,
  data,
  columns: [
    { title: "Id", field: "id", width: 80 },
    { title: "Name", field: "name", width: 200 },
    { title: "Amount", field: "amount", width: 120, sorter: "number" },
    { title: "Done", field: "done", formatter: "tickCross", width: 90 },
  ],
});
const ready = new Promise((resolve) => table.on("tableBuilt", () => setTimeout(resolve, 150)));
const holder = () => document.querySelector(".tabulator-tableholder");

page(
  [
    async () => {
      holder().scrollTop = 5000;
      await pause(200);
    },
    async () => {
      await table.setSort("amount", "desc");
      await pause(200);
    },
    async () => {
      await table.updateData([{ id: 0, name: "Renamed" }]);
      holder().scrollTop = 12000;
      await pause(200);
    },
    async () => {
      table.setFilter("done", "=", true);
      await pause(200);
    },
  ],
  ready,
);
