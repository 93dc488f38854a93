/**
 * Which live nodes are masked.
 *
 * Owns the verdict and its memory: once masked, a node stays masked for its life. The order of rules, strongest first:
 *
 *  1. a node without a live counterpart, or detached from the page, is masked as long as it is so;
 *  2. `glance_masked` (class or attribute), one of the group's selectors, or a selector that does not parse (then
 *     everything) masks a node and all below it, through shadow roots, slots and same-origin frames;
 *  3. password, one-time-code and payment fields, and hidden inputs, are masked always;
 *  4. `glance_unmasked` (class or attribute) on the node or above it lifts the group's default, and only that;
 *  5. the group's default: `inputs` masks every field, `text` masks every text and field.
 *
 * What is then left of a masked node is `nodes.ts`'s and `attributes.ts`'s.
 */

import type { VisitorSettings } from "../protocol/payloads.js";
import { Addresses } from "./addresses.js";
import { closedSlotOf } from "./closed.js";
import { Copies } from "./copies.js";
import { wordsOf } from "./names.js";
import { dependenceOf, isSelector, marksOf, together, type Dependence } from "./selectors.js";
import { inputTypeOf, isMatch, nodeTypeOf, parentOf, slotOf } from "./tree.js";

/** `full`: nothing of the node's content may leave. `text`: its texts may not, its pictures and styles may. */
export type Verdict = "open" | "text" | "full";

/** Verdicts by how much they mask. */
export const RANK = { open: 0, text: 1, full: 2 } as const;

/** What has to outlive a connection, as long as the page stands. */
export class MaskMemory {
  /** Nodes that were masked once. */
  readonly sticky = new WeakMap<Node, Verdict>();
  /** How openly a node was sent. */
  shown = new WeakMap<Node, Verdict>();
  /** Something that was sent is masked now. */
  isExposed = false;
  /** What was exposed stands in the servers' logs until a purge was sent. */
  owesPurge = false;
  /** What masked fields hold and held. */
  readonly copies = new Copies();
}

/** Whether two settings let the same leave. */
export function isSameMask(one: VisitorSettings, other: VisitorSettings): boolean {
  const rules = (of: VisitorSettings): string =>
    JSON.stringify([of.masks, of.mask_default, of.query_names, of.canvas_rate, of.upload_origins]);
  return rules(one) === rules(other);
}

/** The verdicts of one page. */
export class Rules {
  private readonly selector: string;
  /** Those that look at an element and what is above it, and the others; empty where there are none. */
  private readonly nearSelector: string;
  private readonly farSelector: string;
  /** Whether a selector of the group could not be read, so that everything is masked. */
  isBlind: boolean;
  /** What this script must find masked whatever it looks with. */
  private readonly probe: Element;
  private memo = new Map<Node, Verdict>();
  private memoUnmasked = new Map<Node, boolean>();

  /** What may make any of the selectors match anew. */
  readonly dependence: Dependence;
  /** Attributes on which the near selectors depend. */
  readonly nearAttributes: ReadonlySet<string> | null;
  private readonly isMark: (name: string, value: string | null) => boolean;
  /** What leaves of addresses. */
  readonly addresses: Addresses;

  constructor(
    private readonly settings: VisitorSettings,
    private readonly page: Document,
    private readonly memory: MaskMemory,
  ) {
    const good = settings.masks.filter((mask) => isSelector(mask, page));
    const all = [".glance_masked", "[glance_masked]", ...good];
    this.selector = all.join(",");
    // A list that parses one by one may still not parse together; then everything is masked too.
    const isWhole = isSelector(this.selector, page);
    this.isBlind = good.length < settings.masks.length || !isWhole;
    const near = all.filter((one) => dependenceOf(one).looksUpOnly);
    this.nearSelector = near.join(",");
    this.farSelector = all.filter((one) => !near.includes(one)).join(",");
    this.nearAttributes = near.map(dependenceOf).reduce(together).attributes;
    this.dependence = all.map(dependenceOf).reduce(together);
    this.isMark = marksOf(all);
    this.addresses = new Addresses(settings.query_names ?? [], page);
    this.probe = page.createElement("p");
    this.probe.className = "glance_masked";
    this.probe.append(Object.assign(page.createElement("input"), { type: "password" }));
  }

