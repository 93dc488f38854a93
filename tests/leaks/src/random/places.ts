/**
 * Elements that a canary stands in, and how each is made.
 *
 * Owns the lists. What is written into them is `writes.ts`'s.
 */

import type { Dice } from "./dice.js";
import type { RandomGroup } from "./levels.js";

/** What can be written into a place. */
export type Kind = "text" | "field" | "digits" | "editable" | "list" | "bare";

/** An element that holds a canary. */
export interface Place {
  readonly name: string;
  readonly kind: Kind;
  /** Makes `p`, and `outer`, which is what is put into the page. */
  readonly make: string;
  /** Masked by what it is. */
  readonly isOwn: boolean;
}

/** A place of a group; with `isOwn` one that needs no mark. */
export function placeOf(dice: Dice, group: RandomGroup, isOwn: boolean, isMasked: boolean): Place {
  if (isOwn && group === "plain") return secret(dice, isMasked);
  if (group === "inputs") return { ...(dice.chance(0.3) ? editable(dice) : field(dice)), isOwn };
  const make = dice.pick([written, written, written, written, field, field, editable, bare]);
  const place = make(dice);
  return { ...place, isOwn };
}

function written(dice: Dice): Place {
  const tag = dice.pick(TEXTS);
  const [name = "", outer = ""] = tag.split("<");
  const make = dice.pick(MAKERS);
  const [space = "", local = ""] = name.includes(":") ? name.split(":") : ["", name];
  const p = space ? `doc.createElementNS(NS.${space}, "${local}")` : make.replace("TAG", local);
  return { name, kind: "text", make: `const p = ${p}; ${wrapped(outer)}`, isOwn: false };
}

/** The elements that one needs around it. */
function wrapped(outer: string): string {
  if (outer === "") return "const outer = p;";
  const [space = "", local = ""] = outer.includes(":") ? outer.split(":") : ["", outer];
  const made = space
    ? `doc.createElementNS(NS.${space}, "${local}")`
    : `doc.createElement("${local}")`;
  return `const outer = ${made}; outer.append(p);`;
}

/** An element without a text of its own, or whose text is none. */
function bare(dice: Dice): Place {
  const name = dice.pick(BARE);
  return {
    name,
    kind: "bare",
    make: `const p = doc.createElement("${name}"); const outer = p;`,
    isOwn: false,
  };
}

function editable(dice: Dice): Place {
  const value = dice.pick(["", "true", "plaintext-only"]);
  const tag = dice.pick(["div", "p", "span", "x-edit", "td", "h3"]);
  return {
    name: `editable ${tag}`,
    kind: "editable",
    make: `const p = doc.createElement("${tag}"); p.setAttribute("contenteditable", "${value}"); const outer = p;`,
    isOwn: false,
  };
}

function field(dice: Dice): Place {
  const name = dice.pick(FIELDS);
  const isOwn = false;
  if (name === "textarea" || name === "select")
    return {
      name,
      kind: name === "select" ? "list" : "field",
      make: `const p = doc.createElement("${name}"); const outer = p;`,
      isOwn,
    };
  return {
    name: `${name} field`,
    kind: name === "number" || name === "range" ? "digits" : "field",
    make: `const p = doc.createElement("input"); p.type = "${name}"; p.max = "999999999999999"; const outer = p;`,
    isOwn,
  };
}

function secret(dice: Dice, isMasked: boolean): Place {
  const [name = "", on = "", off = ""] = dice.pick(SECRETS);
  return {
    name,
    kind: "field",
    make: `const p = doc.createElement("input"); ${isMasked ? on : off} const outer = p;`,
    isOwn: true,
  };
}

const SECRETS = [
  ["password", 'p.type = "password";', 'p.type = "text";'],
  ["PASSWORD", 'p.setAttribute("type", "PASSWORD");', 'p.setAttribute("type", "TEXT");'],
  ["hidden", 'p.type = "hidden";', 'p.type = "text";'],
  ["card", 'p.autocomplete = "section-a billing cc-number";', 'p.autocomplete = "off";'],
  [
    "code",
    'p.setAttribute("autocomplete", "One-Time-Code");',
    'p.setAttribute("autocomplete", "off");',
  ],
  ["new password", 'p.autocomplete = "username new-password";', 'p.autocomplete = "username";'],
] as const;

const FIELDS = "text search tel url email textarea textarea select number range".split(" ");

/** By name, with a namespace before it and what stands around it behind. */
const TEXTS = (
  "p div span b li<ul td<tr th<tr summary<details legend<fieldset h1 output button label figcaption<figure caption<table " +
  "address dd<dl pre code q rt<ruby mark time data details dialog option<select option<datalist optgroup<select " +
  "svg:text<svg:svg svg:title<svg:svg svg:desc<svg:svg svg:tspan<svg:text svg:a<svg:svg svg:foreignObject<svg:svg p<svg:foreignObject " +
  "math:mtext<math:math math:mi<math:mrow canvas video object picture meter progress x-piece search menu slot font " +
  "html:p html:span xmp marquee legend a a img area<map track<video iframe embed source<picture"
).split(" ");

const BARE =
  "link style hr br wbr col img input area meter progress audio embed dialog param".split(" ");

const MAKERS = [
  'doc.createElement("TAG")',
  'doc.createElement("TAG").cloneNode(true)',
  'doc.createElementNS(NS.html, "TAG")',
  'doc.adoptNode(document.implementation.createHTMLDocument().createElement("TAG"))',
  'doc.importNode(new DOMParser().parseFromString("<r/>", "application/xml").createElementNS(NS.html, "TAG"))',
] as const;
