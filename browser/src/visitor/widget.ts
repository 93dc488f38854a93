/**
 * What the visitor sees of a session: the box with code, state, Pause and End, and the agents' pointers.
 *
 * Owns its elements, in a closed shadow root that is not recorded. Works under a strict policy of the page: no inline
 * style, no HTML text. What it says stands in `words/`; its attributes in HOOKS.md. What agents do beyond pointing is
 * shown by `assist/`, in the same root.
 */

import { guarded, on } from "../guard/guard.js";
import { colourOf } from "../protocol/colours.js";
import type { Point, Theme } from "../protocol/payloads.js";
import type { WidgetWords } from "../words/types.js";
import { ENDED_SHOWN_MS } from "./limits.js";
import { WIDGET_TAG } from "./names.js";
import { WIDGET_CSS } from "./widget-style.js";
import { fill } from "./fill.js";

/** What the visitor can do here. */
export interface WidgetActions {
  onEnd(): void;
  onPause(pause: boolean): void;
}

/** Where other parts put what they show. */
export interface Shell {
  readonly host: HTMLElement;
  readonly root: ShadowRoot;
  readonly layer: HTMLElement;
  readonly box: HTMLElement;
}

/** The box and the pointers. */
export class Widget {
  readonly shell: Shell;
  private readonly state: HTMLElement;
  private readonly code: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly pauseButton: HTMLButtonElement;
  private isPaused = false;
  private readonly pointers = new Map<number, HTMLElement>();
  private names = new Map<number, string>();

  constructor(
    private readonly page: Document,
    private words: WidgetWords,
    actions: WidgetActions,
  ) {
    const host = page.createElement(WIDGET_TAG);
    const root = host.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(WIDGET_CSS);
    root.adoptedStyleSheets = [sheet];
    const layer = this.make("div", "layer");
    layer.setAttribute("aria-hidden", "true");
    const box = this.make("div", "box");
    box.setAttribute("role", "group");
    const dot = this.make("span", "dot");
    dot.setAttribute("aria-hidden", "true");
    this.code = this.make("p", "code");
    this.state = this.make("p", "state");
    this.state.setAttribute("role", "status");
    this.pauseButton = this.makeButton("quiet", () => {
      actions.onPause(!this.isPaused);
    });
    this.button = this.makeButton("end", () => {
      if (host.dataset.state === "ended") this.remove();
      else actions.onEnd();
    });
    const text = this.make("div", "text");
    text.append(this.code, this.state);
    box.append(dot, text, this.button, this.pauseButton);
    root.append(layer, box);
    this.shell = { host, root, layer, box };
    this.setWords(words);
    this.setState("connecting", "");
    page.documentElement.append(host);
  }

  /** Speaks another language. */
  setWords(words: WidgetWords): void {
    this.words = words;
    this.shell.box.setAttribute("aria-label", words.label);
    this.label();
    if (this.shell.host.dataset.key) this.setKey(this.shell.host.dataset.key);
  }

  /** Takes on the group's look. */
  setTheme(theme: Theme): void {
    applyTheme(this.shell.host, theme);
  }

  /** Says whether sharing is paused. */
  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) this.shell.host.dataset.paused = "";
    else delete this.shell.host.dataset.paused;
    this.label();
  }

  /** Shows the session key. */
  setKey(key: string): void {
    this.shell.host.dataset.key = key;
    this.code.textContent = fill(this.words.code, { key });
  }

  /** Shows a state and its sentence. */
  setState(state: string, words: string): void {
    this.shell.host.dataset.state = state;
    this.state.textContent = words;
    this.code.hidden = state === "ended";
    if (state !== "live") this.clearPointers();
    this.label();
    if (state !== "ended") return;
    setTimeout(
      guarded(() => {
        this.remove();
      }),
      ENDED_SHOWN_MS,
    );
  }

  /** Sets or removes one of the host's attributes. */
  setData(name: "reason" | "error" | "epoch" | "sequence" | "agents", value: string | null): void {
    if (value === null) this.shell.host.removeAttribute(`data-${name}`);
    else this.shell.host.dataset[name] = value;
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
      if (this.pointers.size === 0) this.shell.host.removeAttribute("data-pointer");
      return;
    }
    let pointer = this.pointers.get(agent);
    if (!pointer) {
      if (this.pointers.size >= POINTERS_MAX) return;
      pointer = this.make("div", "pointer");
      pointer.style.setProperty("--agent", colourOf(agent));
      pointer.append(this.make("span", "name"));
      this.shell.layer.append(pointer);
      this.pointers.set(agent, pointer);
    }
    if (pointer.firstElementChild)
      pointer.firstElementChild.textContent = this.names.get(agent) ?? this.words.agent;
    pointer.style.transform = `translate(${String(point.x)}px, ${String(point.y)}px)`;
    this.shell.host.setAttribute("data-pointer", `${String(point.x)},${String(point.y)}`);
  }

  /** Takes the widget out of the page. */
  remove(): void {
    this.shell.host.remove();
  }

  private label(): void {
    const { words, isPaused, button, pauseButton } = this;
    const { state } = this.shell.host.dataset;
    button.textContent = state === "ended" ? words.close : words.end;
    button.setAttribute("aria-label", state === "ended" ? words.closeLabel : words.endLabel);
    pauseButton.textContent = isPaused ? words.resume : words.pause;
    pauseButton.setAttribute("aria-label", isPaused ? words.resumeLabel : words.pauseLabel);
    pauseButton.hidden = state !== "live";
  }

  private clearPointers(): void {
    for (const agent of [...this.pointers.keys()]) this.setPointer(agent, null);
  }

  private makeButton(name: string, onClick: () => void): HTMLButtonElement {
    const button = this.page.createElement("button");
    button.type = "button";
    button.className = name;
    on(button, "click", guarded(onClick));
    return button;
  }

  private make(tag: string, name: string): HTMLElement {
    const element = this.page.createElement(tag);
    element.className = name;
    return element;
  }
}

/** Gives something that the visitor sees the group's look. */
export function applyTheme(host: HTMLElement, theme: Theme): void {
  host.dataset.place = theme.place;
  if (theme.accent) host.style.setProperty("--accent", theme.accent);
  else host.style.removeProperty("--accent");
}

/** More pointers at once would hide the page. */
const POINTERS_MAX = 8;
