/**
 * What every page of the suite shares: how it names its steps, and small helpers to build markup.
 *
 * A page calls `page(...)` with its steps once. The runner waits for `window.mirrorPage`, then calls the steps in order.
 */

/** Declares the page's steps; `ready` resolves when the page stands. */
export function page(steps, ready = Promise.resolve()) {
  window.mirrorPage = { steps, ready };
}

/** An element with attributes and children. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The page's root. */
export const app = document.getElementById("app");

/** A pause in which frameworks render and observers run. */
export const pause = (ms = 30) => new Promise((resolve) => setTimeout(resolve, ms));
