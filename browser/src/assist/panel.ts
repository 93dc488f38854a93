/**
 * What the visitor sees of control: a border around the page, who controls it, and the way to take it back.
 *
 * Owns its elements in the widget's shadow root and the attributes `data-control` and `data-controller` of its host.
 */

import { guarded, on } from "../guard/guard.js";
import type { ControlState } from "../protocol/commands.js";
import type { Shell } from "../visitor/widget.js";
import type { AssistWords } from "../words/types.js";
import { fill } from "../visitor/fill.js";

/** Puts a name into a sentence. */
export function words(sentence: string, name: string): string {
  return sentence.replaceAll("{name}", name);
}

/** Border and line. */
export class Panel {
  private readonly border: HTMLElement;
  private readonly line: HTMLElement;
  private readonly text: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly spoken: HTMLElement;
  private wasControlled = false;

  constructor(
    private readonly shell: Shell,
    private readonly sentences: AssistWords,
    onTakeBack: () => void,
  ) {
    const page = shell.host.ownerDocument;
    this.border = page.createElement("div");
    this.border.className = "border";
    this.border.hidden = true;
    this.line = page.createElement("div");
    this.line.className = "control";
    this.line.hidden = true;
    this.text = page.createElement("p");
    this.text.setAttribute("role", "status");
    this.button = page.createElement("button");
    this.button.type = "button";
    this.button.className = "plain";
    this.button.textContent = sentences.takeBack;
    on(this.button, "click", guarded(onTakeBack));
    this.line.append(this.text, this.button);
    shell.layer.append(this.border);
    this.spoken = page.createElement("p");
    this.spoken.className = "spoken";
    this.spoken.setAttribute("role", "status");
    shell.box.append(this.line, this.spoken);
  }

  /** Lets the visitor's screen reader say what an agent points out. */
  say(name: string, element: Element): void {
    const what = spokenOf(element);
    // The same words again are said again.
    this.spoken.textContent = "";
    if (what) this.spoken.append(fill(this.sentences.shows, { name, what }));
    set(this.shell.host, "spoken", what || null);
  }

  /** Shows how control stands. */
  show(state: ControlState | null, name: string, isWatched: boolean): void {
    const { border, line, text, button, shell, sentences } = this;
    const isControlled = state !== null && state.state !== "asked";
    border.hidden = !isWatched;
    border.classList.toggle("controlled", isControlled);
    border.classList.toggle("suspended", state?.state === "suspended");
    const sentence = state?.state === "suspended" ? sentences.suspended : sentences.controls;
    // That control was given back is read out once, and stays until something else happens.
    if (isControlled) this.wasControlled = true;
    line.hidden = !this.wasControlled;
    button.hidden = !isControlled;
    const now = isControlled ? words(sentence, name) : this.wasControlled ? sentences.released : "";
    if (text.textContent !== now) text.textContent = now;
    set(shell.host, "control", state?.state ?? null);
    set(shell.host, "controller", state ? String(state.agent) : null);
  }

  /** Takes all away. */
  remove(): void {
    this.border.remove();
    this.line.remove();
    this.spoken.remove();
    set(this.shell.host, "spoken", null);
    set(this.shell.host, "control", null);
    set(this.shell.host, "controller", null);
  }
}

/** What an element is called: by its label, its name for readers, or what stands in it. */
function spokenOf(element: Element): string {
  const { labels } = element as Partial<HTMLInputElement>;
  const name = element.getAttribute("aria-label") ?? element.getAttribute("alt") ?? labels?.[0]?.textContent;
  const text = (name ?? element.textContent).replace(/\s+/g, " ").trim();
  return text.slice(0, SPOKEN_CHARS_MAX);
}

/** A whole page read out helps nobody. */
const SPOKEN_CHARS_MAX = 200;

function set(host: HTMLElement, name: string, value: string | null): void {
  if (value === null) host.removeAttribute(`data-${name}`);
  else host.setAttribute(`data-${name}`, value);
}