  /** Whether words are masked wherever they stand, in style sheets too. */
  get masksWords(): boolean {
    return this.settings.mask_default === "text";
  }

  private get masksFields(): boolean {
    return this.settings.mask_default !== "passwords";
  }

  /** Marks what was masked for a moment and is so no longer: its mask came and went within one task. */
  stick(node: Node): void {
    this.memory.sticky.set(node, "full");
    if (isElement(node)) this.memory.copies.note(node);
  }

  /** Whether what stands, or stood a moment ago, right below a node is masked with it. */
  isBelow(node: Node): boolean {
    return (
      this.memory.sticky.get(node) === "full" ||
      (node.isConnected
        ? this.judge(node) === "full"
        : this.isOwn(node) || parentsOf(node).some((parent) => this.isBelow(parent)))
    );
  }

  /** Whether a value that an attribute had was a mask by itself, or made a field of the element that is masked. */
  wasMask(element: Element, name: string, value: string | null): boolean {
    if (value === null) return false;
    if (name === "type") return SECRET_TYPES.has(value.toLowerCase());
    if (name === "autocomplete") return isSecretToken(value);
    if (name === "contenteditable" ? isEditing(value) : name === "role" && ROLES.has(value))
      return this.masksFields && !this.isUnmasked(element);
    return this.isMark(name, value);
  }

  /** Whether a value that an attribute had was an unmask, which matters only where a default masks. */
  wasUnmask(name: string, value: string | null): boolean {
    if (value === null || !this.masksFields) return false;
    return name === "glance_unmasked" || (name === "class" && value.split(/\s+/).includes("glance_unmasked"));
  }

  /** Forgets what was only true at that instant. Call it whenever the page may have run in between. */
  refresh(): void {
    this.memo = new Map();
    this.memoUnmasked = new Map();
    this.isBlind ||= !this.canSee();
  }

  /** A page may have replaced what this script looks with; then nobody knows what is masked. */
  private canSee(): boolean {
    const { probe } = this;
    const field = probe.firstChild as Element;
    const areMasked = this.isOwn(probe) && this.isOwn(field);
    return areMasked && parentsOf(field).some((parent) => parent === probe) && !this.isUnmasked(field);
  }

  /** The verdict on a node; `null` is a node that does not live. */
  judge(node: Node | null): Verdict {
    if (!node || this.isBlind || !this.isInPage(node)) return "full";
    const known = this.memo.get(node);
    if (known) return known;
    // Against a loop in a tree that changes under us: until proven otherwise it is masked.
    this.memo.set(node, "full");
    let verdict = this.memory.sticky.get(node) ?? "open";
    if (this.isOwn(node) || parentsOf(node).some((parent) => this.judge(parent) === "full")) verdict = "full";
    if (
      verdict === "open" &&
      this.settings.mask_default === "text" &&
      holdsText(node) &&
      !this.isUnmasked(node)
    ) {
      verdict = "text";
    }
    if (verdict !== "open") {
      this.memory.sticky.set(node, verdict);
      if (isElement(node)) this.memory.copies.note(node);
      else if (verdict === "full" && "data" in node) this.memory.copies.noteText(node as Text);
    }
    this.memo.set(node, verdict);
    return verdict;
  }

  /** Elements below that a near-looking selector masks. Fields are masked by what they are, so their own change tells. */
  near(top: ParentNode): Iterable<Element> {
    return top.querySelectorAll(this.nearSelector);
  }

  /** Elements below that a far-looking selector masks. */
  far(top: ParentNode): Iterable<Element> {
    return this.farSelector === "" ? [] : top.querySelectorAll(this.farSelector);
  }

  /** Whether what stands above a node can be seen at all: of a detached one nobody knows what it belonged to. */
  private isInPage(node: Node): boolean {
    if (!node.isConnected) return false;
    return node.nodeType !== Node.DOCUMENT_NODE || node === this.page || parentsOf(node).length > 0;
  }

  /** Whether a node is masked by what it is itself. */
  private isOwn(node: Node): boolean {
    if (!isElement(node)) return false;
    try {
      if (isMatch(node, this.selector) || isSecretField(node)) return true;
    } catch {
      return true;
    }
    return this.masksFields && isField(node) && !this.isUnmasked(node);
  }

