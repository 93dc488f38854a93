/**
 * Makes the visitor's script smaller than the bundler does: short names for what nobody outside can name.
 *
 * Owns which properties may be renamed: those that TypeScript holds private and that stand in our sources behind `this.`
 * only, and fields of rrweb's own managers. A name that stands anywhere else keeps its letters.
 */

import { readdirSync, readFileSync } from "node:fs";
import { minify } from "terser";

import { DEAD } from "./rrweb.mjs";

/** Folders whose sources are bundled into the script. */
const FOLDERS = ["visitor", "loader", "protocol", "words"];

/** Folders of parts that meet objects of the script. */
const LOADED_LATER = ["assist", "frames", "mirror", "presence", "ways"];

/** Fields and methods of rrweb's recorder; none is a name of the browser's. */
const RECORDERS =
  `_unchangedStyles styleDiff onStylesheetLoad skipChild mediaInteractionCb onIframeLoad viewportResizeCb onSerialize needBlock stylesheetLoadTimeout
  selectionCb inputCb mutationObserverCtor addedSet cssCaptured newlyAddedElement preserveWhiteSpace scrollCb addLoadListener addShadowRoot adoptStyleSheets adoptedStyleSheetCb attachIframe attachLinkElement
  attributeMap bypassOptions droppedSet getMeta hasNode idNodeMap idsBefore iframeManager inOtherBuffer lastId genTextAreaValueMutation processMutations processMutation genAdds loadListener mapRemoves
  movedMap movedSet mutationCb nodeMap nodeMetaMap observeAttachShadow patchAttachShadow processedNodeManager
  removeNodeFromMap removesSubTreeCache restoreHandlers shadowDomManager shadowDoms styleIDMap unattachedDoc
  wrappedEmit`.split(/\s+/);

/** Names of our own, and of rrweb's that we use, that nobody outside of `src/visitor` knows: no part that is loaded later, no wire, no browser. */
const OURS =
  `addresses batch clean continuity dependence forgetRoots hasMaskedChoice incremental introduce isBelow isBlind isEmpty isExposed isFramed
  isGone isHollow isInHollow isPlanned isShaken isSound isSpent isSpread isStyled isTight judge looksUpOnly maskInputFn maskTextFn masker masksWords mayContinue mustPurge
  branches copies masksFields sticky targets
  refresh listen takeFullSnapshot mouseInteractionCb styleDeclarationCb styleSheetRuleCb isInsecure near nearAttributes newest note noteFrame noteState noteValue observeRootOf onAgents onClick onCommand onExposed onFault onFrame onPart onPause
  onPointer onPosition onSettings onState owesPurge pauseButton peerFaults placesIn purged restsAt resumeSecret retryAfterMs scrub scrubber setKey setPaused setPointer setState
  setTheme setWords stick styleMirror stylesheetManager takeUp wasMask wasUnmask watchHost`.split(/\s+/);

/** The same script, a twentieth smaller. */
export async function smaller(script) {
  const sources = FOLDERS.flatMap(read).join("\n");
  const names = [...ownNames(sources), ...RECORDERS, ...OURS];
  const wrong = RECORDERS.filter((name) => word(name).test(sources) || script.includes(`"${name}"`));
  if (wrong.length > 0) throw new Error(`names of rrweb that stand elsewhere too: ${wrong.join(", ")}`);
  const others = ["loader", "protocol", "words", ...LOADED_LATER].flatMap(read).join("\n");
  const shared = OURS.filter((name) => word(name).test(others) || script.includes(`"${name}"`));
  if (shared.length > 0) throw new Error(`names that are not the visitor's alone: ${shared.join(", ")}`);
  const alive = DEAD.filter((name) => word(name).test(script));
  if (alive.length > 0) throw new Error(`rrweb.mjs has left something of: ${alive.join(", ")}`);
  const { code } = await minify(script, {
    ecma: 2022,
    compress: { ecma: 2022, passes: 3, unsafe_arrows: true, pure_getters: true, keep_fargs: false },
    mangle: { properties: { regex: new RegExp(`^(?:${names.join("|")})$`) } },
  });
  return code;
}

function read(folder) {
  const path = `${import.meta.dirname}/src/${folder}`;
  const withoutComments = (text) => text.replace(/\/\*\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return readdirSync(path).map((file) => withoutComments(readFileSync(`${path}/${file}`, "utf8")));
}

function ownNames(sources) {
  const declared = new Set(
    [...sources.matchAll(new RegExp(`${PRIVATE}(\\w+)`, "g"))].map((found) => found[1]),
  );
  const recorder = readFileSync(`${import.meta.dirname}/node_modules/@rrweb/record/dist/record.js`, "utf8");
  const count = (pattern) => [...sources.matchAll(new RegExp(pattern, "g"))].length;
  return [...declared].filter(
    (name) =>
      count(`\\b${name}\\b`) === count(`(?:this\\.|${PRIVATE})${name}\\b`) && !word(name).test(recorder),
  );
}

function word(name) {
  return new RegExp(`\\b${name}\\b`);
}

const PRIVATE = "private\\s+(?:readonly\\s+|async\\s+|get\\s+|\\*\\s*)*";
