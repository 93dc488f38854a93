/** Style sheets made and changed by scripts: constructed, adopted, inserted rules, setters on rules, and several of it in one task; and what scripts animate without any. */

import { app, el, page, pause } from "./kit.mjs";

app.innerHTML = `<h1>Sheets</h1><p class="a">one</p><p class="b">two</p><p class="c">three</p><p class="d">four</p><section><p class="rim">rim</p></section><div id="host"></div>`;
const style = el("style", {}, ".a { color: green } @media (min-width: 1px) { .b { color: blue } }");
document.head.append(style);
const halves = el("style");
halves.append(".c { font-style: italic } ", ".d { font-style: oblique; & b { color: maroon } }");
document.head.append(halves);
// The browser writes neither as it was written, and the selector of one below another in its own way.
const RIM = "border: solid var(--rim); border-color: var(--tint)";
document.head.append(
  el("style", {}, `section { --rim: 9px; --tint: teal; .rim { ${RIM} } } h1 { --rim: 2px; ${RIM} }`),
);
// What a script put in before anybody listened stands in no source: it shows as it is.
const put = el("style", { "data-far": "" });
document.head.append(put);
put.sheet.insertRule("@media all { .rim { padding: var(--rim) 0; padding-left: 30px } }");
const made = new CSSStyleSheet();
made.replaceSync(".c { color: purple; font-weight: bold }");
document.adoptedStyleSheets = [made];
const steps = el(
  "style",
  {},
  "@keyframes steps { from { margin-left: 0 } } h1 { animation: steps 10s -5s paused linear both }",
);
document.head.append(steps);
const root = document.getElementById("host").attachShadow({ mode: "open" });
root.innerHTML = "<p class='in'>inside</p>";
const inner = new CSSStyleSheet();
inner.replaceSync(".in { text-decoration: underline }");
root.adoptedStyleSheets = [inner];
const late = new CSSStyleSheet();
const bare = app.appendChild(el("div"));
bare.attachShadow({ mode: "open" }).innerHTML = "<p class='in'>bare in the end</p>";
bare.shadowRoot.adoptedStyleSheets = [inner];
// What a masked place adopts first is told where an open one adopts it.
const shared = new CSSStyleSheet();
shared.replaceSync(".in { letter-spacing: 2px }");
const masked = app.appendChild(el("div", { class: "glance_masked" }));
masked.attachShadow({ mode: "open" }).adoptedStyleSheets = [shared];

document.head.append(el("style", {}, "h1::before { content: '§ ' }"));
/** An animation that is over and holds what it came to, or stays half way. */
const hold = (element, to, options = {}, isHalf = false) => {
  const animation = element.animate([{ marginLeft: "0px" }, to], {
    duration: 200,
    fill: "forwards",
    ...options,
  });
  if (isHalf) animation.pause();
  animation.currentTime = isHalf ? 100 : 200;
  return animation;
};
const moved = [];

