/**
 * Takes out of rrweb's recorder, while it is bundled, what this product never uses, and puts two lines of ours into it.
 *
 * Owns the list. Every place is found exactly once in the pinned version, or the build fails: then look at the new
 * version. What goes: recording of canvases, fonts, custom elements' names and inlined images, frames of other sites,
 * plugins, hooks and what else is an option that `recorder.ts` does not take, repairs for browsers older than those we
 * build for. Enumerations become plain numbers.
 */

import { readFileSync } from "node:fs";
import * as types from "@rrweb/types";
import { LETTING_GO } from "./letting-go.mjs";
import { REPLACED } from "./replaced.mjs";

/**
 * Options that `recorder.ts` never gives, and what served nothing else: they go wherever they stand on a line of their own
 * or behind a comma. The build fails when one is left in the script (`smaller.mjs`).
 */
export const DEAD =
  `blockClass blockSelector maskTextClass maskTextSelector inlineStylesheet inlineImages recordCanvas dataURLOptions
  keepIframeSrcFn ignoreClass ignoreSelector userTriggeredOnInput userTriggered collectFonts ignoreCSSAttributes mousemoveWait
  packFn hooks plugins checkoutEveryNms checkoutEveryNth recordCrossOriginIframes recordDOM maskAllInputs maskInputOptions
  slimDOMOptions slimDOM canvasManager canvasMutationCb lastFullSnapshotEvent incrementalSnapshotCount trackedLinkElements
  isCheckout frozen iframeLoadTimeout locked needsMask sampling passEmitsToParent`.split(/\s+/);

