/**
 * Where a piece of a random page stands: boxes, shadow trees, slots and frames in one another, and who of them is masked how.
 *
 * Owns the way down to a place and the marks. What is written there is `writes.ts`'s.
 */

import type { Dice } from "./dice.js";

/** What a group of the stack masks in a random page. */
export type RandomGroup = "plain" | "selectors" | "inputs" | "text";

/** One step down: lines of script that make it in `at` of the document `doc`, and go on inside of it. */
export interface Level {
  readonly name: string;
  readonly lines: readonly string[];
  /** Elements that mask the place when they are masked, as expressions. */
  readonly carriers: readonly string[];
  /** What stands in it is seen by no observer of the page's own tree. */
  readonly isInner: boolean;
  /** A frame of which the recorder may not know yet. */
  readonly isUntold?: boolean;
}

/** A mark, put on and taken off an element that the script knows as `it`. */
export interface Mark {
  readonly name: string;
  readonly on: string;
  readonly off: string;
  /** Of several the same would be another page's. */
  readonly isMoment: boolean;
}

type Make = (dice: Dice, key: string) => Level;

/** One way down, of that many steps at most. `isUntold`: nobody hears of closed trees yet. */
export function levelsOf(dice: Dice, key: string, stepsMax: number, isUntold: boolean): Level[] {
  const count = dice.below(stepsMax + 1);
  const levels: Level[] = [];
  for (let at = 0; at < count; at += 1) {
    const makes: readonly Make[] =
      isUntold || levels.some(({ isUntold }) => isUntold) ? KNOWN : LEVELS;
    levels.push(dice.pick(makes)(dice, `${key}_${String(at)}`));
  }
  return levels;
}

/** Marks of a group. In the control they say nothing. */
export function markOf(dice: Dice, group: RandomGroup, isMasked: boolean): Mark {
  const all = group === "selectors" && dice.chance(0.7) ? SELECTED : MARKS;
  const mark = dice.pick(all);
  return isMasked ? mark : { ...mark, on: blunt(mark.on), off: blunt(mark.off) };
}

/** The same line without the mark. */
function blunt(line: string): string {
  return line
    .replaceAll("glance_masked", "of_no_rule")
    .replaceAll("secret", "ordinary")
    .replaceAll("locked", "ordinary");
}

const box = (dice: Dice, key: string): Level => {
  const tag = dice.pick(BOXES);
  const make = dice.pick([
    `const e${key} = doc.createElement("${tag}"); at.append(e${key});`,
    `at.append(doc.createRange().createContextualFragment("<${tag} id='e${key}'></${tag}>")); const e${key} = at.lastChild;`,
    `const t${key} = doc.createElement("template"); t${key}.innerHTML = "<${tag}></${tag}>"; const e${key} = doc.importNode(t${key}.content, true).firstChild; at.append(e${key});`,
    `const x${key} = new DOMParser().parseFromString("<${tag}></${tag}>", "text/html").querySelector("${tag}"); const e${key} = doc.adoptNode(x${key}); at.append(e${key});`,
    `const e${key} = doc.createElement("${tag}").cloneNode(true); at.prepend(e${key});`,
  ]);
  return {
    name: tag,
    lines: [make, `at = e${key};`],
    carriers: [`e${key}`],
    isInner: false,
  };
};

const shadow = (dice: Dice, key: string): Level => {
  const mode = dice.pick(["open", "closed"]);
  const inner = dice.chance(0.5);
  return {
    name: `${mode} root`,
    lines: [
      `const h${key} = doc.createElement("${dice.pick(["div", "x-host", "article"])}"); at.append(h${key});`,
      `at = h${key}.attachShadow({ mode: "${mode}", clonable: ${String(dice.chance(0.5))} });`,
      ...(inner
        ? [`at.append(doc.createElement("section")); const i${key} = at.firstChild; at = i${key};`]
        : []),
    ],
    carriers: inner ? [`h${key}`, `i${key}`] : [`h${key}`],
    isInner: true,
  };
};

const declared = (_: Dice, key: string): Level => ({
  name: "declared root",
  lines: [
    `const d${key} = doc.createElement("div"); at.append(d${key});`,
    `d${key}.setHTMLUnsafe("<div><template shadowrootmode='open'><section></section></template></div>");`,
    `at = d${key}.firstChild.shadowRoot.firstChild; const j${key} = at;`,
  ],
  carriers: [`d${key}`, `d${key}.firstChild`, `j${key}`],
  isInner: true,
});

/** A closed tree that nobody was told of masks nothing that is slotted into it. */
const slottedOpen: Make = (dice, key) => slotted(dice, key, "open");

const slotted = (dice: Dice, key: string, mode = dice.pick(["open", "closed"])): Level => {
  const name = dice.pick(["", "", "one"]);
  return {
    name: `slot of ${mode} root`,
    lines: [
      `const s${key} = doc.createElement("div"); at.append(s${key});`,
      `const r${key} = s${key}.attachShadow({ mode: "${mode}" }); r${key}.innerHTML = "<b><i><slot${name ? ` name='${name}'` : ""}></slot></i></b>";`,
      `at = doc.createElement("div"); ${name ? `at.slot = "${name}";` : ""} s${key}.append(at);`,
    ],
    carriers: [
      `s${key}`,
      `r${key}.firstChild`,
      `r${key}.querySelector("i")`,
      `r${key}.querySelector("slot")`,
    ],
    isInner: true,
  };
};

