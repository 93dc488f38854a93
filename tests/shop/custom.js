/**
 * The page "made for you": a button in a shadow tree, one in a frame, and a field that is watched as frameworks do it.
 */
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const say = (text) => {
    byId("said").textContent = text;
  };

  byId("bigger")?.addEventListener("click", () => {
    byId("size").textContent = String(Number(byId("size").textContent) + 1);
  });
  if (!byId("wish")) return;

  class ShopKnob extends HTMLElement {
    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const button = document.createElement("button");
      button.type = "button";
      button.id = "turn";
      button.textContent = "Turn the knob";
      button.addEventListener("click", () => say("The knob was turned"));
      root.append(button);
    }
  }
  customElements.define("shop-knob", ShopKnob);

  // Its shadow tree is closed: the page's own scripts reach it only through this class.
  class ShopSafe extends HTMLElement {
    constructor() {
      super();
      const root = this.attachShadow({ mode: "closed" });
      const button = document.createElement("button");
      button.type = "button";
      button.id = "unlock";
      button.textContent = "Unlock the safe";
      button.addEventListener("click", () => say("The safe was unlocked"));
      root.append(button);
    }
  }
  customElements.define("shop-safe", ShopSafe);

  // A framework keeps the last value on the element and takes an event for a change only when it differs.
  const field = byId("wish-text");
  const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
  let tracked = field.value;
  Object.defineProperty(field, "value", {
    configurable: true,
    get() {
      return own.get.call(this);
    },
    set(value) {
      tracked = String(value);
      own.set.call(this, value);
    },
  });
  field.addEventListener("input", () => {
    if (field.value === tracked) return;
    tracked = field.value;
    say(`You wish for ${tracked}`);
  });
  byId("shade").addEventListener("change", (event) => say(`In ${event.target.value}`));
  byId("day").addEventListener("change", (event) => say(`On ${event.target.value}`));
  byId("wrap").addEventListener("change", (event) => say(event.target.checked ? "Wrapped" : "Not wrapped"));
  byId("rich").addEventListener("input", () => say(`Notes: ${byId("rich").textContent}`));
  byId("pay").addEventListener("click", () => say("PAID"));
  byId("moody").addEventListener("click", () => say(`Moody: ${byId("moody").textContent}`));
  byId("secret-box").addEventListener("change", () => say("SECRET TICKED"));
  byId("wish").addEventListener("submit", (event) => {
    event.preventDefault();
    say(`Sent: ${field.value}`);
  });
})();
