/** Bootstrap: its style sheet as a link, a modal, a collapse, a toast, tabs. */

import * as bootstrap from "bootstrap";
import { app, page, pause } from "./kit.mjs";

app.innerHTML = `
  <nav class="navbar navbar-expand bg-body-tertiary"><div class="container"><span class="navbar-brand">Shop</span></div></nav>
  <main class="container py-3">
    <ul class="nav nav-tabs"><li class="nav-item"><button class="nav-link active" data-bs-toggle="tab" data-bs-target="#t1">One</button></li>
      <li class="nav-item"><button class="nav-link" id="second" data-bs-toggle="tab" data-bs-target="#t2">Two</button></li></ul>
    <div class="tab-content"><div class="tab-pane active" id="t1">First tab</div><div class="tab-pane" id="t2">Second tab</div></div>
    <div class="spinner-border my-2" style="animation: none"></div>
    <div class="collapse" id="fold"><div class="card card-body">Folded</div></div>
    <div class="row g-3 mt-1">${[1, 2, 3].map((n) => `<div class="col"><div class="card"><div class="card-body"><h5 class="card-title">Card ${n}</h5><a href="#" class="btn btn-primary">Buy</a></div></div></div>`).join("")}</div>
    <div class="modal" id="modal" tabindex="-1"><div class="modal-dialog"><div class="modal-content"><div class="modal-header"><h5 class="modal-title">Sure?</h5></div><div class="modal-body">Body</div></div></div></div>
  </main>`;

page([
  () => bootstrap.Tab.getOrCreateInstance(document.getElementById("second")).show(),
  async () => {
    bootstrap.Collapse.getOrCreateInstance(document.getElementById("fold"), { toggle: false }).show();
    await pause(500);
  },
  async () => {
    bootstrap.Modal.getOrCreateInstance(document.getElementById("modal"), { focus: false }).show();
    await pause(500);
  },
  () => document.documentElement.setAttribute("data-bs-theme", "dark"),
]);
