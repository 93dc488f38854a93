/**
 * Finds what has become masked after it was sent: by looking where a change can have done so, and nowhere else.
 *
 * Owns the observers of the page, its shadow trees and frames, and the comparison with what was sent. Which changes
 * matter is read from the selectors (`selectors.ts`). A test holds it against a look at the whole page after each
 * change, over random pages, selectors and changes.
 */

import { guarded, on } from "../guard/guard.js";
import { rootOf } from "./closed.js";
import { ROOTS_LOOK_AT, WATCHED_TARGETS_MAX } from "./limits.js";
import { isShown } from "./root.js";
import { wrapAfter } from "./wrap.js";
import { isElement, RANK, type MaskMemory, type Rules } from "./rules.js";
import { childrenOf } from "./tree.js";

type Root = Document | ShadowRoot;

/** Watches the masks of one page. */
export class MaskWatch {
  private readonly observer: MutationObserver;
  /** Roots, and what ends the listeners of each: a listener holds its root, so none outlives it. */
  private readonly roots = new Map<Root, AbortController>();
  /** How many roots there are when the next look for removed ones is due. */
  private lookAt = ROOTS_LOOK_AT;
  /** Elements that may match a selector now, with all below them. */
  private readonly targets = new Set<Element>();
  /** Nodes whose verdict may have changed by something else than a selector. */
  private readonly branches = new Set<Node>();
  private isFarDirty = false;
  /** Matches of far-looking selectors that were compared once: they are masked for their life. */
  private readonly compared = new WeakSet<Element>();

  /** `onExposed`: something that was sent is masked now, found outside of any event. */
  constructor(
    private readonly rules: Rules,
    private readonly memory: MaskMemory,
    page: Document,
    private readonly onExposed: () => void,
  ) {
    // Stands before rrweb's observer, so it hears of a change first.
    this.observer = new MutationObserver(
      guarded((changes) => {
        this.lookOutside(changes);
      }),
    );
    this.observe(page);
  }

  /** Watches a tree that is recorded from now on. */
  observe(root: Root): void {
    if (this.rules.isBlind || this.roots.has(root)) return;
    if (this.roots.size >= this.lookAt) this.forgetRoots();
    const ended = new AbortController();
    this.roots.set(root, ended);
    const isShadow = root.nodeType === Node.DOCUMENT_FRAGMENT_NODE;
    const { defaultView } = root as Partial<Document>;
    if (defaultView) this.watchClones(defaultView, ended.signal);
    const { attributes } = this.rules.dependence;
    this.observer.observe(root, {
      subtree: true,
      attributes: true,
      attributeOldValue: true,
      childList: true,
      ...(attributes ? { attributeFilter: [...attributes, ...OWN_ATTRIBUTES] } : {}),
    });
    if (!isShadow) return;
    const onSlot = (): void => {
      this.noteSlotted(root);
      this.lookOutside();
    };
    on(root, "slotchange", guarded(onSlot), { signal: ended.signal });
  }

  /** Lets go of trees that are no longer there; a new snapshot tells of every one that is. */
  forgetRoots(): void {
    for (const [root, ended] of this.roots) {
      if (isShown(root)) continue;
      ended.abort();
      this.roots.delete(root);
    }
    this.lookAt = ROOTS_LOOK_AT + 1.5 * this.roots.size;
  }

  /** The trees that are watched and stand in the page. */
  shown(): Root[] {
    return [...this.roots.keys()].filter(isShown);
  }

  stop(): void {
    this.observer.disconnect();
    for (const ended of this.roots.values()) ended.abort();
    this.roots.clear();
  }

  /** What is ticked, typed, valid or in focus may have changed, which no observer tells. */
  noteState(): void {
    if (!this.rules.dependence.attributes) this.isFarDirty = true;
  }

  /** Looks where something has changed; afterwards the memory says whether something is exposed. */
  look(): void {
    if (this.rules.isBlind) return;
    this.note(this.observer.takeRecords());
    const { targets, branches } = this;
    const isMany = targets.size > WATCHED_TARGETS_MAX;
    for (const top of isMany ? this.shown() : targets) this.lookBelow(top);
    for (const node of branches) this.compare(node);
    if (this.isFarDirty) this.lookFar();
    // What an exposure left unlooked at is sent anew with the purge that follows it.
    targets.clear();
    branches.clear();
    this.isFarDirty = false;
  }

  private stick(node: Node): void {
    this.rules.stick(node);
    for (const child of childrenOf(node)) this.stick(child);
  }

  /** What is cloned of something masked is masked as that is: the ghost of a drag, a table's fixed column. */
  private watchClones({ Node, Document }: Window & typeof globalThis, signal: AbortSignal): void {
    const note = (from: Node, made: Node): void => {
      // What was never in a page is masked nowhere: templates.
      if (!from.ownerDocument?.defaultView) return;
      this.rules.refresh();
      this.rules.judge(from);
      this.noteClone(from, made);
    };
    for (const undo of [
      wrapAfter(Node.prototype, "cloneNode", "value", (from, made) => {
        note(from as Node, made as Node);
      }),
      wrapAfter(Document.prototype, "importNode", "value", (_, made, from) => {
        note(from as Node, made as Node);
      }),
    ])
      on(signal, "abort", guarded(undo));
  }

