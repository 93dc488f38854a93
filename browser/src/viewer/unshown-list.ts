/**
 * The list of what could not be shown: a button in the bar that says how much, and the list that it opens.
 *
 * Owns its elements and sentences. What is not shown is found by `unshown.ts`.
 */

import { MISSING_WORDS } from "./marks.js";
import type { Unshown } from "./unshown.js";

/** Button and list. */
export class UnshownList {
  private readonly button = find("unshown") as HTMLButtonElement;
  private readonly list = find("unshown-list");

  constructor() {
    this.button.addEventListener("click", () => {
      this.open(this.list.hidden);
    });
    window.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.list.hidden) return;
      this.open(false);
      this.button.focus();
    });
  }

  /** Shows what is not shown now. */
  show(items: readonly Unshown[]): void {
    this.button.hidden = items.length === 0;
    this.button.textContent = `Not shown: ${String(items.length)}`;
    this.list.replaceChildren(
      ...items.map(({ kind, url, width, height }) => {
        const item = document.createElement("li");
        item.dataset.kind = kind;
        const what = document.createElement("b");
        what.textContent = WORDS[kind];
        const size = width > 0 && height > 0 ? `, ${String(width)} × ${String(height)}` : "";
        item.append(what, `${size}${url === "" ? "" : ` ${url}`}`);
        return item;
      }),
    );
    if (items.length === 0) this.open(false);
  }

  private open(isOpen: boolean): void {
    this.list.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
  }
}

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`viewer.html lacks #${id}`);
  return element;
}

const WORDS: Readonly<Record<Unshown["kind"], string>> = {
  image: MISSING_WORDS,
  media: "A video or sound did not load",
  style: "A style did not load",
  font: "A font did not load, so that words look otherwise",
  frame: "Another site's content, which only the visitor sees",
  plugin: "A document that only the visitor's browser shows",
  canvas: "A drawing that cannot be mirrored",
  animation: "A movement that cannot be mirrored",
};
