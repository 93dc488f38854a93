/**
 * Begins the web tier's page around a view.
 */

import { isThere } from "../viewer/renew.js";
import { Around, type Memory } from "./around.js";

/** A browser that keeps nothing for us loses the marks, and nothing else. */
function memoryOf(page: Window): Memory {
  try {
    return page.sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  }
}

const ways = {
  submit: (form: HTMLFormElement): void => {
    form.submit();
  },
  leave: (url: string): void => {
    window.location.replace(url);
  },
  isThere: () => isThere(window.location.origin),
};

new Around(window, ways, memoryOf(window));
