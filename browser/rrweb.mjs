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

/** Functions and classes that are not reached, and what stands in their place. */
const REPLACED = {
  "class BaseRRNode {": "class BaseRRNode {}",
  "class CanvasManager {": "class CanvasManager {}",
  "class CrossOriginIframeMirror {": "class CrossOriginIframeMirror {}",
  "function initFontObserver(": "",
  "function initCustomElementObserver(": "function initCustomElementObserver() { return () => {}; }",
  // The pointer is followed by `recorder.ts`.
  "function initMoveObserver(": "function initMoveObserver() { return () => {}; }",
  // One element is left out, whatever classes the page uses.
  "function _isBlockedElement(":
    "function _isBlockedElement(element) { return element.localName === WIDGET_TAG; }",
  "function isBlocked(": `function isBlocked(node, blockClass, blockSelector, checkAncestors) {
    const element = node && closestElementOfNode(node);
    return Boolean(element && (checkAncestors ? element.closest(WIDGET_TAG) : element.localName === WIDGET_TAG));
  }`,
  // Every text is asked about.
  "function needMaskingText(": `function needMaskingText(node) {
    return isElement(node) ? node.firstChild !== null : index.parentElement(node) !== null;
  }`,
  "function classMatchesRegex(": "",
  "function mergeHooks(": "function mergeHooks() {}",
  "function polyfill(": "function polyfill() {}",
  // Metadata shows nothing, whoever it is for; links stay, since style sheets are among them.
  "function slimDOMExcluded(": `function slimDOMExcluded({ type, tagName }) {
    return type === NodeType.Comment || (type === NodeType.Element && (tagName === "script" || tagName === "meta"));
  }`,
  // The options are given as a whole.
  "function slimDOMDefaults(": "function slimDOMDefaults(options) { return options; }",
};

/** Methods of the manager of frames that serve frames of other sites. */
const METHODS = [
  "handleMessage(message)",
  "transformCrossOriginEvent(iframeEl, e)",
  "replace(iframeMirror, obj, iframeEl, keys)",
  "replaceIds(obj, iframeEl, keys)",
  "replaceStyleIds(obj, iframeEl, keys)",
  "replaceIdOnNode(node, iframeEl)",
  "patchRootIdOnNode(node, rootId)",
];

/** From here to there, and what stands in its place. */
const SPANS = [
  ["  const eventProcessor = (e) => {", "\n  };\n", ""],
  [
    "  mirror.reset();\n  const maskInputOptions = maskAllInputs === true ? {",
    "} : _maskInputOptions !== void 0 ? _maskInputOptions : { password: true };",
    "mirror.reset(); const maskInputOptions = _maskInputOptions;",
  ],
  [
    "  } = options;\n  const maskInputOptions = maskAllInputs === true ? {",
    "} : maskAllInputs;",
    "} = options; const maskInputOptions = maskAllInputs;",
  ],
  [
    "  wrappedEmit = (r, isCheckout) => {",
    "\n  };\n",
    "wrappedEmit = (e) => { e.timestamp = nowTimestamp(); emit(e); };",
  ],
  [
    "const serializedIframeNode = serializeNodeWithId(iframeDoc, {",
    "});",
    "const serializedIframeNode = serializeNodeWithId(iframeDoc, { ...options, doc: iframeDoc, ...RESET, needsMask, preserveWhiteSpace });",
  ],
  [
    "const serializedLinkNode = serializeNodeWithId(n, {",
    "});",
    "const serializedLinkNode = serializeNodeWithId(n, { ...options, ...RESET, needsMask, preserveWhiteSpace });",
  ],
  [
    "    const bypassOptions = {\n",
    "\n    };",
    // Another object only where something differs.
    `const isStyle = Boolean(serializedNode.attributes && serializedNode.attributes._cssText);
    const isSame = options.needsMask === needsMask && options.preserveWhiteSpace === preserveWhiteSpace
      && !options.newlyAddedElement && !options.cssCaptured && !isStyle;
    const bypassOptions = isSame ? options : { ...options, ...RESET, skipChild, needsMask, preserveWhiteSpace };`,
  ],
  [
    "  freeze() {\n    this.frozen = true;\n    this.canvasManager.freeze();",
    "isFrozen() {\n    return this.frozen;\n  }\n",
    "",
  ],
  [
    "  const _serializedNode = serializeNode(n, {",
    "});",
    "const _serializedNode = serializeNode(n, options, needsMask);",
  ],
  ["      return serializeElementNode(n, {", "});", "return serializeElementNode(n, options, rootId);"],
  ["  for (const plugin of plugins || []) {\n    if (plugin.getMirror)", "\n  }\n", ""],
  ["          plugins: ((_a2 = plugins", "|| []\n", ""],
  ["  const pluginHandlers = [];", "\n  }\n", ""],
  ["record.addCustomEvent = ", "\n};\n", ""],
  ["record.freezePage = ", "\n};\n", ""],
];

