/**
 * The visitor's side of a random page: the product's recorder, and changes of the page by number.
 *
 * Owns the bridge to `agent.mjs`, which is the page around this one. What stands between the two otherwise, connection and
 * relay, changes nothing of a page: here events go across as JSON.
 */

import { record } from "@rrweb/record";

import { KNOWN_PARTS, Recorder, MaskMemory } from "./product-visitor.mjs";
import { NODES } from "./changes/nodes.mjs";
import { SHEETS } from "./changes/sheets.mjs";
import { STATES } from "./changes/states.mjs";
import { TREES, define, noteFrames } from "./changes/trees.mjs";
import { Dice } from "./dice.mjs";
import { noteRoots, rootOf, World } from "./world.mjs";

const { Proof, Prover, livingNodes, closedRoots } = KNOWN_PARTS;
const CHANGES = Object.entries({ ...NODES, ...SHEETS, ...STATES, ...TREES });
const faults = [];
const told = [];
const proven = [];
const world = new World(document);
let recorder = null;
let isOpen = false;
let isOpening = false;
let epoch = 0;

noteRoots(window);
noteClosed();
define(window);
const { warn } = console;
console.warn = (...words) => {
  if (String(words[0]).startsWith("Cobrowse"))
    faults.push(words.map((one) => one?.message ?? String(one)).join(" "));
  warn(...words);
};

/** The recorder looks for closed roots where the loader notes them. */
function noteClosed() {
  const { prototype } = Element;
  const attach = prototype.attachShadow;
  prototype.attachShadow = function attachShadow(init) {
    const root = attach.call(this, init);
    if (init?.mode === "closed") closedRoots(this, root);
    return root;
  };
}

const writer = {
  get position() {
    return { epoch, sequence: 0 };
  },
  get isOpen() {
    return isOpen;
  },
  get isOpening() {
    return isOpening;
  },
  beginInSlices(facts, keyframe, _isPurge, then) {
    const text = JSON.stringify(keyframe);
    isOpening = true;
    setTimeout(() => {
      if (!isOpening) return;
      isOpening = false;
      isOpen = true;
      epoch += 1;
      told.push({ keyframe: text });
      then("sent");
    });
  },
  diff(events) {
    if (!isOpen) return "needs_epoch";
    told.push({ diff: JSON.stringify(events) });
    return "sent";
  },
  facts() {},
  pointer() {},
  close() {
    isOpen = false;
    isOpening = false;
  },
  part() {},
};

function begin() {
  recorder?.stop();
  const host = {
    writer,
    frames: null,
    bufferedBytes: () => 0,
    onUnshareable: (why) => faults.push(`unshareable: ${why}`),
    onSent: () => undefined,
    onEpoch: () => undefined,
    onReplaced: begin,
    part: () => Promise.resolve(null),
  };
  const settings = { masks: [], mask_default: "passwords" };
  recorder = new Recorder(window, settings, new MaskMemory(), host, KNOWN_PARTS.mirror);
  recorder.start();
}

/** One node of a proof, for a person to read. */
function wordOf({ id, parent, isShadow, tag, text }) {
  return `${id} in ${parent}${isShadow ? "#" : ""} ${tag.toLowerCase()} ${text.slice(0, 60)}`;
}

/** What the hash of the page is now; `null` while it is not at rest. */
function proof() {
  if (!isOpen || recorder.proving.mark() === null) return null;
  const known = { getId: (node) => record.mirror.getId(node), rootOf: KNOWN_PARTS.rootOf };
  const hash = new Proof();
  const { add } = hash;
  proven.length = 0;
  hash.add = (node) => {
    proven.push(wordOf(node));
    add.call(hash, node);
  };
  new Prover(window, recorder.proving).hash(hash, [...livingNodes(document, known)]);
  return hash.value;
}

window.randomPage = {
  begin,
  faults,
  /** What was told since it was asked last. */
  take: () => told.splice(0),
  /** Tells everything anew. */
  renew: () => recorder.planEpoch(),
  proof,
  proven,
  nodeOf: (id) => record.mirror.getNode(id),
  /** Changes the page; gives the change's name. */
  async change(...seed) {
    const dice = new Dice(...seed);
    noteFrames(world);
    const [name, change] = dice.pick(CHANGES);
    // Rules of a sheet that is on its way to another place are told with it, and by themselves.
    if (name in SHEETS) await null;
    try {
      change(world, dice);
    } catch (error) {
      // What the browser refuses is no change.
      return `${name} (${error.name})`;
    }
    noteFrames(world);
    return name;
  },
  rootOf,
};
