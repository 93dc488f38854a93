/**
 * The sample shop's own script: a cart kept in the browser, a live search, a password that can be shown.
 * It knows nothing of cobrowsing; the loader tag finds the help button by itself.
 */
"use strict";

(() => {
  const CART = "tidewater-cart";
  const byId = (id) => document.getElementById(id);
  const read = () => JSON.parse(localStorage.getItem(CART) ?? "[]");

  function write(lines) {
    localStorage.setItem(CART, JSON.stringify(lines));
    show();
  }

  function show() {
    const lines = read();
    byId("cart-count").textContent = String(lines.reduce((sum, line) => sum + line.count, 0));
    const list = byId("cart-lines");
    if (!list) return;
    list.replaceChildren(...lines.map(row));
    byId("cart-empty").hidden = lines.length > 0;
    const total = lines.reduce((sum, line) => sum + line.count * line.price, 0);
    byId("cart-total").textContent = `€ ${total}`;
  }

  function row(line) {
    const item = document.createElement("li");
    item.dataset.id = line.id;
    const text = document.createElement("span");
    text.textContent = `${line.count} × ${line.name}`;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => write(read().filter((other) => other.id !== line.id)));
    item.append(text, remove);
    return item;
  }

  function add(card) {
    const { id, name, price } = card.dataset;
    const lines = read();
    const line = lines.find((other) => other.id === id);
    if (line) line.count += 1;
    else lines.push({ id, name, price: Number(price), count: 1 });
    write(lines);
  }

  function search(input) {
    const word = input.value.trim().toLowerCase();
    let found = 0;
    for (const card of document.querySelectorAll("#products .card")) {
      const fits = card.dataset.name.toLowerCase().includes(word);
      card.hidden = !fits;
      found += fits ? 1 : 0;
    }
    byId("found").textContent = word === "" ? "" : `${found} found for “${input.value}”`;
  }

  for (const button of document.querySelectorAll(".add")) {
    button.addEventListener("click", () => add(button.closest(".card")));
  }
  byId("search")?.addEventListener("input", (event) => search(event.target));
  byId("show")?.addEventListener("change", (event) => {
    byId("password").type = event.target.checked ? "text" : "password";
  });
  show();
})();
