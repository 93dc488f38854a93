/**
 * The built-ins that a page could break: found by walking the prototypes that our scripts may meet.
 *
 * Owns which owners are walked. What is done with them is `broken.ts`'s.
 */

/** Runs in a page; gives the paths of all that can be replaced. */
export const FIND_BUILT_INS = `(() => {
  const paths = [];
  const walk = (owner, path) => {
    for (const name of Reflect.ownKeys(owner)) {
      if (name === "constructor" || (typeof name === "symbol" && name !== Symbol.iterator)) continue;
      const own = Object.getOwnPropertyDescriptor(owner, name);
      if (!own.configurable || !(typeof own.value === "function" || own.get)) continue;
      paths.push(path + (typeof name === "symbol" ? "@@iterator" : name));
    }
  };
  for (const name of ${JSON.stringify(
    `Object Function Array String Number Boolean Symbol RegExp Map Set WeakMap WeakSet WeakRef Promise Date Error ArrayBuffer Uint8Array
    Node Element HTMLElement Document DocumentFragment ShadowRoot EventTarget Event UIEvent MouseEvent KeyboardEvent MessageEvent CloseEvent
    CharacterData Text MutationObserver MutationRecord ResizeObserver IntersectionObserver Performance StyleSheet CSSStyleSheet
    CSSStyleDeclaration CSSRule CSSStyleRule CSSGroupingRule CSSMediaRule CSSRuleList StyleSheetList MediaList NodeList HTMLCollection DOMTokenList NamedNodeMap
    Attr HTMLInputElement HTMLTextAreaElement HTMLSelectElement HTMLOptionElement HTMLFormElement HTMLIFrameElement HTMLDialogElement
    HTMLSlotElement HTMLStyleElement HTMLScriptElement HTMLTemplateElement Range Selection TreeWalker WebSocket MessageChannel MessagePort AbortController
    AbortSignal Headers Response URL URLSearchParams TextEncoder TextDecoder Storage History Navigator
    CustomElementRegistry Blob Animation ElementInternals`.split(/\s+/),
  )}) {
    const type = window[name];
    if (typeof type !== "function") continue;
    paths.push(name);
    walk(type, name + ".");
    if (type.prototype) walk(type.prototype, name + ".prototype.");
  }
  for (const name of ["JSON", "Reflect", "Math", "CSS", "console", "customElements"]) walk(window[name], name + ".");
  for (const name of ${JSON.stringify(
    `setTimeout clearTimeout setInterval clearInterval requestAnimationFrame cancelAnimationFrame requestIdleCallback queueMicrotask fetch postMessage
    getComputedStyle matchMedia getSelection structuredClone encodeURIComponent decodeURIComponent parseInt parseFloat isNaN Proxy
    addEventListener removeEventListener dispatchEvent scrollTo innerWidth innerHeight scrollX scrollY performance crypto localStorage
    sessionStorage history navigator screen parent frameElement customElements visualViewport origin`.split(
      /\s+/,
    ),
  )}) {
    const own = Object.getOwnPropertyDescriptor(window, name);
    if (own?.configurable) paths.push(name);
  }
  return paths.filter((path) => !path.startsWith("console.") || /error|warn/.test(path)).join(" ");
})()`;
