/** Frames of the same origin: written, by srcdoc and by address, nested, added late; one of another origin, and two of none. */

import { app, el, page, pause } from "./kit.mjs";

const frame = (attributes) => el("iframe", { width: "420", height: "110", ...attributes });
app.innerHTML = "<h1>Frames</h1>";
const plain = frame({ id: "plain" });
const doc = frame({ id: "doc", srcdoc: "<!doctype html><style>p{color:teal}</style><p>by srcdoc</p>" });
const far = frame({ id: "far", src: "https://elsewhere.localhost:1/" });
const opaque = frame({ id: "opaque", src: "data:text/html,<p>by its address", height: "40" });
const boxed = frame({ id: "boxed", srcdoc: "<p>in a sandbox</p>", sandbox: "", height: "40" });
app.append(plain, doc, far, opaque, boxed);
plain.contentDocument.body.innerHTML = "<h2>written</h2><ul><li>one</li></ul>";

page(
  [
    () => plain.contentDocument.querySelector("ul").append(el("li", {}, "two")),
    async () => {
      doc.contentDocument.body.append(el("input", { value: "typed" }));
      doc.contentDocument.querySelector("input").value = "typed later";
      await pause(60);
    },
    async () => {
      const late = frame({ id: "late", srcdoc: "<!doctype html><h3>late</h3><div id=x></div>" });
      app.append(late);
      await new Promise((resolve) => late.addEventListener("load", resolve, { once: true }));
      late.contentDocument.getElementById("x").textContent = "changed after load";
      await pause(100);
    },
    async () => {
      plain.remove();
      doc.srcdoc = "<!doctype html><p>another document</p>";
      await pause(200);
      document.getElementById("late").contentDocument.body.style.background = "khaki";
    },
    async () => {
      const inside = document.getElementById("late").contentDocument;
      inside.head.append(el("style", {}, "h3 { color: navy }"));
      await pause(60);
      inside.styleSheets[0].insertRule("h3 { font-style: italic }", 1);
      app.append(inside.getElementById("x"));
      inside.body.append(document.querySelector("h1"));
      await pause(60);
    },
    // They are where they are, whatever document they came from.
    async () => {
      document.getElementById("x").textContent = "changed after it came out";
      await pause(60);
      document.getElementById("late").contentDocument.querySelector("h1").append(" that went in");
    },
    // Of sheets and fields in a frame all is told that is told of those of the page.
    async () => {
      const inside = document.getElementById("late").contentDocument;
      const [first, second] = inside.styleSheets[0].cssRules;
      first.selectorText = "h1, h3";
      second.style.color = "purple";
      inside.body.append(
        el("input", { type: "checkbox", id: "box" }),
        el("input", { id: "field", value: "typed" }),
      );
      await pause(60);
      inside.getElementById("box").indeterminate = true;
      inside.getElementById("field").setRangeText("in a range", 0, 2);
      const made = new inside.defaultView.CSSStyleSheet();
      made.replaceSync("h3 { letter-spacing: 3px }");
      inside.adoptedStyleSheets.push(made);
      await pause(300);
      // In between the list was another.
      inside.adoptedStyleSheets = [];
      inside.adoptedStyleSheets.push(made);
      await pause(300);
    },
    // Written anew, and put elsewhere: each is told again by the same numbers.
    async () => {
      const inside = document.getElementById("late").contentDocument;
      inside.open();
      inside.write("<!doctype html><p>written anew</p><input id=box type=checkbox>");
      inside.close();
      const around = el("div");
      doc.replaceWith(around);
      around.append(doc);
      await pause(200);
      inside.getElementById("box").click();
      inside.getElementById("box").indeterminate = true;
    },
    async () => {
      const inside = document.getElementById("late").contentDocument;
      inside.documentElement.replaceWith(el("html", {}, el("body", { bgcolor: "#dff" }, "another root")));
      await pause(60);
    },
  ],
  pause(200),
);
