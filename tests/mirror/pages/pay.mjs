/** What stands in a frame of another origin: a page with the tag, which changes when it is told. */

const body = document.getElementById("app");
body.innerHTML = `<style>p{color:firebrick} .row{background:linen}</style><h2>Pay ${location.search}</h2>
  <p id="x">one</p><input id="field" value="typed"><select id="s"><option>a<option>b</select>
  <div style="height:300px" class="row">tall</div>`;
const host = document.createElement("div");
host.attachShadow({ mode: "open" }).innerHTML = "<b>in a shadow tree</b>";
body.prepend(host);
const inner = document.createElement("iframe");
inner.srcdoc = "<!doctype html><i>a frame in the frame</i>";
inner.height = "40";
body.append(inner);

const DEEDS = {
  change() {
    document.getElementById("x").textContent = "two";
    document.getElementById("field").value = "typed later";
    document.getElementById("s").selectedIndex = 1;
    const row = document.createElement("p");
    row.append("added");
    document.querySelector("h2").after(row);
    document.querySelector("style").sheet.insertRule("p{font-style:italic}", 0);
    host.shadowRoot.append("; changed");
    inner.contentDocument.body.append(" that changed");
  },
  scroll() {
    window.scrollTo(0, 60);
  },
  go() {
    location.search = "?gone";
  },
};

window.addEventListener("message", ({ data, source, origin }) => {
  if (typeof data !== "string" || !DEEDS[data]) return;
  DEEDS[data]();
  setTimeout(() => source.postMessage(`did ${data}`, origin), 60);
});
