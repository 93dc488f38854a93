/**
 * What the visitor sees of a session: the box with code, state and End button, and the agents' pointers.
 *
 * Owns its elements, in a closed shadow root that is not recorded. Works under a strict policy of the page: no inline
 * style, no HTML text. What it says stands in `words.ts`; its attributes in HOOKS.md.
 */

import type { Point } from "../protocol/payloads.js";
import { ENDED_SHOWN_MS } from "./limits.js";
import { WIDGET_TAG } from "./names.js";
import { WIDGET_CSS } from "./widget-style.js";

/** The box and the pointers. */
export class Widget {
  private readonly host: HTMLElement;
  private readonly box: HTMLElement;
  private readonly state: HTMLElement;
  private readonly code: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly layer: HTMLElement;
  private readonly pointers = new Map<number, HTMLElement>();
  private names = new Map<number, string>();

  constructor(
    private readonly page: Document,
    onEnd: () => void,
  ) {
    this.host = page.createElement(WIDGET_TAG);
    const root = this.host.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(WIDGET_CSS);
    root.adoptedStyleSheets = [sheet];
    this.layer = this.make("div", "layer");
    this.layer.setAttribute("aria-hidden", "true");
    this.box = this.make("div", "box");
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "Screen sharing");
    const dot = this.make("span", "dot");
    dot.setAttribute("aria-hidden", "true");
    this.code = this.make("p", "code");
    this.state = this.make("p", "state");
    this.state.setAttribute("role", "status");
    this.button = page.createElement("button");
    this.button.type = "button";
    this.button.textContent = "End";
    this.button.setAttribute("aria-label", "End screen sharing");
    this.button.addEventListener("click", () => {
      if (this.host.dataset.state === "ended") this.remove();
      else onEnd();
    });
    const text = this.make("div", "text");
    text.append(this.code, this.state);
    this.box.append(dot, text, this.button);
    root.append(this.layer, this.box);
    this.setState("connecting", "");
    page.documentElement.append(this.host);
  }

  /** Shows the session key. */
  setKey(key: string): void {
    this.host.dataset.key = key;
    this.code.textContent = `Your code: ${key}`;
  }

  /** Shows a state and its sentence. */
  setState(state: string, words: string): void {
    this.host.dataset.state = state;
    this.state.textContent = words;
    this.code.hidden = state === "ended";
    if (state !== "live") this.clearPointers();
    if (state !== "ended") return;
    this.button.textContent = "Close";
    this.button.setAttribute("aria-label", "Close this message");
    setTimeout(() => {
      this.remove();
    }, ENDED_SHOWN_MS);
  }

  /** Sets or removes one of the host's attributes. */
  setData(name: "reason" | "error" | "epoch" | "sequence" | "agents", value: string | null): void {
    if (value === null) this.host.removeAttribute(`data-${name}`);
    else this.host.dataset[name] = value;
  }

  /** Who is watching; pointers of the others go. */
  setAgents(names: Map<number, string>): void {
    this.names = names;
    this.setData("agents", String(names.size));
    for (const agent of [...this.pointers.keys()]) {
      if (!names.has(agent)) this.setPointer(agent, null);
    }
  }

  /** Shows an agent's pointer, or hides it. */
  setPointer(agent: number, point: Point): void {
    if (!point) {
      this.pointers.get(agent)?.remove();
      this.pointers.delete(agent);
      if (this.pointers.size === 0) this.host.removeAttribute("data-pointer");
      return;
    }
    let pointer = this.pointers.get(agent);
    if (!pointer) {
      if (this.pointers.size >= POINTERS_MAX) return;
      pointer = this.make("div", "pointer");
      pointer.append(this.make("span", "name"));
      this.layer.append(pointer);
      this.pointers.set(agent, pointer);
    }
    if (pointer.firstElementChild) pointer.firstElementChild.textContent = this.names.get(agent) ?? "Agent";
    pointer.style.transform = `translate(${String(point.x)}px, ${String(point.y)}px)`;
    this.host.setAttribute("data-pointer", `${String(point.x)},${String(point.y)}`);
  }

  /** Takes the widget out of the page. */
  remove(): void {
    this.host.remove();
  }

  private clearPointers(): void {
    for (const agent of [...this.pointers.keys()]) this.setPointer(agent, null);
  }

  private make(tag: string, name: string): HTMLElement {
    const element = this.page.createElement(tag);
    element.className = name;
    return element;
  }
}

/** More pointers at once would hide the page. */
const POINTERS_MAX = 8;