/** Single places. */
const LINES = [
  // rrweb sees closed shadow roots only through this line.
  [
    'return getUntaintedAccessor("Element", n, "shadowRoot");',
    'return getUntaintedAccessor("Element", n, "shadowRoot") ?? closedRootOf(n);',
  ],
  ['if (tagName === "canvas" && recordCanvas)', "if (false)"],
  ['if (tagName === "img" && inlineImages)', "if (false)"],
  ["this.canvasManager.lock();", ""],
  ["this.canvasManager.unlock();", ""],
  ["this.canvasManager.reset();", ""],
  ["function serializeNode(n, options) {", "function serializeNode(n, options, needsMask) {"],
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
  ["if (o.collectFonts)", "if (false)"],
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
    "this.restoreHandlers.forEach((handler) => {",
    "this.watched?.stop();\n    this.frames?.stop();\n    this.restoreHandlers.forEach((handler) => {",
  ],
  [
    "const manager = this;\n    this.restoreHandlers.push(",
    `const manager = this;
    this.frames ??= new Watched(isGoneFrame);
    (doc === document ? this.restoreHandlers : this.frames.add(doc, () => [])).push(`,
  ],
  // A frame that ends would end the watch over every shadow root.
  ["    mutationBuffers.forEach((b) => b.reset());\n", ""],
  ["processedNodeManager.destroy();", "shadowDomManager.reset();\n      frames.stop();"],
  [
    "    const observe = (doc) => {",
    "    const frames = new Watched(isGoneFrame);\n    const observe = (doc) => {",
  ],
  [
    "handlers.push(observe(iframeEl.contentDocument));",
    "const inside = iframeEl.contentDocument;\n        frames.add(inside, () => [inside]).push(observe(inside));",
  ],
  [
    "return [observer, iframeCleanup];",
    `const disconnect = observer.disconnect.bind(observer);
  observer.disconnect = () => {
    disconnect();
    const at = mutationBuffers.indexOf(mutationBuffer);
    if (at >= 0) mutationBuffers.splice(at, 1);
  };
  return [observer, iframeCleanup];`,
  ],
  ["for (var i = 0; i < chars.length; i++) {\n  lookup[chars.charCodeAt(i)] = i;\n}", ""],
  [
    'if (typeof window !== "undefined" && window.Proxy && window.Reflect) {\n  _mirror',
    "if (false) {\n  _mirror",
  ],
  ["if (Array.from([1], (x) => x * 2)[0] !== 2)", "if (false)"],
  ["const inEmittingFrame = recordCrossOriginIframes ? window.parent === window : true;", ""],
  ["if (!inEmittingFrame) {\n", "if (false) {\n"],
  ["if (inEmittingFrame && !emit)", "if (!emit)"],
  ["if (!inEmittingFrame && !passEmitsToParent)", "if (false)"],
  ["    pluginHandlers.forEach((h) => h());\n", ""],
  ["const blob = typeof self", "const blob = false && typeof self"],
];

/** rrweb's recorder, cut down; give it to esbuild. */
export const trimmedRecorder = {
  name: "trimmed-recorder",
  setup(build) {
    build.onLoad({ filter: /@rrweb[\\/]record[\\/]dist[\\/]record\.js$/ }, ({ path }) => ({
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

/**
 * rrweb keeps what watches a shadow root or a frame until it stops, and the ids of what stood in them for ever. This lets
 * go of those that the page has removed, whenever their number has doubled.
 */
const LETTING_GO = `
function forget(nodes) { for (const node of nodes) mirror.removeNodeFromMap(node); }
function isGoneFrame(frame) { return frame.defaultView === null; }
function quietly(handlers) { for (const handler of handlers) try { handler(); } catch {} }
class Watched {
  constructor(isGone) { this.isGone = isGone; this.known = new Map(); this.lookAt = 50; }
  add(owner, nodes) {
    if (this.known.size >= this.lookAt) {
      for (const [old, { handlers, nodes: inside }] of this.known) if (this.isGone(old)) {
        this.known.delete(old); quietly(handlers); forget(inside());
      }
      this.lookAt = 50 + 2 * this.known.size;
    }
    const handlers = this.known.get(owner)?.handlers ?? [];
    this.known.set(owner, { handlers, nodes });
    return handlers;
  }
  stop() { for (const { handlers } of this.known.values()) quietly(handlers); this.known.clear(); }
}`;

/** What holds for one node and not for those below it. */
const RESET = "const RESET = { skipChild: false, newlyAddedElement: false, cssCaptured: false };";

function trim(source) {
  let text = source;
  for (const name of ENUMS) text = cut(text, `var ${name} = /* @__PURE__ */ (`, `\n})(${name} || {});\n`, "");
  for (const [head, stub] of Object.entries(REPLACED)) text = cut(text, `\n${head}`, "\n}\n", `\n${stub}\n`);
  for (const name of METHODS) text = cut(text, `\n  ${name} {`, "\n  }\n", "\n");
  for (const [from, tail, stub] of SPANS) text = cut(text, from, tail, stub);
  for (const [from, to] of LINES) text = once(text, from, to);
  text = text
    .replace(/__publicField\(this, "(\w+)"\);/g, "")
    .replace(/__publicField\(this, "(\w+)", (.*)\);$/gm, "this.$1 = $2;");
  const closed = JSON.stringify(`${import.meta.dirname}/src/visitor/closed.ts`);
  const names = JSON.stringify(`${import.meta.dirname}/src/visitor/names.ts`);
  return `import { closedRootOf } from ${closed};\nimport { WIDGET_TAG } from ${names};\nimport { ${ENUMS.join(", ")} } from "@rrweb/types";\n${RESET}${LETTING_GO}\n${text}`;
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
