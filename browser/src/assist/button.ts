/**
 * The button that asks for help, on pages that have none of their own.
 *
 * Owns its element, in a closed shadow root. It is only there outside a session.
 */

import { guarded, on } from "../guard/guard.js";
import { WIDGET_TAG } from "../visitor/names.js";
import { assist as english } from "../words/en.js";
import type { AssistWords } from "../words/types.js";

/** Shows it. Whoever takes the element away takes the button away. */
export function showButton(page: Document, words: AssistWords | null, onPress: () => void): HTMLElement {
  const host = page.createElement(WIDGET_TAG);
  host.dataset.state = "button";
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(BUTTON_CSS);
  root.adoptedStyleSheets = [sheet];
  const button = page.createElement("button");
  button.type = "button";
  button.textContent = (words ?? english).help;
  on(button, "click", guarded(onPress));
  root.append(button);
  page.documentElement.append(host);
  return host;
}

const BUTTON_CSS = `
:host { all: initial !important; position: fixed !important; right: 16px !important; bottom: 16px !important;
  z-index: 2147483647 !important; display: block !important; }
:host([data-place^="top"]) { top: 16px !important; bottom: auto !important; }
:host([data-place$="left"]) { left: 16px !important; right: auto !important; }
button { min-height: 44px; padding: 10px 20px; border: 0; border-radius: 22px; background: var(--accent, #1d4ed8); color: #fff;
  font: 600 15px/1.2 system-ui, sans-serif; cursor: pointer; box-shadow: 0 4px 14px #0004; }
button:focus-visible { outline: 3px solid #1d4ed8; outline-offset: 3px; }
@media print { :host { display: none !important; } }
`;
