/**
 * Copies of masked values: what a masked field holds may stand elsewhere on the page, and leaves from there as little.
 *
 * Owns which values are known and how they are found in a text: whatever stands between their letters and digits, with
 * other accents, written for a URL, for markup or for JSON, and over several neighbours, as a preview of a card does.
 * Known are what masked fields hold and held while this script ran, the names of their files among it, what was chosen in
 * lists and colours, short texts that can be edited, lines of longer ones, days in other orders, amounts with other noughts, and
 * codes whose digits have a field each. Not found can be: parts of a value ("ends in 4242"), values spread further than a few neighbours, values of one or
 * two characters, ones that were changed (encrypted, reversed, a month's name), plain words and short numbers where they are names (classes, addresses of pictures, styles), and texts of
 * masked elements that are no fields.
 */

import { MASK } from "../protocol/masked.js";
import {
  COPIES_FIELDS_MAX,
  COPIES_VALUES_MAX,
  COPY_BEGINNINGS_MAX,
  COPY_CHARS_MIN,
  COPY_LETTERS_MAX,
  COPY_LETTERS_MIN,
  COPY_SHORT_CHARS_MIN,
  COPY_SPREAD_CHARS_MAX,
  COPY_SPREAD_DEPTH,
  COPY_TEXT_LINES_MAX,
} from "./limits.js";
import { wordsOf } from "./names.js";
import { isMatch } from "./tree.js";

/** A field whose value can be read, or a text that can be edited. */
type Field = HTMLElement &
  Partial<
    Pick<HTMLInputElement, "files" | "maxLength" | "type" | "value"> &
      Pick<HTMLSelectElement, "selectedOptions"> & { readonly editContext: unknown }
  >;

/** The values of one page that may not leave from anywhere. */
export class Copies {
  /** Masked fields and what they said last. */
  private readonly fields = new Map<Field, readonly string[]>();
  /** Fields whose value was just announced by an event; read even when there are too many to read all. */
  private readonly touched = new Set<Field>();
  private readonly values = new Set<string>();
  /** What was chosen is a word of the page's own: a copy of it is a text that is that and nothing else. */
  private readonly chosen = new Set<string>();
  /** Beginnings of what is being typed: a preview may lag behind. */
  private readonly beginnings: string[] = [];
  private anywhere = NOTHING;
  private inNames = NOTHING;
  private isStale = false;
  /** Texts of elements at this moment. */
  private texts = new Map<Node, string>();
  /** Rises with every value that becomes known. */
  version = 0;

  /** Notes a masked field. Called with every verdict, so it is cheap for what is known. */
  note(element: Element): void {
    if (this.fields.has(element as Field) || !isTyped(element)) return;
    this.fields.set(element, []);
    this.read(element);
  }

  /** Notes that a field's value may have changed. */
  touch(element: Element): void {
    if (this.fields.has(element as Field)) this.touched.add(element as Field);
  }

  /** Looks at the fields again. `isAll` also where there are more than can be read for each event. */
  refresh(isAll = false): void {
    this.texts = new Map();
    if (isAll || this.fields.size <= COPIES_FIELDS_MAX) {
      // A code or a number whose parts have a field each; fields are noted from the first or from the last.
      let parts: string[] = [];
      const end = (): void => {
        this.learn(parts.join(""));
        this.learn(parts.reverse().join(""));
        parts = [];
      };
      for (const field of this.fields.keys()) {
        this.read(field);
        const { value = "", maxLength } = field;
        if (value.length !== maxLength || maxLength > COPY_CHARS_MIN) end();
        else parts.push(value);
        // A field that is gone has told all that it will.
        if (!field.isConnected) this.fields.delete(field);
      }
      end();
    } else {
      for (const field of this.touched) this.read(field);
    }
    this.touched.clear();
  }

  /** Whether no value is known. */
  get isEmpty(): boolean {
    return this.values.size + this.chosen.size === 0;
  }

