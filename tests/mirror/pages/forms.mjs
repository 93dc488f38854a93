/** Plain forms: every kind of field, changed by people's events and by scripts. */

import { app, page } from "./kit.mjs";

app.innerHTML = `
  <h1>Order form</h1>
  <form>
    <p><label>Name <input id="name" value="Ann"></label> <label>Note <textarea id="note" rows="3">first</textarea></label></p>
    <p><label><input type="checkbox" id="all"> all</label> <label><input type="checkbox" id="one" checked> one</label></p>
    <p><label><input type="radio" name="size" value="s" checked> s</label> <label><input type="radio" name="size" id="large" value="l"> l</label></p>
    <p><select id="single"><option>red</option><option>green</option><option>blue</option></select>
       <select id="many" multiple size="4"><option selected>a</option><option>b</option><option>c</option><option>d</option></select></p>
    <p><input type="range" id="range" min="0" max="10" value="3"> <input type="color" id="color" value="#336699">
       <input type="date" id="date" value="2024-02-03"> <input type="number" id="number" value="4"></p>
    <p><progress id="progress" max="10" value="2"></progress> <meter id="meter" max="10" value="7"></meter> <output id="out">0</output></p>
    <fieldset disabled><legend>Later</legend><input value="off"></fieldset>
    <details id="more"><summary>More</summary><p>Hidden until opened</p></details>
    <button type="button">Send</button> <a href="javascript:void 0">Help</a>
  </form>`;
const $ = (id) => document.getElementById(id);

page([
  () => {
    $("name").value = "Ann Other";
    $("note").value = "two\nlines";
    $("number").value = "12";
    $("range").value = "9";
    $("color").value = "#cc0033";
    $("date").value = "2025-05-06";
  },
  () => {
    $("all").indeterminate = true;
    $("one").checked = false;
    $("large").checked = true;
    $("single").selectedIndex = 2;
  },
  () => {
    for (const option of $("many").options) option.selected = option.text === "b" || option.text === "d";
    $("more").open = true;
    $("progress").value = 8;
    $("out").value = "42";
  },
  () => {
    $("many").add(new Option("e", "e", false, true));
    document.querySelector("fieldset").disabled = false;
    document.querySelector("form button").hidden = true;
  },
  () => {
    // What stands in an attribute is no longer so.
    const news = Object.assign(document.createElement("input"), { type: "checkbox" });
    news.toggleAttribute("checked");
    news.checked = false;
    const note = Object.assign(document.createElement("textarea"), { defaultValue: "default", value: "" });
    document.querySelector("form").append(news, note);
    $("date").value = "";
    $("name").value = "";
  },
  () => {
    const other = document.createElement("form");
    other.innerHTML = `<input value="one"><input type="checkbox" checked><select><option>a<option selected>b</select><textarea>x</textarea><input type="reset">`;
    app.append(other);
    const [text, box, list, area] = other.elements;
    text.value = area.value = "typed";
    box.checked = false;
    list.selectedIndex = 0;
    // One task later all of it is taken back, and no field says so.
    setTimeout(() => other.reset(), 20);
  },
  () => {
    // Chosen option by option, written in ranges, and texts put below a field that was typed into.
    $("single").options[1].selected = true;
    $("name").setRangeText("in a range", 0, 0);
    $("note").setRangeText("!", 0, 1);
    $("note").append(" behind");
    // Nothing is chosen, or the second of equals.
    const [none, second] = [0, 1].map(() => document.createElement("select"));
    for (const list of [none, second]) list.append(new Option("one", "same"), new Option("two", "same"));
    app.append(none, second);
    none.selectedIndex = -1;
    second.selectedIndex = 1;
    // In XML names are small.
    const text =
      "<html xmlns='http://www.w3.org/1999/xhtml'><body><dialog id='d'>in XML</dialog></body></html>";
    app.append(
      Object.assign(document.createElement("iframe"), {
        id: "xml",
        src: URL.createObjectURL(new Blob([text], { type: "application/xhtml+xml" })),
      }),
    );
  },
  async () => {
    // What is set once more after it was taken back is told once more.
    const [text] = app.querySelectorAll("form")[1].elements;
    text.value = "typed";
    await new Promise((resolve) => setTimeout(resolve, 60));
    $("xml").contentDocument.getElementById("d").showModal();
  },
  () => {
    // Rules for states, one of them put in by a script. The keyboard is in the note when somebody joins late.
    const style = document.createElement("style");
    style.textContent =
      "p:focus-within { background: #dfd } select:not(:hover):not(:focus) { border-color: #060 }";
    document.head.append(style);
    style.sheet.insertRule("@media all { textarea:focus { outline: 3px solid #c03 } }", 1);
    document.querySelector("form button").focus();
    $("note").focus();
  },
  () => {
    // A form answers with its fields where they have such names.
    const named = document.createElement("form");
    for (const name of ["nodeType", "nodeName", "tagName", "childNodes", "textContent", "host", "mode"])
      named.append(Object.assign(document.createElement("input"), { name, value: name }));
    named.append("named");
    app.append(named);
  },
  () => {
    const named = app.lastElementChild;
    Element.prototype.setAttribute.call(named, "class", "named");
    Element.prototype.append.call(named, " anew");
  },
  () => {
    // As libraries do that keep the browser from running it; scripts are never told.
    const script = document.createElement("script");
    script.type = "text/x-none";
    document.head.append(script);
    setTimeout(() => (script.type = "text/x-other"), 20);
  },
]);
