/** SVG and MathML: namespaces, use, gradients, foreignObject, made by markup and by scripts. */

import { app, page } from "./kit.mjs";

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";
app.innerHTML = `<h1>Vectors</h1>
  <svg width="320" height="120" viewBox="0 0 320 120"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient>
    <symbol id="s" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></symbol><clipPath id="c"><rect width="60" height="60"/></clipPath></defs>
    <rect width="100" height="60" fill="url(#g)" clip-path="url(#c)"/><use href="#s" x="110" width="40" height="40"/><text x="160" y="30">words</text>
    <foreignObject x="160" y="50" width="150" height="50"><p style="margin:0;color:green">HTML inside</p></foreignObject></svg>
  <p><math><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac><mo>=</mo><msup><mi>c</mi><mn>2</mn></msup></math></p>
  <math display="block" id="m"><mrow><mi>x</mi></mrow></math>`;
const svg = app.querySelector("svg");
// Names of fields' and films' that are none here.
svg.append(
  ...["input", "select", "textarea", "video", "audio"].map((name) => document.createElementNS(SVG, name)),
);

page([
  () => {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", "M10 100 C 60 60 120 140 300 90");
    line.setAttribute("stroke", "black");
    line.setAttribute("fill", "none");
    svg.append(line);
  },
  () => {
    const row = app.querySelector("#m mrow");
    const [op, sup, base, power] = ["mo", "msup", "mi", "mn"].map((name) =>
      document.createElementNS(MATH, name),
    );
    op.textContent = "+";
    base.textContent = "y";
    power.textContent = "3";
    sup.append(base, power);
    row.append(op, sup);
  },
  () => {
    const use = svg.querySelector("use");
    use.setAttribute("transform", "rotate(10)");
    use.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", "#s");
    svg.querySelector("stop").setAttribute("stop-color", "lime");
    const fresh = document.createElementNS(SVG, "svg");
    fresh.setAttribute("width", "80");
    fresh.setAttribute("height", "40");
    fresh.innerHTML =
      '<ellipse cx="40" cy="20" rx="30" ry="15" fill="orchid"/><textPath href="#none">t</textPath>';
    app.append(fresh);
  },
  () => svg.querySelector("foreignObject p").append(document.createElement("br"), "more"),
]);
