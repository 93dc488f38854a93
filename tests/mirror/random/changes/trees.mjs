/** Changes of what holds a page of its own: shadow trees, slots, custom elements, frames. */

import { markup, rules } from "../markup.mjs";
import { noteRoots, rootOf } from "../world.mjs";

const internals = new WeakMap();

/** Elements that the page defines: with an open root, with a closed one, and later. */
export function define(view) {
  const type = (mode) =>
    class extends view.HTMLElement {
      constructor() {
        super();
        const root = this.attachShadow({ mode });
        root.innerHTML =
          "<style>:host { display: block; border: 1px solid } :host(.a) b { color: teal } :host(:state(on)) { background: #ffd } :host(:hover) { outline: 1px solid }</style><b>in</b> <slot></slot><slot name='s'></slot>";
        internals.set(this, this.attachInternals());
      }
    };
  view.customElements.define("x-open", type("open"));
  view.customElements.define("x-closed", type("closed"));
}

const HOSTS = "div,p,span,section,article,x-plain,x-late";

export const TREES = {
  attach(world, dice) {
    const host = world.element(dice, HOSTS);
    if (!host || rootOf(host) || host.shadowRoot) return;
    const root = host.attachShadow({
      mode: dice.pick(["open", "closed"]),
      clonable: dice.chance(0.5),
      delegatesFocus: dice.chance(0.2),
    });
    const isXml = host.ownerDocument.contentType !== "text/html";
    root.innerHTML = `${dice.pick(["", "<slot></slot>"])}${markup(dice, { depth: 1, isXml, hasRoots: false })}`;
    if (dice.chance(0.5))
      root.append(Object.assign(host.ownerDocument.createElement("style"), { textContent: rules(dice) }));
  },
  names(world, dice) {
    const slot = world.element(dice, "slot");
    if (slot) slot.name = dice.pick(["", "s", "other"]);
  },
  state(world, dice) {
    const element = world.element(dice, "x-open,x-closed");
    const states = element && internals.get(element)?.states;
    if (!states) return;
    if (states.has("on")) states.delete("on");
    else states.add("on");
  },
  addCustom(world, dice) {
    const parent = world.parent(dice);
    const element = world.page.createElement(dice.pick(["x-open", "x-closed", "x-late"]));
    element.append(dice.words());
    parent.append(element);
  },
  upgrade(world) {
    const view = world.page.defaultView;
    if (view.customElements.get("x-late")) return;
    view.customElements.define(
      "x-late",
      class extends view.HTMLElement {
        connectedCallback() {
          if (!this.shadowRoot) this.attachShadow({ mode: "open" }).innerHTML = "<i>late</i><slot></slot>";
        }
      },
    );
  },
  frame(world, dice) {
    const parent = world.parent(dice);
    const frame = (parent.ownerDocument ?? parent).createElement("iframe");
    const text = `<!doctype html><style>${rules(dice)}</style>${markup(dice, { depth: 1, hasRoots: false })}`;
    dice.pick([
      () => parent.append(frame),
      () => {
        frame.srcdoc = text;
        parent.append(frame);
      },
      () => {
        parent.append(frame);
        frame.srcdoc = text;
      },
      () => {
        frame.src = URL.createObjectURL(new Blob([text], { type: "text/html" }));
        parent.append(frame);
      },
      () => {
        parent.append(frame);
        frame.contentDocument?.body?.append(dice.words());
      },
      () => {
        parent.append(frame);
        write(frame.contentDocument, text);
      },
    ])();
  },
  frameOtherwise(world, dice) {
    const frame = world.element(dice, "iframe") ?? world.page.querySelector("iframe");
    if (!frame) return;
    const text = `<!doctype html><p class="b">${dice.below(99)}</p>${markup(dice, { depth: 1, hasRoots: false })}`;
    dice.pick([
      () => (frame.srcdoc = text),
      () => frame.removeAttribute("srcdoc"),
      () => frame.remove(),
      () => world.parent(dice).append(frame),
      () => frame.contentDocument && write(frame.contentDocument, text),
      () => frame.contentDocument?.body?.replaceChildren(dice.words()),
      () =>
        frame.contentWindow?.location.replace(URL.createObjectURL(new Blob([text], { type: "text/html" }))),
      () => frame.setAttribute("style", "zoom: 1.1; color-scheme: dark"),
      () => frame.contentDocument?.body?.append(...world.page.body.querySelectorAll("p:first-child")),
    ])();
  },
};

function write(doc, text) {
  if (!doc || doc.contentType !== "text/html") return;
  doc.open();
  doc.write(text);
  doc.close();
}

/** Frames' windows note their closed roots too, as soon as they are there. */
export function noteFrames(world) {
  for (const doc of world.documents()) if (doc.defaultView) noteRoots(doc.defaultView);
}