page([
  () => {
    style.sheet.insertRule(".d { letter-spacing: 4px }", 0);
    style.sheet.cssRules[1].style.color = "crimson";
    style.sheet.cssRules[1].style.setProperty("padding-left", "20px");
    // As players do around a film. A picture that ends ends what plays in it, and later steps begin another.
    for (const name of ["play", "pause"]) app.dispatchEvent(new Event(name, { bubbles: true }));
  },
  () => {
    made.insertRule(".c { background: beige }", 1);
    made.cssRules[0].style.color = "orange";
    late.replaceSync("h1 { border-bottom: 3px solid tomato }");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, late];
  },
  () => {
    inner.cssRules[0].style.cssText = "color: teal; font-size: 22px";
    style.sheet.cssRules[2].cssRules[0].style.backgroundColor = "lavender";
    style.sheet.cssRules[1].selectorText = ".a, .extra";
  },
  () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== made);
    style.sheet.deleteRule(0);
    style.append(document.createTextNode(".b { margin-left: 30px }"));
    app.append(el("style", { media: "screen" }, ".d { outline: 1px solid red }"));
    root.adoptedStyleSheets.push(late);
  },
  () => {
    halves.lastChild.data = ".d { font-style: normal; & b { color: olive } }";
    document.querySelector(".d").append(el("b", {}, " bold"));
    bare.shadowRoot.adoptedStyleSheets = [];
  },
  () => halves.sheet.cssRules[1].insertRule("& b { text-decoration: underline }", 1),
  () => {
    bare.shadowRoot.adoptedStyleSheets = [shared];
    shared.insertRule(".in { color: brown }");
    masked.remove();
  },
  async () => {
    const rules = new Blob([".d { text-transform: uppercase }"], { type: "text/css" });
    const link = el("link", { rel: "stylesheet", href: URL.createObjectURL(rules), id: "link" });
    document.head.append(link, el("style", { id: "print" }, "@media print { .c { color: red } }"));
    await new Promise((resolve) => link.addEventListener("load", resolve, { once: true }));
    await pause(60);
  },
  () => {
    document.getElementById("link").disabled = true;
    // As libraries do that write styles from scripts: an empty element, then rule by rule.
    const fast = el("style", {}, "");
    document.head.append(fast);
    fast.sheet.insertRule(".a { background: honeydew }");
    fast.sheet.insertRule(".b { background: mistyrose }", 1);
    fast.sheet.insertRule(".c { border: var(--thick, 5px) solid; border-left-color: red }", 2);
    style.firstChild.data = ".a { color: darkgreen } .b { color: darkblue }";
    style.sheet.insertRule(".d { letter-spacing: 6px }", 0);
    style.sheet.cssRules[1].style.fontWeight = "bold";
  },
  () => void (document.getElementById("print").sheet.cssRules[0].media.mediaText = "screen"),
  // Half way between the two.
  () => steps.sheet.cssRules[0].appendRule("to { margin-left: 80px }"),
  () => {
    moved.push(hold(document.querySelector(".a"), { marginLeft: "120px", opacity: 0.4 }));
    moved.push(hold(document.querySelector(".b"), { marginLeft: "90px" }));
    hold(
      document.querySelector(".c"),
      { marginLeft: "160px", backgroundColor: "gold" },
      { easing: "ease-in" },
      true,
    );
    hold(document.querySelector("h1"), { marginLeft: "30px", color: "red" }, { pseudoElement: "::before" });
    hold(root.querySelector(".in"), { marginLeft: "70px", letterSpacing: "3px" }, { composite: "add" });
    // A masked one moves as well.
    app.append(
      el("p", { class: "glance_masked", id: "moves", style: "height: 20px; background-color: navy" }),
    );
    hold(document.getElementById("moves"), { marginLeft: "60px", opacity: 0.5 });
  },
  async () => {
    // Once they have been told.
    await pause(600);
    moved[0].cancel();
    moved[1].currentTime = 50;
    moved[1].pause();
  },
  async () => {
    // Off, without rules, or taken in for a medium and a layer: what its source says does not hold.
    const off = el("style", {}, ".d { background: pink }");
    const emptied = el("style", {}, ".d { color: lime }");
    const files = ["h1 { background: red }", ".d { color: navy !important }"].map((text) =>
      URL.createObjectURL(new Blob([text], { type: "text/css" })),
    );
    const taking = el(
      "style",
      { "data-far": "" },
      `@import url(${files[0]}) print; @import url(${files[1]}) layer(low);`,
    );
    document.head.append(off, emptied, taking);
    off.sheet.disabled = true;
    emptied.sheet.deleteRule(0);
    await pause(200);
  },
  // Steps of an animation and media, by setters and calls that no observer hears of.
  async () => {
    const [frames] = steps.sheet.cssRules;
    frames.name = "others";
    frames.cssRules[1].keyText = "90%";
    document.querySelector("h1").style.animationName = "others";
    await pause(60);
    steps.sheet.cssRules[0].cssRules[0].style.marginLeft = "40px";
    style.sheet.media.appendMedium("screen");
    await pause(300);
  },
]);