/** From here to there, and what stands in its place. */
const SPANS = [
  // What fails inside is taken by the guard, as everywhere.
  ["let errorHandler;\n", "  return rrwebWrapped;\n};\n", ""],
  [
    "      patch(\n        element.prototype,",
    "\n      )\n",
    `wrapAfter(element.prototype, "attachShadow", "value", (host, root) => {
      noteRoot(host, root);
      const seen = index.shadowRoot(host);
      if (seen && inDom(host)) manager.addShadowRoot(seen, doc);
    })`,
  ],
  ["  const eventProcessor = (e) => {", "\n  };\n", ""],
  ["  mirror.reset();\n  const maskInputOptions = maskAllInputs === true ? {", "polyfill();", ""],
  [
    "  wrappedEmit = (r, isCheckout) => {",
    "\n  };\n",
    "wrappedEmit = (e) => { e.timestamp = nowTimestamp(); emit(e); };",
  ],
  [
    "const serializedIframeNode = serializeNodeWithId(iframeDoc, {",
    "});",
    "const serializedIframeNode = serializeNodeWithId(iframeDoc, { ...options, doc: iframeDoc, ...RESET, preserveWhiteSpace });",
  ],
  [
    "const serializedLinkNode = serializeNodeWithId(n, {",
    "});",
    "const serializedLinkNode = serializeNodeWithId(n, { ...options, ...RESET, preserveWhiteSpace });",
  ],
  [
    "    const bypassOptions = {\n",
    "\n    };",
    // Another object only where something differs.
    `const isStyle = Boolean(serializedNode.attributes && serializedNode.attributes._cssText);
    const isSame = options.preserveWhiteSpace === preserveWhiteSpace
      && !options.newlyAddedElement && !options.cssCaptured && !isStyle;
    const bypassOptions = isSame ? options : { ...options, ...RESET, skipChild, preserveWhiteSpace };`,
  ],
  [
    "  freeze() {\n    this.frozen = true;\n    this.canvasManager.freeze();",
    "    this.shadowDomManager.reset();\n    this.canvasManager.reset();\n  }\n",
    "",
  ],
  [
    "  const _serializedNode = serializeNode(n, {",
    "});",
    "const _serializedNode = serializeNode(n, options);",
  ],
  ["      return serializeElementNode(n, {", "});", "return serializeElementNode(n, options, rootId);"],
  ["  for (const plugin of plugins || []) {\n    if (plugin.getMirror)", "\n  }\n", ""],
  ["          plugins: ((_a2 = plugins", "|| []\n", ""],
  ["  const pluginHandlers = [];", "\n  }\n", ""],
  ["    if (isSerializedStylesheet(n, mirror)) {\n", "\n        }\n", ""],
  ["    if (isSerializedIframe(n, mirror)) {\n", "\n        }\n", ""],
  ["            if (isSerializedIframe(currentN, this.mirror)) {\n", "\n            }\n", ""],
  ["            if (isSerializedStylesheet(currentN, this.mirror)) {\n", "\n            }\n", ""],
  ["    this.trackLinkElement(linkEl);\n  }\n", "  adoptStyleSheets(", "}\n  adoptStyleSheets("],
  ["  // TODO: take snapshot on stylesheet reload", "trackStylesheetInLinkElement(_linkEl) {\n  }\n", ""],
  ["  init(options) {\n    [", "\n  }\n", "init(options) { Object.assign(this, options); }"],
  ["let nowTimestamp = Date.now;", "\n}\n", "const nowTimestamp = Date.now;"],
  ["  const wrappedCanvasMutationEmit = ", "\n  });\n", ""],
  ["  canvasManager = new CanvasManager({", "\n  });\n", ""],
  ["          mousemoveCb: (positions, source) => ", "\n          }),\n", ""],
  ["          fontCb: (p) => ", "\n          }),\n", ""],
  ["          customElementCb: (c) => {", "\n          },\n", ""],
  ["  if (mousemoveWait !== void 0", "\n  }\n", ""],
  ["    if (!recordDOM) {", "\n    }\n", ""],
  ["    if (target.classList.contains(ignoreClass)", "\n    }\n", ""],
  [
    "  let styleSheetObserver = () => {",
    "  const selectionObserver",
    `
    const styleSheetObserver = initStyleSheetObserver(o, { win: currentWindow });
    const adoptedStyleSheetObserver = initAdoptedStyleSheetObserver(o, o.doc);
    const selectionObserver`,
  ],
  [
    "  let mutationObserver;",
    "  const mouseInteractionHandler",
    `
    const [mutationObserver, cleanupMutationIframe] = initMutationObserver(o, o.doc);
    const mouseInteractionHandler`,
  ],
  // What has gone to another document or shadow tree is told by two observers, and may have come there before it goes here.
  [
    "      while (this.mapRemoves.length) {",
    "\n      }\n",
    "for (const [n, from] of this.mapRemoves.splice(0)) if (!isElsewhere(n, from)) this.mirror.removeNodeFromMap(n);",
  ],
  ["            this.mapRemoves.push(n)", ";\n", "this.mapRemoves.push([n, m.target]);\n"],
  // A snapshot is a way through the page, which the recorder goes in tasks of its own (`walk.ts`).
  [
    "  takeFullSnapshot = (isCheckout = false) => {",
    "\n  };\n",
    `
  takeFullSnapshot = () => {
    wrappedEmit({
      type: EventType.Meta,
      data: { href: window.location.href, width: getWindowWidth(), height: getWindowHeight() },
    });
    stylesheetManager.reset();
    shadowDomManager.init();
    mirror.reset();
    const options = {
      doc: document, mirror, maskTextFn, maskInputFn, skipChild: true,
      onSerialize: (n) => {
        if (hasShadowRoot(n)) shadowDomManager.addShadowRoot(index.shadowRoot(n), document);
      },
      onIframeLoad: (iframe, node) => {
        iframeManager.attachIframe(iframe, node);
        shadowDomManager.observeAttachShadow(iframe);
      },
      onStylesheetLoad: (link, node) => stylesheetManager.attachLinkElement(link, node),
    };
    const node = new Walk(document, index, mirror, (n, isTight, cssCaptured) =>
      serializeNodeWithId(n, isTight || cssCaptured ? { ...options, preserveWhiteSpace: !isTight, cssCaptured } : options));
    wrappedEmit({ type: EventType.FullSnapshot, data: { node, initialOffset: getWindowScroll(window) } });
    const sheets = document.adoptedStyleSheets;
    if (sheets?.length > 0) stylesheetManager.adoptStyleSheets(sheets, mirror.getId(document));
  };
`,
  ],
  // What is told differs by its source only.
  [
    "  const wrappedMutationEmit = (m) => {",
    "  const stylesheetManager = ",
    `  const telling = (source) => (change) => wrappedEmit({ type: EventType.IncrementalSnapshot, data: { source, ...change } });
    const wrappedMutationEmit = telling(IncrementalSource.Mutation);
    const wrappedScrollEmit = telling(IncrementalSource.Scroll);
    const wrappedAdoptedStyleSheetEmit = telling(IncrementalSource.AdoptedStyleSheet);
    const stylesheetManager = `,
  ],
  [
    "          mouseInteractionCb: (d) => wrappedEmit({",
    "          sampling,",
    `
          mouseInteractionCb: telling(IncrementalSource.MouseInteraction),
          scrollCb: wrappedScrollEmit,
          viewportResizeCb: telling(IncrementalSource.ViewportResize),
          inputCb: telling(IncrementalSource.Input),
          mediaInteractionCb: telling(IncrementalSource.MediaInteraction),
          styleSheetRuleCb: telling(IncrementalSource.StyleSheetRule),
          styleDeclarationCb: telling(IncrementalSource.StyleDeclaration),
          selectionCb: telling(IncrementalSource.Selection),`,
  ],
  // A page that is still being parsed is recorded once it stands.
  [
    '    if (["interactive", "complete"].includes(document.readyState)) {',
    "\n    }\n",
    // One that was recorded before and is written anew may stay so for ever.
    'if (document.readyState !== "loading" || mirror.getId(document) > 0) init(); else handlers.push(on("DOMContentLoaded", init));',
  ],
  // One expression for what is alike.
  [
    "function ownerDocument(n) {",
    "function host(n) {",
    'const ofNode = (name) => [name, (n) => getUntaintedAccessor("Node", n, name)];\nfunction host(n) {',
  ],
  ["function styleSheets(n) {", "\n}\n", ""],
  ["function querySelector(n, ", "\n}\n", ""],
  ["function querySelectorAll(n, ", "\n}\n", ""],
  [
    "const index = {\n",
    "\n};\n",
    "const index = { host, shadowRoot, ...Object.fromEntries(testableAccessors.Node.map(ofNode)) };\n",
  ],
  // Every text and every value is asked about.
  ["  if (!needsMask) {\n", "\n  }\n", ""],
  [
    "              value: needMaskingText(",
    "value,\n",
    "value: value && this.maskTextFn(value, m.target),\n",
  ],
  ["      attributes.value = maskInputValue({", "});", 'attributes.value = maskInputFn(value || "", n);'],
  // Texts below a field that was typed into are not what it shows.
  [
    "      const value = Array.from(\n        index.childNodes(textarea)",
    "});",
    "item.attributes.value = this.maskInputFn(textarea.value, textarea);",
  ],
  [
    "            const type = getInputType(target);\n            value = maskInputValue({",
    "});",
    'value = this.maskInputFn(value || "", target);',
  ],
  ["      text = maskInputValue({", "});", 'text = maskInputFn(text || "", target);'],
  ['    if (target && tagName === "OPTION") {', "    }\n", ""],
  // What was told last may have become another without a word: a form that is reset says nothing of its fields.
  [
    "  function cbWithDedup(target, v) {",
    "\n  }\n",
    "const cbWithDedup = (target, v) => callbackWrapper(inputCb)({ ...v, id: mirror2.getId(target) });\n",
  ],
  // A shadow tree is that of its host.
  [
    "            parentId = isShadowRoot(parentNode2)",
    "            }\n",
    "            parentId = this.mirror.getId(parentNode2.nodeType === 11 ? index.host(parentNode2) : parentNode2);\n",
  ],
  [
    "              if (!this.unattachedDoc) {",
    "\n              }\n",
    "this.unattachedDoc ??= document.implementation.createHTMLDocument();\n",
  ],
  ["      if (this.frozen || this.locked) {", "      }\n", ""],
  ["      handlers.forEach((handler) => {", "\n      });\n", "quietly(handlers);\n"],
  [
    "    this.restoreHandlers.forEach((handler) => {",
    "\n    });\n",
    "    this.watched?.stop();\n    this.frames?.stop();\n    quietly(this.restoreHandlers);\n",
  ],
  ["record.addCustomEvent = ", "\n};\n", ""],
  ["record.freezePage = ", "\n};\n", ""],
];