  private isUnmasked(node: Node): boolean {
    const known = this.memoUnmasked.get(node);
    if (known !== undefined) return known;
    this.memoUnmasked.set(node, false);
    const is =
      (isElement(node) &&
        (node.classList.contains("glance_unmasked") || node.hasAttribute("glance_unmasked"))) ||
      parentsOf(node).some((parent) => this.isUnmasked(parent));
    this.memoUnmasked.set(node, is);
    return is;
  }
}

/** The nodes above a node in the composed tree: parent, shadow host, slot, and the frame that shows its document. */
export function parentsOf(node: Node): Node[] {
  const parents: Node[] = [];
  const parent = parentOf(node);
  if (parent) parents.push(parent);
  const slot = (isElement(node) ? slotOf(node) : (node as Partial<Text>).assignedSlot) ?? closedSlotOf(node);
  if (slot) parents.push(slot);
  const host = (node as Partial<ShadowRoot>).host;
  if (node.nodeType === Node.DOCUMENT_FRAGMENT_NODE && host) parents.push(host);
  if (node.nodeType === Node.DOCUMENT_NODE) {
    const frame = (node as Document).defaultView?.frameElement;
    if (frame) parents.push(frame);
  }
  return parents;
}

/** By node type and not by class: nodes of a frame are of another realm. */
export function isElement(node: Node): node is Element {
  return nodeTypeOf(node) === Node.ELEMENT_NODE;
}

/** Whether what is said of an element is whether it is ticked or picked. */
export function isChoice(element: Element): boolean {
  return element.localName === "input" && CHOICES.has(typeOf(element));
}

/** Whether what somebody types or chooses is kept by this element. */
export function isField(element: Element): boolean {
  const name = element.localName;
  if (name === "input") return !BUTTON_TYPES.has(typeOf(element));
  return isMatch(element, FIELDS) || ROLES.has(element.getAttribute("role") ?? "") || isEditable(element);
}

function isSecretField(element: Element): boolean {
  if (element.localName === "input") {
    const type = typeOf(element);
    if (SECRET_TYPES.has(type) || element.hasAttribute("data-rr-is-password")) return true;
  }
  // Proposals are what was typed before, and an agent cannot see them.
  if (element.localName === "datalist") return true;
  // On whatever stands: a custom element keeps its field inside.
  const tokens = element.getAttribute("autocomplete");
  return tokens !== null && element.localName !== "form" && isSecretToken(tokens);
}

function isSecretToken(tokens: string): boolean {
  return tokens
    .toLowerCase()
    .split(/\s+/)
    .some((token) => token.startsWith("cc-") || SECRET_TOKENS.has(token));
}

function isEditable(element: Element): boolean {
  if (element.localName === "body" && element.ownerDocument.designMode === "on") return true;
  // What is typed there reaches a script, which writes it into the element by itself.
  if ((element as { editContext?: unknown }).editContext) return true;
  return isEditing(element.getAttribute("contenteditable"));
}

function isEditing(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== "false";
}

function typeOf(element: Element): string {
  return element.namespaceURI?.endsWith("html")
    ? inputTypeOf(element as HTMLInputElement)
    : (element.getAttribute("type") ?? "text").toLowerCase();
}

/** What an element says of itself is text, and what stands in it but for a style sheet; a style of another type is none. */
function holdsText(node: Node): boolean {
  const parent = node.parentNode;
  return (
    isElement(node) ||
    (node.nodeType === Node.TEXT_NODE && !(parent as Partial<HTMLStyleElement> | null)?.sheet)
  );
}

/** Editors of code show what is typed beside the field that hears of it. */
const FIELDS = "textarea,select,.CodeMirror,.ace_editor,.monaco-editor";
/** Elements that keep as much as a field does, by their own word. */
const ROLES = wordsOf("textbox searchbox combobox listbox spinbutton slider");
const CHOICES = new Set(["checkbox", "radio"]);
const BUTTON_TYPES = wordsOf("button submit reset image");
const SECRET_TYPES = new Set(["password", "hidden"]);
const SECRET_TOKENS = wordsOf("current-password new-password one-time-code");
