/**
 * What `rrweb.mjs` puts in the place of whole functions and classes of the recorder.
 *
 * Owns their texts. Each is found by the line that it begins with, exactly once.
 */

/** Functions and classes that are not reached, and what stands in their place. */
export const REPLACED = {
  // One element is left out, whatever classes the page uses.
  "function _isBlockedElement(":
    "function _isBlockedElement(element) { return element.localName === WIDGET_TAG; }",
  "function isBlocked(": `function isBlocked(node, blockClass, blockSelector, checkAncestors) {
    const element = node && closestElementOfNode(node);
    return Boolean(element && (checkAncestors ? element.closest(WIDGET_TAG) : element.localName === WIDGET_TAG));
  }`,
  // A style of several texts stands in the first of them; `states.ts` says all of them when one changes.
  "function markCssSplits(": "function markCssSplits(cssText) { return cssText; }",
  // A document is told once it can be read, and once: a viewer takes a second one of the same number for the first. One that was
  // opened and written anew has another root.
  "function onceIframeLoaded(": `const loadListeners = new WeakMap();
  function onceIframeLoaded(frame, listener) {
    if (!frame.contentWindow) return;
    let told;
    const tell = callbackWrapper(() => {
      const inside = frame.contentDocument;
      if (!inside || inside.documentElement === told) return;
      if (inside.readyState === "loading") {
        inside.addEventListener("DOMContentLoaded", tell, { once: true });
        return;
      }
      told = inside.documentElement;
      listener();
    });
    frame.removeEventListener("load", loadListeners.get(frame));
    loadListeners.set(frame, tell);
    frame.addEventListener("load", tell);
    // The empty document that stands there until the frame's own comes is none.
    const isFirst = frame.contentDocument?.URL === "about:blank" && !["", "about:blank"].includes(frame.src);
    if (!isFirst) setTimeout(tell, 0);
  }`,
  // Presses, sheets and their rules are watched by `observers.ts`.
  "function initMouseInteractionObserver(":
    "function initMouseInteractionObserver(o) { return observePresses(o); }",
  "function initStyleSheetObserver(":
    "function initStyleSheetObserver(o, { win }) { return observeSheets(o, win); }",
  "function initAdoptedStyleSheetObserver(": `function initAdoptedStyleSheetObserver({ mirror, stylesheetManager }, root) {
    const isDocument = root.nodeName === "#document";
    const id = () => mirror.getId(isDocument ? root : index.host(root));
    const view = (isDocument ? root : root.ownerDocument).defaultView;
    const type = view?.[isDocument ? "Document" : "ShadowRoot"];
    const own = type && Object.getOwnPropertyDescriptor(type.prototype, "adoptedStyleSheets");
    if (id() === -1 || !own) return () => {};
    const put = (set) => Object.defineProperty(root, "adoptedStyleSheets", { ...own, set });
    const say = callbackWrapper((sheets) => stylesheetManager.adoptStyleSheets(sheets, id()));
    put(function (sheets) {
      apply(own.set, this, [sheets]);
      say(sheets);
    });
    return callbackWrapper(() => put(own.set));
  }`,
  "function inDom(": "function inDom(n) { return n.isConnected; }",
  "function getUntaintedAccessor(": `function getUntaintedAccessor(key, instance, accessor) {
    const cache = (untaintedAccessorCache[key] ??= {});
    const get = (cache[accessor] ??= Object.getOwnPropertyDescriptor(getUntaintedPrototype(key), accessor)?.get);
    return get ? get.call(instance) : instance[accessor];
  }`,
  "function patch(": "",
  "function on(": `function on(type, fn, target = document) {
    return hear(target, type, callbackWrapper(fn), { capture: true, passive: true });
  }`,
  // The page's own call comes first, and nothing of ours can spoil it.
  "function hookSetter(": `function hookSetter(target, key, { set }) {
    return wrapAfter(target, key, "set", (field) => {
      setTimeout(callbackWrapper(() => set.call(field)), 0);
    });
  }`,
  "function onceStylesheetLoaded(": `function onceStylesheetLoaded(link, listener, styleSheetLoadTimeout) {
    try {
      if (link.sheet) return;
    } catch {
      return;
    }
    let timer;
    const tell = callbackWrapper(() => {
      clearTimeout(timer);
      stop();
      listener();
    });
    const stop = hear(link, "load", tell);
    timer = setTimeout(tell, styleSheetLoadTimeout);
  }`,
  // The browser's own, out of a frame of ours where a page has put something in their place.
  "function getUntaintedPrototype(": `function getUntaintedPrototype(key) {
    if (untaintedBasePrototype[key]) return untaintedBasePrototype[key];
    const own = globalThis[key].prototype;
    const isNative = (call) => String(call).includes("[native code]");
    const isUntainted = !isAngularZonePresent()
      && testableAccessors[key].every((name) => isNative(Object.getOwnPropertyDescriptor(own, name)?.get))
      && isNative(own.constructor);
    if (isUntainted) return (untaintedBasePrototype[key] = own);
    try {
      const frame = document.createElement("iframe");
      frame.style.display = "none";
      document.body.appendChild(frame);
      const found = frame.contentWindow[key].prototype;
      const end = () => frame.remove();
      // In Safari its observers end with the frame.
      if (/Safari/.test(navigator.userAgent) && !/Chrome/.test(navigator.userAgent)) untaintedBaseIframeCleanup[key] = end;
      else end();
      return (untaintedBasePrototype[key] = found);
    } catch {
      return own;
    }
  }`,
  "function getEventTarget(":
    "function getEventTarget(event) { return event.composedPath?.()[0] ?? event.target; }",
  "function getWindowScroll(":
    "function getWindowScroll(win) { return { left: win.scrollX, top: win.scrollY }; }",
  "function getWindowHeight(": "function getWindowHeight() { return window.innerHeight; }",
  "function getWindowWidth(": "function getWindowWidth() { return window.innerWidth; }",
  // What is of the page's own document stays so; what is written with escapes is read by the choke point. In a set of images
  // a string is an address, unless it is a type.
  "function absolutifyURLs(": `function absolutifyURLs(cssText, href) {
    const whole = (path, all, head, tail) => {
      if (!path || /^(?:#|data:)|\\\\/i.test(path)) return all;
      try {
        return head + new URL(path, href).href + tail;
      } catch {
        return all;
      }
    };
    const text = (cssText || "").replace(URL_IN_CSS_REF, (all, quote1 = "", path1, quote2 = "", path2, path3) =>
      whole(path1 || path2 || path3, all, "url(" + quote1 + quote2, quote1 + quote2 + ")"));
    if (!/image-set\\(\\s*["']/i.test(text)) return text;
    return text.replace(/image-set\\((?:[^()]|\\([^()]*\\))*\\)/gi, (set) =>
      set.replace(/\\([^()]*\\)(?!$)|(["'])(.*?)\\1/g, (all, quote, path) => quote ? whole(path, all, quote, quote) : all));
  }`,
  // One expression for the candidates of a set: an address, and how large it is.
  "function getAbsoluteSrcsetString(": `function getAbsoluteSrcsetString(doc, attributeValue) {
    return attributeValue.replace(
      /(\\S*[^\\s,])(,+(?=\\s|$)|(?:\\s+[^\\s,]+)*\\s*(?:,|$))/g,
      (_, url, rest) => absoluteToDoc(doc, url) + rest
    );
  }`,
  // Shapes may stand outside of a drawing.
  "function isSVGElement(": "function isSVGElement({ namespaceURI }) { return /svg$/.test(namespaceURI); }",
  "function isIgnored(": "function isIgnored(n, mirror) { return mirror.getId(n) === IGNORED_NODE; }",
  // What comes meanwhile waits, one event for each target: two lists may scroll at once.
  "function throttle(": `function throttle(func, wait) {
    const waiting = new Map();
    let timer, previous = 0;
    const run = callbackWrapper(() => {
      timer = void 0;
      previous = Date.now();
      for (const event of waiting.values()) func(event);
      waiting.clear();
    });
    return (event) => {
      waiting.set(event?.target, event);
      const left = wait - (Date.now() - previous);
      if (left <= 0 || left > wait) { clearTimeout(timer); run(); } else timer ??= setTimeout(run, left);
    };
  }`,
  // Each snapshot knows only what it has told, under the numbers of the one before.
  "class Mirror {": `class Mirror {
    constructor() { this.reset(); }
    getId(n) { return this.nodeMetaMap.get(n) ?? -1; }
    getNode(id) { return this.idNodeMap.get(id) || null; }
    nextId(n) { const id = this.idsBefore?.get(n); return id > 0 ? id : genId(); }
    removeNodeFromMap(n) {
      this.idNodeMap.delete(this.getId(n));
      index.childNodes(n).forEach((child) => this.removeNodeFromMap(child));
    }
    has(id) { return id > 0 && this.idNodeMap.has(id); }
    hasNode(n) { return this.nodeMetaMap.has(n); }
    add(n, { id }) { this.idNodeMap.set(id, n); this.nodeMetaMap.set(n, id); }
    reset() { this.idsBefore = this.nodeMetaMap; this.idNodeMap = new Map(); this.nodeMetaMap = new WeakMap(); }
  }`,
  "class StyleSheetMirror {": `class StyleSheetMirror {
    constructor() { this.reset(); }
    getId(sheet) { return this.styleIDMap.get(sheet) ?? -1; }
    has(sheet) { return this.styleIDMap.has(sheet); }
    add(sheet) { this.styleIDMap.set(sheet, this.lastId += 1); return this.lastId; }
    reset() { this.styleIDMap = new WeakMap(); this.lastId = 0; }
  }`,
  // Frames of other sites are no business of this one.
  "class IframeManager {": `class IframeManager {
    constructor(options) { Object.assign(this, options); }
    addLoadListener(listener) { this.loadListener = listener; }
    attachIframe(frame, node) {
      const { mirror } = this, parentId = mirror.getId(frame);
      // One that has gone, or that a walk through the page has yet to reach, has nowhere to be told.
      if (!mirror.has(parentId)) return;
      this.mutationCb({
        adds: [{ parentId, nextId: null, node }],
        removes: [], texts: [], attributes: [], isAttachIframe: true,
      });
      this.loadListener?.(frame);
      const inside = frame.contentDocument;
      if (inside?.adoptedStyleSheets?.length > 0)
        this.stylesheetManager.adoptStyleSheets(inside.adoptedStyleSheets, mirror.getId(inside));
    }
  }`,
  // Metadata shows nothing but colours, whoever it is for; links stay, since style sheets are among them.
  "function slimDOMExcluded(": `function slimDOMExcluded({ type, tagName, attributes }) {
    return type === NodeType.Comment || (type === NodeType.Element && (tagName === "script" || tagName === "meta" && attributes.name !== "color-scheme"));
  }`,
};