/** Single places. */
const LINES = [
  [
    "    setTimeout(() => {\n      if (shadowRoot2.adoptedStyleSheets",
    "    setTimeout(callbackWrapper(() => {\n      if (shadowRoot2.adoptedStyleSheets",
  ],
  ["          shadowRoot2\n        )\n      );\n    }, 0);", "shadowRoot2\n        )\n      );\n    }), 0);"],
  ["    errorHandler: errorHandler2\n", ""],
  ["registerErrorHandler(errorHandler2);\n", ""],
  ["unregisterErrorHandler();\n", ""],
  // rrweb sees closed shadow roots only through these two.
  [
    'return getUntaintedAccessor("Element", n, "shadowRoot");',
    'return getUntaintedAccessor("Element", n, "shadowRoot") ?? closedRootOf(n);',
  ],
  // A text right below a shadow root has no parent that is an element.
  [
    'maskTextFn ? maskTextFn(textContent2, index.parentElement(n)) : textContent2.replace(/[\\S]/g, "*")',
    "maskTextFn(textContent2, n)",
  ],
  ["&& textContent2 && needsMask) {", "&& textContent2) {"],
  ["const { needsMask, maskTextFn, rootId", "const { maskTextFn, rootId"],
  ["  let { needsMask } = options;\n", ""],
  // One frame of a display.
  ["sampling.scroll || 100", "16"],
  ["sampling.media || 500", "500"],
  ['if (tagName === "canvas" && recordCanvas)', "if (false)"],
  ['if (tagName === "img" && inlineImages)', "if (false)"],
  ['if (tagName === "link" && inlineStylesheet) {', 'if (tagName === "link") {'],
  ['if (n.selected && !maskInputOptions["select"]) {', "if (n.selected) {"],
  ["if (slimDOMOptions.headWhitespace && serializedNode", "if (serializedNode"],
  ["} else if (maskInputOptions[tagName.toLowerCase()] || maskInputOptions[type]) {", "} else {"],
  ["userTriggeredOnInput ? { text, isChecked, userTriggered } : { text, isChecked }", "{ text, isChecked }"],
  [
    "userTriggeredOnInput ? { text: text2, isChecked: !isChecked, userTriggered: false } : { text: text2, isChecked: !isChecked }",
    "{ text: text2, isChecked: false }",
  ],
  [
    '  const events = sampling.input === "last" ? ["change"] : ["input", "change"];',
    '  const events = ["input", "change"];',
  ],
  [
    'tagNameLower === "iframe" && attributeName === "src" && !this.keepIframeSrcFn(value)',
    'tagNameLower === "iframe" && attributeName === "src"',
  ],
  ['    recordAfter = options.recordAfter === "DOMContentLoaded" ? options.recordAfter : "load",\n', ""],
  // A node that moves into a new one goes where that goes, also with what stands around both.
  ["&& !this.movedSet.has(parentNode22)", "&& !isSelfOrAncestorInSet(this.movedSet, parentNode22)"],
  // What leaves and comes back takes all with it: what is new and what has moved may stand in one another.
  ["deepDelete(this.addedSet, n);", "deepDelete(this, n);"],
  ["deepDelete(this.movedSet, n);", "deepDelete(this, n);"],
  ["  addsSet.delete(n);\n", "  addsSet.addedSet.delete(n);\n  addsSet.movedSet.delete(n);\n"],
  [
    '} else if (name === "background" && ["table", "td", "th"].includes(tagName)) {',
    '} else if (name === "background") {',
  ],
  ['if (name === "src" || name === "href"', 'if (name === "src" || name === "poster" || name === "href"'],
  ["mergeHooks(o, hooks);\n", ""],
  ["    styleDeclarationObserver();\n    fontObserver();\n", ""],
  ["    mousemoveHandler();\n", ""],
  ["    customElementObserver();\n", ""],
  ["const customElementObserver = initCustomElementObserver(o);\n", ""],
  ["initObservers(o, hooks = {})", "initObservers(o)"],
  ["record.takeFullSnapshot = (isCheckout) => {", "record.takeFullSnapshot = () => {"],
  ["  takeFullSnapshot(isCheckout);\n", "  takeFullSnapshot();\n"],
  // The text of a style stands in its rules; its node may still be changed.
  [
    "!preserveWhiteSpace && _serializedNode.type === NodeType.Text && !",
    "!preserveWhiteSpace && !cssCaptured && _serializedNode.type === NodeType.Text && !",
  ],
  ["let ruleStringified = rule.cssText;", "let ruleStringified = textOf(rule);"],
  // What is taken in may still be on its way.
  [
    "    if (rule.styleSheet.href) {\n      return absolutifyURLs(importStringified, rule.styleSheet.href);\n    }\n    return importStringified;",
    "    return absolutifyURLs(importStringified, rule.styleSheet?.href ?? sheetHref);",
  ],
  // What has lost its rules is told as that, and not as what stands in the page's source.
  ["    const rules = s.rules || s.cssRules;\n", "    const rules = s.cssRules;\n"],
  [
    "return fixBrowserCompatibilityIssuesInCSS(stringifiedRules);",
    'return around(s, stringifiedRules) || (s.ownerNode?.localName === "style" && " ");',
  ],
  // A shadow tree that came with its host was told by the observer of the place where that came to, and changes from then on by its own.
  [
    "      requestAnimationFrame(() => {\n        this.nodeMap = /* @__PURE__ */ new WeakMap();\n        this.active = false;\n      });",
    "      queueMicrotask(callbackWrapper(() => {\n        this.nodeMap = new WeakMap();\n        this.active = false;\n      }));",
  ],

  [
    "m.removedNodes.forEach((n) => {",
    "m.removedNodes.forEach((n) => {\n            if (index.parentNode(n) === m.target && this.processedNodeManager.inOtherBuffer(n, this)) return;",
  ],
  // A form's field may have that name.
  ["  const len = n.attributes.length;", "  const all = attributesOf(n);\n  const len = all.length;"],
  ["    const attr = n.attributes[i];", "    const attr = all[i];"],
  [
    "  switch (n.nodeType) {\n    case n.DOCUMENT_NODE:",
    "  switch (nodeTypeOf(n)) {\n    case n.DOCUMENT_NODE:",
  ],
  [
    'n && "host" in n && "mode" in n && index.host(n) || null',
    "(n && nodeTypeOf(n) === 11 && index.host(n)) || null",
  ],
  // In XML names are small.
  ['if (m.target.tagName === "TEXTAREA") {', 'if (m.target.localName === "textarea") {'],
  ['if (parent && parent.tagName === "TEXTAREA") {', 'if (parent && parent.localName === "textarea") {'],
  [
    "const parentTagName = parent && parent.tagName;",
    "const parentTagName = `${parent?.nodeName}`.toUpperCase();",
  ],
  ["const parentTag = parentNode2.tagName;", "const parentTag = `${parentNode2.nodeName}`.toUpperCase();"],
  // A form answers with its field where that has such a name.
  ["toLowerCase(target.tagName)", "toLowerCase(`${target.nodeName}`)"],
  ['"open" && target.tagName === "DIALOG"', '"open" && tagNameLower === "dialog"'],
  [
    "const tagName = target && target.tagName;",
    `if (target?.localName === "option") target = target.closest("select");
    const tagName = target?.nodeName.toUpperCase();`,
  ],
  // What is never told keeps nothing waiting that stands before it.
  ['console.warn(n, "not serialized");', "mirror2.add(n, { id: IGNORED_NODE });"],
  // That it is off, or for other media, only scripts may have said.
  [
    'if (tagName === "style" && n.sheet) {',
    'if (n.sheet) attributes.media = n.sheet.disabled ? "not all" : n.sheet.media?.mediaText;\n  if (tagName === "style" && n.sheet) {',
  ],
  // A field that is empty, or a box that is off, may have been neither when it came.
  [
    'attributes.type !== "button" && value) {',
    'attributes.type !== "button" && (value || attributes.value || tagName === "textarea")) {',
  ],
  [
    "} else if (checked) {\n      attributes.checked = checked;",
    "} else if (checked) {\n      attributes.checked = checked;\n    } else {\n      delete attributes.checked;",
  ],
  ["id = genId();\n  }\n  const serializedNode", "id = mirror2.nextId(n);\n  }\n  const serializedNode"],
  // What comes while it is not told, since a snapshot has not come to it yet, is told with it.
  ["if (onStylesheetLoad) {", "if (mirror2.has(mirror2.getId(n))) {"],
  // What stands before something that was not told yet is told with it.
  [
    `console.warn(
            "Couldn't record new node. Couldn't find mirror id for nextSibling:",
            nextSibling2
          );`,
    "",
  ],
  // A list that becomes empty is a change too.
  ["if (sheets.length === 0) return;\n", ""],
  ["if (needBlock) {\n    const { width", "if (false) {\n    const { width"],
  [
    "    blockSelector,\n    needsMask,\n    inlineStylesheet,\n    maskInputOptions = {},\n    maskTextFn,\n    maskInputFn,\n    dataURLOptions = {},",
    "maskTextFn,",
  ],
  ["function serializeElementNode(n, options) {", "function serializeElementNode(n, options, rootId) {"],
  ["    newlyAddedElement = false,\n    rootId\n  } = options;", "} = options;"],
  // A deleted property would make every later look at the node slow.
  ["delete serializedNode.needBlock;", "serializedNode.needBlock = void 0;"],
  ["if (customElements.get(tagName))", 'if (tagName.includes("-") && customElements.get(tagName))'],
  ['if (tagName === "iframe" && !keepIframeSrcFn(attributes.src))', 'if (tagName === "iframe")'],
  // Asked for in slices, by `scrolled.ts`.
  ["if (!newlyAddedElement) {\n    if (n.scrollLeft)", "if (false) {\n    if (n.scrollLeft)"],
  // These are no accessors, or not everywhere; looked for as such they cost a frame in the customer's page.
  ['Element: ["shadowRoot", "querySelector", "querySelectorAll"]', 'Element: ["shadowRoot"]'],
  ['ShadowRoot: ["getSelection"]', "ShadowRoot: []"],
  [
    "for (const childN of Array.from(index.childNodes(n))) {",
    "for (let childN = index.firstChild(n); childN; childN = index.nextSibling(childN)) {",
  ],
  [
    "this.shadowDoms.add(shadowRoot2);",
    `this.shadowDoms.add(shadowRoot2);
    this.watched ??= new Watched((root) => !root.isConnected && this.shadowDoms.delete(root));
    const handlers = this.watched.add(shadowRoot2, () => shadowRoot2.childNodes);`,
  ],
  ["this.restoreHandlers.push(() => observer.disconnect());", "handlers.push(() => observer.disconnect());"],
  ["this.restoreHandlers.push(\n      initScrollObserver(", "handlers.push(\n      initScrollObserver("],
  [
    "this.restoreHandlers.push(\n        initAdoptedStyleSheetObserver(",
    "handlers.push(\n        initAdoptedStyleSheetObserver(",
  ],
  [
    "const manager = this;\n    this.restoreHandlers.push(",
    `const manager = this;
    this.frames ??= new Watched(isGoneFrame);
    (doc === document ? this.restoreHandlers : this.frames.add(doc, () => [])).push(`,
  ],
  // A frame that ends would end the watch over every shadow root.
  ["    mutationBuffers.forEach((b) => b.reset());\n", ""],
  // A walk rests and goes on: nothing waits for it.
  ["const mutationBuffers = [];\n", ""],
  ["  mutationBuffers.push(mutationBuffer);\n", ""],
  ["processedNodeManager.destroy();", "shadowDomManager.reset();\n      frames.stop();"],
  [
    "    const observe = (doc) => {",
    "    const frames = new Watched(isGoneFrame);\n    const observe = (doc) => {",
  ],
  [
    "handlers.push(observe(iframeEl.contentDocument));",
    // Told anew, it is watched anew: one that was written anew has lost its listeners.
    "const inside = iframeEl.contentDocument;\n        const own = frames.add(inside, () => [inside]);\n        quietly(own.splice(0));\n        own.push(observe(inside));",
  ],
  ["for (var i = 0; i < chars.length; i++) {\n  lookup[chars.charCodeAt(i)] = i;\n}", ""],
  ['var lookup = typeof Uint8Array === "undefined" ? [] : new Uint8Array(256);\n', ""],
  [
    'if (typeof window !== "undefined" && window.Proxy && window.Reflect) {\n  _mirror',
    "if (false) {\n  _mirror",
  ],
  ["  if (n instanceof BaseRRNode && ", "  if (false && "],
  ["if (Array.from([1], (x) => x * 2)[0] !== 2)", "if (false)"],
  ["const inEmittingFrame = recordCrossOriginIframes ? window.parent === window : true;", ""],
  ["if (!inEmittingFrame) {\n", "if (false) {\n"],
  ["if (inEmittingFrame && !emit)", "if (!emit)"],
  ["if (!inEmittingFrame && !passEmitsToParent)", "if (false)"],
  ["    pluginHandlers.forEach((h) => h());\n", ""],
  ["const blob = typeof self", "const blob = false && typeof self"],
];