  /**
   * A text without copies. With `isName` it is one that styles go by: there `white` and `1000` mean something else than
   * what somebody has typed, and only what is no plain word or short number is taken out.
   */
  scrub(text: string, isName = false): string {
    if (this.isEmpty) return text;
    const whole = text.trim();
    if (!isName && (this.values.has(whole) || this.chosen.has(whole))) return MASK;
    return text.replace(this.pattern(isName), (found, at: number) =>
      PLAIN.test(found) && ENDS_IN_LETTER.test(text.slice(0, at).slice(-2)) ? found : MASK,
    );
  }

  /** Whether a text, with its neighbours, is a copy. */
  isSpread(node: Node | null): boolean {
    if (!node || this.isEmpty) return false;
    let top = node.parentNode;
    for (let depth = 0; top && depth < COPY_SPREAD_DEPTH; depth += 1, top = top.parentNode) {
      const whole = this.texts.get(top) ?? top.textContent ?? "";
      this.texts.set(top, whole);
      if (whole.length > COPY_SPREAD_CHARS_MAX) return false;
      if (this.scrub(whole) === whole) continue;
      const before = new Range();
      before.setStart(top, 0);
      before.setEnd(node, 0);
      const start = before.toString().length;
      const end = start + (node.nodeValue ?? "").length;
      const copies = [...whole.matchAll(this.pattern(false))];
      if (copies.some(({ 0: found, index }) => index < end && index + found.length > start)) return true;
    }
    return false;
  }

  private read(field: Field): void {
    const before = this.fields.get(field) ?? [];
    // What has not changed costs next to nothing, of however many fields.
    if (typeof field.value === "string" && field.value === before[0] && !field.selectedOptions) return;
    const said = saidBy(field).map((value) => value.trim());
    if (said.join() === before.join()) return;
    this.fields.set(field, said);
    // What is being typed replaces its own beginning; what stood there before stays known.
    for (const old of before) {
      if (!old || said.includes(old) || !said.some((value) => value.startsWith(old))) continue;
      this.beginnings.push(old);
      if (this.beginnings.length > COPY_BEGINNINGS_MAX) this.values.delete(this.beginnings.shift() ?? "");
    }
    const isChoice = field.selectedOptions ?? field.type === "color";
    for (const value of said) this.learn(value, isChoice ? this.chosen : this.values);
  }

  private learn(value: string, values = this.values): void {
    if (weightOf(value) < COPY_SHORT_CHARS_MIN || value === MASK) return;
    if (!values.delete(value)) {
      this.isStale = true;
      this.version += 1;
    }
    values.add(value);
    if (values.size > COPIES_VALUES_MAX) {
      const [oldest = ""] = values;
      values.delete(oldest);
    }
  }

  private pattern(isName: boolean): RegExp {
    if (this.isStale) {
      this.isStale = false;
      const long = [...this.values].filter((value) => weightOf(value) >= COPY_CHARS_MIN);
      long.sort((one, other) => other.length - one.length);
      this.anywhere = anyOf(long);
      this.inNames = anyOf(long.filter((value) => !PLAIN.test(value)));
    }
    return isName ? this.inNames : this.anywhere;
  }
}

/** All that may be one of these. */
export const VALUED = "input,textarea,select,[contenteditable]";

/** Fields that hold what somebody typed or chose. A hidden field's value is often an ordinary word, and nobody typed it. */
function isTyped(element: Element): element is Field {
  const { localName } = element;
  return (
    (isMatch(element, VALUED) || !!(element as Field).editContext) &&
    !(localName === "input" && UNTYPED.has((element as HTMLInputElement).type))
  );
}

