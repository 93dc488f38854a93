/** The top layer: modal and plain dialogs, popovers, one above the other; a select that the page draws. */

import { app, page } from "./kit.mjs";

app.innerHTML = `<h1>Layers</h1><p>Behind</p>
  <dialog id="modal"><p>Modal dialog</p><button>ok</button></dialog>
  <dialog id="plain"><p>Plain dialog</p></dialog>
  <div id="pop" popover="manual" style="inset:auto;left:40px;top:300px">Popover</div>
  <div id="hint" popover="manual" style="inset:auto;left:300px;top:300px"><b>Second popover</b></div>
  <select id="drawn" style="appearance:base-select"><button><selectedcontent></selectedcontent></button><option>Red <b>one</b></option><option>Blue</option></select>
  <div id="deep"></div><input id="ring">`;
const root = document.getElementById("deep").attachShadow({ mode: "open" });
root.innerHTML = `<div id="in" popover="manual" style="inset:auto;left:520px;top:300px">In a shadow tree</div>`;
const style = document.createElement("style");
style.textContent = `dialog::backdrop { background: rgb(10 20 60 / .5) }
  @layer looks { #ring:focus-visible { outline: 6px solid teal; outline-offset: 4px } }`;
document.head.append(style);
const $ = (id) => document.getElementById(id);

page([
  () => {
    $("pop").showPopover();
    $("plain").show();
  },
  () => {
    $("modal").showModal();
    $("modal").querySelector("button").blur();
  },
  () => {
    $("pop").hidePopover();
    $("hint").showPopover();
    root.getElementById("in").showPopover();
  },
  () => {
    $("modal").close();
    $("plain").close();
    const late = document.createElement("div");
    late.popover = "manual";
    late.textContent = "Made and shown at once";
    app.append(late);
    late.showPopover();
  },
  () => {
    $("drawn").selectedIndex = 1;
    document.body.append($("hint"));
    $("hint").showPopover();
    $("ring").focus();
  },
]);
