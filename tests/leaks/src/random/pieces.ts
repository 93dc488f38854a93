/**
 * Random pages: pieces that each write a canary into a masked place, several on a page, several pages in a document.
 *
 * Owns the order of what happens to a piece and what is then asked of its canary. A document is one HTML text; the same seed
 * and number give the same text, and the same one without its masks for the control.
 */

import { Dice } from "./dice.js";
import { inJoined, joinedFile } from "./joined.js";
import {
  levelsOf,
  markOf,
  SELF_MASKED,
  type Level,
  type Mark,
  type RandomGroup,
} from "./levels.js";
import { base64 } from "../kit.js";
import { placeOf, type Place } from "./places.js";
import { echoOf } from "./values.js";
import { copyOf, echoedBy, writeOf } from "./writes.js";

/** One piece's canary. */
export interface Canary {
  readonly text: string;
  /** What is looked for: any of these says that it has arrived. */
  readonly signs: readonly string[];
  /** It stood in the open before its mask came: only who joins afterwards may not have it. */
  readonly isLate: boolean;
  /** What was chosen for it. */
  readonly what: string;
}

/** A document of several small pages. */
export interface RandomDocument {
  readonly html: string;
  readonly kind: "html" | "quirks" | "xhtml";
  readonly canaries: readonly Canary[];
  /** More files of the site. */
  readonly files: Readonly<Record<string, string>>;
  /** Whether the tag asks to be told of closed shadow trees, also of those from before a session. */
  readonly hasRoots: boolean;
  readonly pages: number;
  /** The page that is shown on a document that is loaded anew; none where it is 0. */
  readonly reloadsAt: number;
}

/** The document of a seed and a number. `joins`: frames of another origin may join. */
export function documentOf(
  seed: number,
  number: number,
  group: RandomGroup,
  isMasked: boolean,
  joins: boolean,
): RandomDocument {
  const dice = new Dice(seed, number);
  const canaries: Canary[] = [];
  const scenes: string[] = [];
  const filler = dice.chance(0.3) ? 600 + dice.below(1_500) : 0;
  const kind = dice.pick(DOCUMENTS);
  const reloadsAt = dice.chance(0.25) ? 1 + dice.below(PAGES - 1) : 0;
  const hasRoots = dice.chance(0.3);
  for (let page = 0; page < PAGES; page += 1) {
    const pieces = Array.from({ length: 2 + dice.below(4) }, (_, at) => {
      const key = `${String(page)}_${String(at)}`;
      const isEcho = group !== "text" && dice.chance(0.2);
      const make = dice.pick([echoPiece, echoPiece, keyedPiece]);
      const piece = isEcho
        ? make(dice, key, group, isMasked)
        : joins && dice.chance(0.4)
          ? joinedPiece(dice, key, isMasked)
          : pieceOf(dice, key, group, isMasked, page === 0, page === 0 && !hasRoots);
      canaries.push(...piece.canaries);
      return piece.script;
    });
    scenes.push(`async (box) => { await Promise.all([\n${pieces.join(",\n")}\n]); }`);
  }
  const script = `${PRELUDE}\nwindow.scenes = [${scenes.join(",\n")}];\nwindow.first = scene(0);`;
  const rows = "<tr><td>a</td><td><b>b</b></td></tr>".repeat(filler);
  const rest = filler > 0 ? `<table id="filler"><tbody>${rows}</tbody></table>` : "";
  const [open, close] = kind === "xhtml" ? ["//<![CDATA[", "//]]>"] : ["", ""];
  const html = `<div id="random"></div><script>${open}${script}${close}</script>${rest}`;
  const files = {
    ...Object.fromEntries(canaries.map(({ text }) => [`${text}.svg`, pictureOf(text)])),
    "joined.html": joinedFile(PRELUDE),
  };
  return { html, kind, canaries, files, hasRoots, pages: PAGES, reloadsAt };
}

/** When a piece's mask comes, and goes. */
type Moment = "early" | "same task" | "late" | "moment" | "gone" | "passing";

interface Piece {
  readonly script: string;
  readonly canaries: Canary[];
}

/** A piece that stands in a frame of another origin; there nobody is told of closed trees from before. */
function joinedPiece(dice: Dice, key: string, isMasked: boolean): Piece {
  const piece = pieceOf(dice, key, "plain", isMasked, true, true);
  const mark = dice.chance(0.3) ? markOf(dice, "plain", isMasked) : null;
  const canaries = piece.canaries.map((one) => ({ ...one, what: `joined frame > ${one.what}` }));
  return { script: inJoined(dice, piece.script, mark), canaries };
}

