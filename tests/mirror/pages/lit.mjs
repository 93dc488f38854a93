/** Lit: open shadow roots with adopted sheets, slots, nested components added and removed; states of elements that no attribute says, and all of it on the whole screen. */

import { css, html, LitElement } from "lit";
import { app, page, pause } from "./kit.mjs";

class Card extends LitElement {
  static properties = { label: {}, count: { type: Number } };
  static styles = css`
    :host {
      display: block;
      border: 2px solid #888;
      margin: 6px;
      padding: 6px;
    }
    b {
      color: rebeccapurple;
    }
    ::slotted(em) {
      background: gold;
    }
  `;
  render() {
    return html`<b>${this.label}</b> <slot></slot> ${this.count > 1 ? html`<i>×${this.count}</i>` : ""}`;
  }
}
customElements.define("mirror-card", Card);
class Board extends LitElement {
  static properties = { names: { attribute: false } };
  names = ["ada", "bob"];
  render() {
    return html`${this.names.map((name, at) => html`<mirror-card label=${name} count=${at + 1}><em>note ${at}</em></mirror-card>`)}`;
  }
}
customElements.define("mirror-board", Board);
app.innerHTML = `<h1>Lit</h1><mirror-board></mirror-board><mirror-slow>slow</mirror-slow> <mirror-never>never</mirror-never>
  <form novalidate><input required aria-label="needed"><input value="given"></form>
  <style>mirror-slow:not(:defined) { visibility: hidden } mirror-never:not(:defined) { color: tomato }
    input:user-invalid { border: 4px solid red } input:user-valid { border: 4px solid green }
    form:focus-within { background: lavender } :fullscreen { padding: 20px; color: #ddd } :fullscreen h1 { color: gold }</style>`;
const board = document.querySelector("mirror-board");
const change = (edit) => async () => {
  edit();
  await pause(50);
};
page(
  [
    change(() => (board.names = ["ada", "bob", "cyd", "dan"])),
    change(() => (board.shadowRoot.querySelector("mirror-card").label = "renamed")),
    change(() => (board.names = ["zoe"])),
    change(() =>
      app.append(Object.assign(document.createElement("mirror-card"), { label: "late", count: 7 })),
    ),
    // Defined while nothing else changes.
    change(() => customElements.define("mirror-slow", class extends HTMLElement {})),
    change(() => {
      const form = document.querySelector("form");
      form.addEventListener("submit", (event) => event.preventDefault());
      form.requestSubmit();
      form.elements[1].focus();
      // As components do that send their field's focus on.
      board.dispatchEvent(new FocusEvent("focus"));
    }),
    () => app.requestFullscreen(),
  ],
  pause(50),
);
