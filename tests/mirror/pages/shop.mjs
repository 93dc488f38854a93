/**
 * A shop: products with pictures that come late to agents and have no size of their own, a form with fields of unlucky names,
 * a layer and tabs that hang on the address alone, what is looked at only when it comes near; and an old library, which has
 * lists write themselves.
 */

import { app, el, page, pause } from "./kit.mjs";

Array.prototype.toJSON = function () {
  return `[${this.map((one) => JSON.stringify(one)).join(", ")}]`;
};
const FIELDS = "attributes style title id name children parentNode matches".split(" ");
const product = (
  n,
) => `<li class="product"><picture><source media="(min-width: 9000px)" srcset="/mirror/tile/none.svg"><img class="late" src="/mirror/slow/${n}.svg" alt="Product ${n}"></picture>
  <h2>Product ${n}</h2><p class="price"><del>€${n}9,00</del> <ins>€${n}5,00</ins></p><button style="--accent:hsl(${n * 30} 60% 50%);background:var(--accent)">Add</button></li>`;
document.head.append(
  el(
    "style",
    {},
    `header { position: sticky; top: 0; background: #fffc; z-index: 3 } .products { display: flex; flex-wrap: wrap; padding: 0; list-style: none }
    .product { width: 25% } .late { width: 120px } .box { height: 150px; width: 300px; overflow: auto }
    .far { content-visibility: auto; contain-intrinsic-size: auto 400px } .tab { display: none } .tab:target { display: block; background: gold }
    body:has(#two:target) h1 { color: crimson }`,
  ),
);
app.innerHTML = `<header><h1>Shop</h1><a href="#one">One</a> <a href="#two">Two</a></header><p class="tab" id="one">First tab</p><p class="tab" id="two">Second tab</p>
  <div class="box">${[91, 92, 93].map((n) => `<p><img class="late" src="/mirror/slow/${n}.svg"></p>`).join("")}<p id="low">below its pictures</p></div>
  <div class="far">looked at late</div><ul class="products">${Array.from({ length: 24 }, (_, n) => product(n)).join("")}</ul>
  <form><p>${FIELDS.map((name) => `<select name="${name}"><option>${name}</option><option>other</option></select>`).join(" ")}</p></form><p style="height:300px">end</p>`;
const products = document.querySelector(".products");

page(
  [
    async () => {
      window.location.hash = "one";
      await pause(80);
    },
    async () => {
      document.querySelector(".box").scrollTop = 10_000;
      window.scrollTo(0, 1200);
      await pause(150);
    },
    () => products.append(...[...products.children].reverse()),
    () => {
      // Words go into an element of their own, and what stands around them to another place.
      const [first, box] = [products.firstElementChild, document.createElement("b")];
      box.append(...first.childNodes);
      first.append(box);
      products.append(first);
    },
    () => {
      for (const list of document.querySelectorAll("select")) list.selectedIndex = 1;
      document.querySelector(".far").textContent = "seen";
    },
    async () => {
      window.location.hash = "two";
      await pause(80);
      window.scrollTo(0, 1500);
      await pause(150);
    },
  ],
  pause(300),
);