  private noteClone(from: Node, made: Node): void {
    if (this.memory.sticky.get(from) === "full") this.stick(made);
    else {
      const originals = childrenOf(from);
      // A clone may be shallow.
      childrenOf(made).forEach((twin, at) => {
        this.noteClone(originals[at] ?? made, twin);
      });
    }
  }

  private lookOutside(changes: readonly MutationRecord[] = []): void {
    this.rules.refresh();
    this.note(changes);
    if (this.memory.isExposed) return;
    this.look();
    if (this.memory.isExposed) this.onExposed();
  }

  private note(changes: readonly MutationRecord[]): void {
    const { rules } = this;
    const { attributes, looksUpOnly } = rules.dependence;
    // Who left before a mask went stood below it.
    for (const change of changes) {
      const name = nameOf(change);
      if (name !== null && rules.wasMask(change.target as Element, name, change.oldValue))
        rules.stick(change.target);
    }
    for (const change of changes) {
      const { target } = change;
      if (!looksUpOnly || !attributes) this.isFarDirty = true;
      if (change.type === "childList") {
        const { addedNodes, removedNodes } = change;
        // What stood below a mask for a moment was never looked at there.
        if (removedNodes.length > 0 && rules.isBelow(target))
          removedNodes.forEach((node) => {
            this.stick(node);
          });
        const root = target.getRootNode();
        // Slots come and go only in shadow trees.
        if (root !== target.ownerDocument && [...addedNodes].some(holdsSlot)) this.noteSlotted(root);
        continue;
      }
      const element = target as Element;
      const name = nameOf(change);
      if (name === null) continue;
      if (name === "slot") this.branches.add(element);
      else if (name === "name" && element.localName === "slot") this.noteSlotted(element.getRootNode());
      else if (FIELD_ATTRIBUTES.has(name)) this.branches.add(element);
      if (rules.wasUnmask(name, change.oldValue)) this.branches.add(element);
      if (rules.nearAttributes?.has(name)) this.targets.add(element);
    }
  }

  /** What stands in a shadow tree's slots may stand below a mask now. */
  private noteSlotted(root: Node): void {
    const host = (root as Partial<ShadowRoot>).host;
    if (host) for (const child of host.childNodes) this.branches.add(child);
  }

  private lookBelow(top: Element | Root): void {
    if (isElement(top)) this.check(top);
    for (const element of this.rules.near(top)) {
      if (this.memory.isExposed) return;
      this.check(element);
    }
  }

  private check(element: Element): void {
    if (this.rules.judge(element) === "full") this.compare(element);
  }

  private lookFar(): void {
    for (const root of this.roots.keys()) {
      if (!isShown(root)) continue;
      for (const element of this.rules.far(root)) {
        if (this.memory.isExposed) return;
        if (this.compared.has(element)) continue;
        this.check(element);
        this.compared.add(element);
      }
    }
  }

  /** Compares a node, and what is below it, with how it was sent. */
  private compare(node: Node): void {
    const { memory } = this;
    const shown = memory.shown.get(node);
    if (shown !== undefined && node.isConnected && RANK[this.rules.judge(node)] > RANK[shown]) {
      memory.isExposed = true;
    }
    for (const child of allBelow(node)) {
      if (memory.isExposed) return;
      this.compare(child);
    }
  }
}

/** Everything right below a node in what rrweb sees: children, shadow tree, frame's document, and what a slot shows. */
function allBelow(node: Node): Node[] {
  const children: Node[] = [...childrenOf(node)];
  const shadow = isElement(node) ? rootOf(node) : null;
  if (shadow) children.push(...shadow.childNodes);
  // Not by name: that has capitals or a prefix in some documents.
  const { contentDocument } = node as Partial<HTMLIFrameElement>;
  if (contentDocument) children.push(contentDocument);
  if ("assignedNodes" in node) children.push(...(node as HTMLSlotElement).assignedNodes());
  return children;
}

/** The attribute that a change is of. Polyfills of shadow trees write changes of children anew, and such a record tells nothing else. */
function nameOf(change: MutationRecord): string | null {
  return change.type === "attributes" ? change.attributeName : null;
}

function holdsSlot(node: Node): boolean {
  return isElement(node) && (node.localName === "slot" || node.querySelector("slot") !== null);
}

/** What makes an element a field, or one of another kind. */
const FIELD_ATTRIBUTES = new Set(["type", "autocomplete", "contenteditable", "role"]);

/** Attributes that matter besides those of selectors. */
const OWN_ATTRIBUTES = [...FIELD_ATTRIBUTES, "glance_unmasked", "slot", "name"];