/** What a field says: its value, the names of its files, the options that are chosen, or the text of a few lines. */
function saidBy(field: Field): string[] {
  const { files, selectedOptions, value } = field;
  if (files) return [...files].map(({ name }) => name);
  // One without a value says that nothing was chosen.
  if (selectedOptions)
    return [...selectedOptions].flatMap(({ text, value }) => (value === "" ? [] : [text, value]));
  // Editors put a box around their lines.
  let box: Node = field;
  while (!box.childNodes[1] && box.firstChild?.firstChild) box = box.firstChild;
  const { childNodes } = box;
  const lines = childNodes.length > COPY_TEXT_LINES_MAX ? [] : [...childNodes].map((one) => one.textContent);
  // The number of a list's item is none.
  const text = typeof value === "string" ? value : lines.join("\n");
  const said = [text, ...text.split("\n", COPY_TEXT_LINES_MAX)];
  // An amount is written with other zeros too, and a day in other orders.
  if (/^[^\p{L}]*$/u.test(text)) said.push(String(+text.replace(/[^\d.]/g, "") || ""));
  const [, early, month, day = "", first, second, late] = DAY.exec(text) ?? [];
  const [year, one = "", other = ""] = early ? [early, month, day] : [late, first, second];
  for (const rest of [ZERO + one + ZERO + other, ZERO + other + ZERO + one])
    if (year) said.push(year + rest, rest + year);
  return [...new Set(said)];
}

/** How many letters of an alphabet a value is worth: a syllable or a word is written as one sign elsewhere. */
function weightOf(value: string): number {
  return value.replace(SIGNS, "aa").length;
}

function anyOf(values: readonly string[]): RegExp {
  return values.length > 0 ? new RegExp(values.map(formOf).join("|"), "giu") : NOTHING;
}

/** A value as a pattern. */
function formOf(value: string): string {
  const whole = value.normalize("NFC");
  if (PLAIN.test(whole))
    return `${Array.from(whole, anyAccent).join(/\d/.test(whole) ? GROUPS : MARKS)}(?!${LETTER})`;
  const letters = whole.match(LETTERS) ?? [];
  if (letters.length < COPY_LETTERS_MIN || letters.length > COPY_LETTERS_MAX) return escape(value);
  return letters.map(anyAccent).join(GAP);
}

/** A letter, without its accent too, and as a URL writes it. */
function anyAccent(letter: string): string {
  if (letter === ZERO) return "0?";
  if (letter <= "\u007f") return escape(letter);
  const bare = letter.normalize("NFKD").match(LETTERS)?.[0] ?? letter;
  return `(?:${letter}|${bare}|${letter.toUpperCase()}|${encodeURIComponent(letter)})`;
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`);
}

const LETTER = "[\\p{L}\\p{N}]";
const LETTERS = new RegExp(LETTER, "gu");
const ENDS_IN_LETTER = new RegExp(`${LETTER}$`, "u");
/** What may stand between two letters: gaps and signs, also as markup, a URL or JSON writes them. */
const GAP = "(?:&#?\\w{1,8};|%[0-7]\\w|\\\\u\\w{4}|\\\\[nrt]|[^\\p{L}\\p{N}]){0,4}";
/** What nobody sees between two. */
const MARKS = "[\\p{M}\\p{Cf}]{0,4}";
/** The same, and what groups digits. */
const GROUPS = "[\\p{M}\\p{Cf}.,'’\\s]{0,4}";
/** Words and numbers that styles are full of. Letters without capitals often stand together with no gap between words. */
const PLAIN = /^(?:[\p{Lu}\p{Ll}]{1,11}|\d{1,5}(?:[.,]\d\d?)?)$/u;
const DAY = /^(?:(\d{4})\D0?(\d\d?)(?:\D0?(\d\d?)(?:T.*)?)?|0?(\d\d?)\D0?(\d\d?)\D(\d{4}))$/;
/** Stands for a nought that may be there: no keyboard has it. */
const ZERO = "\u2070";
const SIGNS = /[\u3040-\ud7ff]/g;
const NOTHING = /(?!)/g;
const UNTYPED = wordsOf("hidden checkbox radio button submit reset image");