const frame = (dice: Dice, key: string): Level => {
  const isTold = dice.chance(0.3);
  const fill = dice.pick([
    "",
    `f${key}.srcdoc = "<body><main></main>";`,
    `f${key}.src = "{folder}/frame.html";`,
    `f${key}.srcdoc = "<!doctype html><title>f</title><body><main></main>";`,
  ]);
  return {
    name: fill.includes("src") ? "frame" : "blank frame",
    lines: [
      `const f${key} = doc.createElement("iframe"); ${fill} at.append(f${key});`,
      ...(fill ? [`await framed(f${key});`] : []),
      // Only a frame that is recorded tells of its closed trees.
      ...(isTold ? ["await later(200);"] : []),
      `doc = f${key}.contentDocument; at = doc.querySelector("main") ?? doc.body;`,
    ],
    carriers: [
      `f${key}`,
      `f${key}.contentDocument.body`,
      `f${key}.contentDocument.documentElement`,
    ],
    isInner: true,
    isUntold: !isTold,
  };
};

const KNOWN: readonly Make[] = [box, box, box, shadow, declared, slottedOpen, frame];
/** Boxes that the group `selectors` masks by where they stand; in the control another group says nothing of them. */
export const SELF_MASKED: readonly Make[] = [
  [
    "section > p.inner",
    "const a = doc.createElement('section'); at.append(a); at = doc.createElement('p'); at.className = 'inner'; a.append(at);",
  ],
  [
    "form:has(:checked) p",
    "const a = doc.createElement('form'); a.innerHTML = \"<input type='checkbox' class='private' checked='checked'/><p></p>\"; at.append(a); at = a.lastChild;",
  ],
  [
    "i.flag + p",
    "const a = doc.createElement('i'); a.className = 'flag'; at.append(a); at = doc.createElement('p'); a.after(at);",
  ],
  [
    "u.secret",
    "const a = doc.createElement('u'); a.classList.add('secret'); at.append(a); at = a;",
  ],
  [
    "p:nth-of-type(2)",
    "const a = doc.createElement('div'); at.append(a); a.append(doc.createElement('p'), doc.createElement('p')); at = a.lastChild; at.className = 'two';",
  ],
  [
    ":popover-open p",
    "const a = doc.createElement('div'); a.className = 'tip'; a.popover = 'manual'; at.append(a); a.showPopover(); at = doc.createElement('p'); a.append(at);",
  ],
].map(([name = "", line = ""]): Make => (_, key) => ({
  name,
  lines: [`{ ${line} } const m${key} = at;`],
  carriers: [`m${key}`],
  isInner: false,
}));

const LEVELS: readonly Make[] = [box, box, box, shadow, declared, slotted, frame];

const BOXES =
  "div section main article ul fieldset form details dialog label a span aside figure x-box center blockquote button h2".split(
    " ",
  );

const MARKS: readonly Mark[] = [
  ["class value", 'it.classList.value = "glance_masked";', 'it.classList.value = "";'],
  [
    "classList",
    'it.classList.add("a", "glance_masked", "b");',
    'it.classList.remove("glance_masked");',
  ],
  [
    "class by attribute",
    'it.setAttribute("class", "x glance_masked");',
    'it.removeAttribute("class");',
  ],
  ["class by token", 'it.classList.toggle("glance_masked", true);', 'it.classList.value = "z";'],
  [
    "class by replace",
    'it.classList.add("q"); it.classList.replace("q", "glance_masked");',
    'it.classList.replace("glance_masked", "q");',
  ],
  ["attribute", 'it.setAttribute("glance_masked", "");', 'it.removeAttribute("glance_masked");'],
  [
    "attribute of no",
    'it.setAttribute("glance_masked", "false");',
    'it.removeAttribute("glance_masked");',
  ],
  [
    "toggled",
    'it.toggleAttribute("glance_masked", true);',
    'it.toggleAttribute("glance_masked", false);',
  ],
  [
    "attribute node",
    'it.setAttributeNode(it.ownerDocument.createAttribute("glance_masked"));',
    'it.attributes.removeNamedItem("glance_masked");',
  ],
  [
    "named item",
    'const n = it.ownerDocument.createAttribute("class"); n.value = "glance_masked"; it.attributes.setNamedItem(n);',
    'it.attributes.class.value = "";',
  ],
  [
    "no namespace",
    'it.setAttributeNS(null, "class", "glance_masked");',
    'it.removeAttributeNS(null, "class");',
  ],
].map(([name = "", on = "", off = ""]) => ({ name, on, off, isMoment: true }));

/** Of what the group `selectors` masks. */
const SELECTED: readonly Mark[] = [
  { name: "an id", on: 'it.id = "secret";', off: 'it.id = "";', isMoment: true },
  {
    name: "a state",
    on: 'it.dataset.state = "secret";',
    off: 'it.dataset.state = "";',
    isMoment: true,
  },
  {
    name: "a late class",
    on: 'it.classList.add("secret-late");',
    off: 'it.classList.remove("secret-late");',
    isMoment: true,
  },
  {
    name: "a label",
    on: 'it.ariaLabel = "My ACCOUNT";',
    off: "it.ariaLabel = null;",
    isMoment: false,
  },
];