/** The recorder's file. */
export const RECORD = /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/;

/** rrweb's recorder, cut down; give it to esbuild. */
export const trimmedRecorder = {
  name: "trimmed-recorder",
  setup(build) {
    build.onLoad({ filter: RECORD }, ({ path }) => ({
      contents: trim(readFileSync(path, "utf8")),
      loader: "js",
    }));
    // esbuild knows the numbers of TypeScript's enumerations, and writes them where they are used.
    build.onLoad({ filter: /@rrweb[\\/]types[\\/]dist[\\/]types\.js$/ }, () => ({
      contents: ENUMS.map(enumSource).join("\n"),
      loader: "ts",
    }));
  },
};

/** What holds for one node and not for those below it. */
const RESET = "const RESET = { skipChild: false, newlyAddedElement: false, cssCaptured: false };";

/** The same text, cut down. */
export function trim(source) {
  let text = source;
  for (const name of ENUMS) text = cut(text, `var ${name} = /* @__PURE__ */ (`, `\n})(${name} || {});\n`, "");
  for (const [head, stub] of Object.entries(REPLACED)) text = cut(text, `\n${head}`, "\n}\n", `\n${stub}\n`);
  for (const [from, tail, stub] of SPANS) text = cut(text, from, tail, stub);
  for (const [from, to] of LINES) text = once(text, from, to);
  for (const name of DEAD) {
    text = text
      .replace(
        new RegExp(
          `^\\s*(?:let |const |this\\.)?${name}(?: = [^;{]*?| = {}|: (?:this\\.)?_?\\w+)?[,;]?\\n`,
          "gm",
        ),
        "",
      )
      .replace(new RegExp(`^\\s*__publicField\\(this, "${name}".*\\n`, "gm"), "")
      .replace(new RegExp(`, (?:this\\.)?${name}\\b(?! =)`, "g"), "");
  }
  text = text
    .replace(/__publicField\(this, "(\w+)"\);/g, "")
    .replace(/__publicField\(this, "(\w+)", (.*)\);$/gm, "this.$1 = $2;")
    .replace(/^    __publicField\(this, "(\w+)", ([^]*?\n    \})\);$/gm, "this.$1 = $2;");
  const guard = JSON.stringify(`${import.meta.dirname}/src/guard/guard.ts`);
  const own = JSON.stringify(`${import.meta.dirname}/src/guard/own.ts`);
  const wrap = JSON.stringify(`${import.meta.dirname}/src/visitor/wrap.ts`);
  const closed = JSON.stringify(`${import.meta.dirname}/src/visitor/closed.ts`);
  const names = JSON.stringify(`${import.meta.dirname}/src/visitor/names.ts`);
  const tree = JSON.stringify(`${import.meta.dirname}/src/visitor/tree.ts`);
  const written = JSON.stringify(`${import.meta.dirname}/src/visitor/written.ts`);
  const observers = JSON.stringify(`${import.meta.dirname}/src/visitor/observers.ts`);
  const walk = JSON.stringify(`${import.meta.dirname}/src/visitor/walk.ts`);
  return `import { apply } from ${own};\nimport { guarded as callbackWrapper, on as hear } from ${guard};\nimport { wrapAfter } from ${wrap};\nimport { closedRootOf, noteRoot } from ${closed};\nimport { WIDGET_TAG } from ${names};\nimport { observePresses, observeSheets } from ${observers};\nimport { attributesOf, nodeTypeOf } from ${tree};\nimport { around, textOf } from ${written};\nimport { Walk } from ${walk};\nimport { ${ENUMS.join(", ")} } from "@rrweb/types";\n${RESET}${LETTING_GO}\n${text}`;
}

/** Replaces from `head` to the first `tail` behind it. */
function cut(text, head, tail, stub) {
  const [before, behind, ...more] = text.split(head);
  const end = behind?.indexOf(tail) ?? -1;
  if (end < 0 || more.length > 0) throw missing(head);
  return before + stub + behind.slice(end + tail.length);
}

function once(text, from, to) {
  const parts = text.split(from);
  if (parts.length !== 2) throw missing(from);
  return parts.join(to);
}

function missing(what) {
  return new Error(
    `rrweb's recorder has changed: ${JSON.stringify(what)} is not there once. Look at its new version.`,
  );
}

function enumSource(name) {
  const members = Object.entries(types[name]).filter(([, value]) => typeof value === "number");
  return `export enum ${name} { ${members.map(([key, value]) => `${JSON.stringify(key)} = ${value}`).join(", ")} }`;
}

const ENUMS = [
  "EventType",
  "IncrementalSource",
  "MouseInteractions",
  "PointerTypes",
  "CanvasContext",
  "MediaInteractions",
  "NodeType",
];