/** A picture that says a canary, for groups whose pictures travel along. */
function pictureOf(text: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>${text}</title></svg>`;
}

/** `isFirst`: nobody looks yet at what passes. `isUntold`: nor hears of closed trees. */
function pieceOf(
  dice: Dice,
  key: string,
  group: RandomGroup,
  isMasked: boolean,
  isFirst: boolean,
  isUntold: boolean,
): Piece {
  const isOwn = group === "text" || group === "inputs" || (group === "plain" && dice.chance(0.15));
  const place = placeOf(dice, group, isOwn, isMasked);
  const isPlaced = group === "selectors" && dice.chance(0.4);
  const mark = isOwn || isPlaced ? null : markOf(dice, group, isMasked);
  const levels = [
    ...levelsOf(dice, key, 3, isUntold),
    ...(isPlaced ? [dice.pick(SELF_MASKED)(dice, `${key}_m`)] : []),
  ];
  const [carrier, depth] = carrierOf(dice, levels);
  const moment = mark ? momentOf(dice, levels, depth, mark, isFirst) : "early";
  const isInstant = ["same task", "moment", "passing"].includes(moment);
  const write = writeOf(dice, place, group, isInstant, moment === "early");
  const text = textOf(dice, place);
  const script = [
    `const C = "${text}"; const home = document.createElement("div"); box.append(home); let doc = document, at = home;`,
  ];
  const put = mark ? `{ const it = ${carrier}; ${mark.on} }` : "";
  const take = mark ? `{ const it = ${carrier}; ${mark.off} }` : "";
  const wait = `await later(${String(dice.pick([0, 1, 10, 30]))});`;
  const isEarly = moment === "early" || moment === "gone";
  levels.forEach((level, at) => {
    script.push(...level.lines);
    if (isEarly && at === depth) script.push(put);
    if (dice.chance(0.3)) script.push(wait);
  });
  script.push(place.make);
  if (isEarly && depth === levels.length) script.push(put);
  const attach = "at.append(outer);";
  if (moment === "early") {
    const isWrittenFirst = dice.chance(0.3) && !write.line.includes("await");
    script.push(...(isWrittenFirst ? [write.line, attach] : [attach, wait, write.line]));
  } else if (moment === "same task") {
    script.push(...(dice.chance(0.5) ? [write.line, attach] : [attach, wait, write.line]), put);
  } else if (moment === "late") {
    script.push(attach, write.line, "await later(90);", put);
  } else if (moment === "moment") {
    script.push(attach, TOLD, put, write.line, take);
  } else if (moment === "passing") {
    // Below a mask for less than a task: what left it stays masked.
    const leave = "home.append(outer);";
    script.push(
      TOLD,
      put,
      attach,
      write.line,
      ...(dice.chance(0.5) ? [leave, take] : [take, leave]),
    );
  } else {
    script.push(attach, TOLD, take, wait, write.line);
  }
  const isLate = moment === "late";
  const what = `${levels.map(({ name }) => name).join(" > ") || "page"} > ${place.name}; ${mark?.name ?? "by itself"} on ${carrier}, ${moment}; ${write.name}: ${write.line}`;
  const canaries: Canary[] = [{ text, signs: signsOf(text), isLate, what }];
  const isFieldOfPage =
    (place.kind === "field" || place.kind === "digits") && levels.every(({ isInner }) => !isInner);
  const holdsValue = write.name === "value" || write.name === "number";
  if (isFieldOfPage && holdsValue && !isLate && group !== "text" && place.name !== "hidden") {
    const copy = copyOf(dice);
    script.push(wait, `{ const p = document.createElement("p"); home.append(p); ${copy.line} }`);
    canaries[0] = {
      text,
      signs: signsOf(text),
      isLate,
      what: `${what}; ${copy.name}: ${copy.line}`,
    };
  } else if (dice.chance(0.4) && !isLate && !isPlaced) {
    canaries.push(...followed(dice, script, place, group, moment === "early" ? carrier : null));
  }
  return { script: whole(script, key), canaries };
}

/** A value in a masked field that the page repeats as people write it. */
function echoPiece(dice: Dice, key: string, group: RandomGroup, isMasked: boolean): Piece {
  const echo = echoOf(dice);
  const by = echoedBy(dice);
  const mark = group === "inputs" ? null : markOf(dice, "plain", isMasked);
  const isLines = echo.type === "paragraphs";
  const make =
    isLines || echo.type === "textarea"
      ? `const it = document.createElement("${isLines ? "div" : "textarea"}"); ${isLines ? 'it.contentEditable = "true";' : ""}`
      : `const it = document.createElement("input"); it.type = "${echo.type}"; it.step = "any";`;
  const set = isLines
    ? `it.append(...V.split("\\n").map((line) => { const e = document.createElement("p"); e.textContent = line; return e; }));`
    : "it.value = V;";
  const script = [
    `const V = ${JSON.stringify(echo.value)}, K = ${JSON.stringify(echo.shown)}, doc = document; const home = document.createElement("div"); box.append(home);`,
    `${make} ${mark?.on ?? ""} home.append(it); ${dice.chance(0.5) ? "await later(20);" : ""}`,
    `${set} it.dispatchEvent(new Event("input", { bubbles: true })); await later(${String(dice.pick([0, 1, 30]))});`,
    `{ const p = document.createElement("${dice.pick(["p", "output", "td", "h1"])}"); home.append(p); ${by.line} }`,
  ];
  const what = `${echo.name} "${echo.value}" as "${echo.shown}"; ${mark?.name ?? "by itself"}; ${by.name}: ${by.line}`;
  const signs = [JSON.stringify(echo.shown).slice(1, -1)];
  const text = `${key} ${echo.shown}`;
  return { script: whole(script, key), canaries: [{ text, signs, isLate: false, what }] };
}

/** A masked field into which keys are typed, and what repeats it meanwhile. */
function keyedPiece(dice: Dice, key: string, group: RandomGroup, isMasked: boolean): Piece {
  const text = `q${dice.letters(5)}7zx${dice.letters(5)}3k`;
  const mark = group === "inputs" ? null : markOf(dice, "plain", isMasked);
  const tag = dice.pick(["input", "input", "textarea", "div"]);
  const by = dice.pick([
    "p.textContent = V;",
    "p.title = V;",
    "p.innerHTML = `<b>${V.slice(0, 4)}</b>${V.slice(4)}`;",
    "p.replaceChildren(...[...V].map((one) => Object.assign(document.createElement('i'), { textContent: one })));",
    "p.replaceWith(p.cloneNode()); home.lastChild.textContent = `you said ${V}`;",
    "setTimeout(() => { p.textContent = V; }, 30);",
    "{ const g = document.createElement('input'); g.value = V; p.replaceChildren(g); }",
    "document.title = V;",
  ]);
  const script = [
    `const home = document.createElement("div"); box.append(home); const it = document.createElement("${tag}"); it.id = "k${key}"; ${tag === "div" ? 'it.contentEditable = "true";' : ""}`,
    `${mark?.on ?? ""} it.id = "k${key}"; home.append(it, document.createElement("p"));`,
    `it.addEventListener("input", () => { const V = it.value ?? it.textContent, p = home.lastChild; if (V.length > 3) { ${by} } });`,
    `window.typing.push({ id: "k${key}", text: "${text}" });`,
  ];
  const what = `keys into ${tag}; ${mark?.name ?? "by itself"}: ${by}`;
  return {
    script: whole(script, key),
    canaries: [{ text, signs: signsOf(text), isLate: false, what }],
  };
}

/** What still happens to a masked place; gives another canary's story. `carrier`: who bears the mask still. */
function followed(
  dice: Dice,
  script: string[],
  place: Place,
  group: RandomGroup,
  carrier: string | null,
): Canary[] {
  const wait = `await later(${String(dice.pick(AFTER_MS))});`;
  const moves = carrier === null || carrier.includes(".") ? HOME_MOVES : [...HOME_MOVES, ...MOVES];
  const move = dice.pick(moves);
  const text = textOf(dice, place);
  const write = writeOf(dice, place, group, false, carrier !== null);
  script.push(
    wait,
    `{ const it = ${carrier ?? "home"}; ${move} }`,
    wait,
    `{ const C = "${text}"; ${write.line} }`,
  );
  return [
    {
      text,
      signs: signsOf(text),
      isLate: false,
      what: `a second text after ${move} of ${carrier ?? "home"}: ${write.line}`,
    },
  ];
}

/** Who is masked: the place or something above it, and how far down that stands. */
function carrierOf(dice: Dice, levels: readonly Level[]): [string, number] {
  const depth = dice.below(levels.length + 1);
  const level = levels[depth];
  return level ? [dice.pick(level.carriers), depth] : ["p", levels.length];
}

/** Only what the page's own tree shows is masked for a moment, and keeps a mask that has gone. */
function momentOf(
  dice: Dice,
  levels: readonly Level[],
  depth: number,
  mark: Mark,
  isFirst: boolean,
): Moment {
  const isInner = levels.slice(0, depth + 1).some((level) => level.isInner);
  const isShort = mark.isMoment && !isInner && !isFirst;
  const moments: readonly Moment[] = isShort
    ? [
        "early",
        "early",
        "same task",
        "late",
        "moment",
        "gone",
        ...(depth < levels.length ? PASSING : []),
      ]
    : ["early", "early", "early", "same task", "same task", "late"];
  return dice.pick(moments);
}

/** Either half, so that a canary that arrives in parts is seen, and the whole as pictures have it. */
function signsOf(text: string): string[] {
  return text.startsWith("9")
    ? [text]
    : [text.slice(0, 8), text.slice(8), ...[0, 1, 2].map((at) => base64(text, at))];
}

/** A text of which each half is its own, or a number. */
function textOf(dice: Dice, place: Place): string {
  if (place.kind === "digits")
    return `9${Array.from({ length: 14 }, () => String(dice.below(9) + 1)).join("")}`;
  return `q${dice.letters(5)}7zx${dice.letters(5)}3k`;
}

function whole(script: readonly string[], key: string): string {
  return `(async () => { try {\n  ${script.filter(Boolean).join("\n  ")}\n} catch (error) { failed("${key}", error); } })()`;
}

/** Small pages of one document: to load one costs as much as several of them. */
const PAGES = 10;

const PASSING: readonly Moment[] = ["passing", "passing"];

const DOCUMENTS = ["html", "html", "html", "html", "quirks", "xhtml"] as const;

const AFTER_MS = [0, 1, 20, 60];

/** The recorder has heard of what is new. */
const TOLD = "await later(120);";

/** Of the piece as a whole. */
const HOME_MOVES = [
  "box.append(home);",
  "home.remove(); await later(20); box.append(home);",
  "const w = document.createElement('section'); home.replaceWith(w); w.append(home);",
  "box.moveBefore?.(home, box.firstChild);",
  "home.normalize(); home.hidden = true; await later(10); home.hidden = false;",
  "const f = new DocumentFragment(); f.append(home); box.prepend(f);",
];

/** Of the element that is masked. */
const MOVES = [
  "it.after(it.cloneNode(true));",
  "it.parentNode.append(it);",
  "const w = doc.createElement('div'); it.replaceWith(w); w.append(it);",
  "const n = it.nextSibling; const t = it.parentNode; it.remove(); await later(15); t.insertBefore(it, n);",
  "it.parentNode.moveBefore?.(it, it.parentNode.firstChild);",
  "it.parentNode.append(doc.importNode(it, true));",
  "home.before(it);",
  "document.body.insertBefore(it, document.body.firstChild); await later(20); home.append(it);",
  "const f = doc.createElement('iframe'); home.append(f); f.contentDocument.body.append(it); await later(30); home.append(it);",
  "const h = doc.createElement('div'); home.append(h); h.attachShadow({ mode: 'open' }).append(it);",
  "const b = doc.createElement('b'); b.textContent = 'open'; home.append(b); await later(20); b.className = 'glance_masked';",
  "it.replaceChildren(...it.childNodes);",
  "it.classList.add('later'); it.setAttribute('data-later', '');",
];

const PRELUDE = `
const NS = { html: "http://www.w3.org/1999/xhtml", svg: "http://www.w3.org/2000/svg", math: "http://www.w3.org/1998/Math/MathML" };
window.faults = [];
window.typing = [];
const failed = (key, error) => { window.faults.push(key + ": " + error); };
const later = (ms) => ms === 0 ? Promise.resolve() : ms === 1 ? new Promise((done) => requestAnimationFrame(done)) : new Promise((done) => setTimeout(done, ms));
const framed = async (frame) => {
  for (let tries = 0; tries < 40 && !(frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL !== "about:blank"); tries += 1) await later(8);
};
for (const name of ["x-piece", "x-host", "x-box"]) customElements.define(name, class extends HTMLElement {});
customElements.define("x-late", class extends HTMLElement {
  connectedCallback() { this.textContent = this.said ?? ""; this.title = this.said ?? ""; }
});
const scene = async (number) => {
  const box = document.createElement("div");
  document.querySelector("#random").replaceChildren(box);
  await window.scenes[number](box);
};`;
