/**
 * How a value is found in a text: whatever stands between its letters and digits, with other accents, written for a URL, for
 * markup or for JSON.
 *
 * Owns the patterns. A pattern is made when a text may hold its value: a thousand of them would cost a page seconds. Which
 * values are known, and what is done where one is found, is `copies.ts`'s.
 */

import { COPY_CUT_LETTERS, COPY_LETTERS_MAX, COPY_LETTERS_MIN, COPY_SHORT_CHARS_MIN } from "./limits.js";

/** Where something stands in a text. */
export type Place = readonly [start: number, end: number];

/** The letters and digits of a text, and once more without what markup, a URL or JSON may write between them. */
export function bareOf(text: string): string {
  return [...new Set([text, text.replace(WRITTEN, "")])]
    .map((one) => one.normalize("NFKD").replace(NO_LETTERS, ""))
    .join(" ")
    .toLowerCase();
}

/** How one value may be written. */
export class Form {
  private readonly letters: readonly string[];
  /** Plain letters that it begins with, however it is written. */
  readonly start: string;
  private readonly whole: string;
  private readonly isPlain: boolean;
  /** In what is read, and where styles go by it. */
  private readonly patterns: RegExp[] = [];

  constructor(private readonly value: string) {
    this.whole = value.normalize("NFC");
    this.letters = lettersOf(this.whole);
    this.isPlain = PLAIN.test(this.whole);
    this.start = START.exec(this.letters.join("").toLowerCase())?.[0] ?? "";
  }

  /** Where it stands in a text that has its first letters, or of which that is not known. */
  placesIn(text: string, isName: boolean): Place[] {
    if (isName && this.isPlain) return [];
    const isWord = this.isWhole(isName);
    const pattern = (this.patterns[Number(isName)] ??= new RegExp(this.source(isName, isWord), "giu"));
    const before = /^\d/.test(this.start) ? ENDS_IN_DIGIT : ENDS_IN_LETTER;
    return [...text.matchAll(pattern)]
      .filter(({ index }) => !(isWord && before.test(text.slice(Math.max(0, index - 2), index))))
      .map(({ 0: found, index }) => [index, index + found.length]);
  }

  /** Short ones are found as whole words, lest they be found in every other. Of what styles go by, exactly. */
  private isWhole(isName: boolean): boolean {
    const { length } = this.letters;
    const isShort = length < COPY_LETTERS_MIN && length < this.whole.length && length >= COPY_SHORT_CHARS_MIN;
    return this.isPlain || (isShort && !isName);
  }

  private source(isName: boolean, isWord: boolean): string {
    const { letters, whole } = this;
    const { length } = letters;
    if (isWord) {
      const isNumber = !/\p{L}/u.test(whole);
      const gap = !this.isPlain ? GAP : isNumber ? GROUPS : MARKS;
      const end = isNumber ? (/[.,]/.test(whole) ? "0?(?!\\d)" : "(?!\\d)") : `(?!${LETTER})`;
      return letters.map(anyAccent).join(gap) + end;
    }
    if (length < COPY_LETTERS_MIN) return escape(this.value);
    if (length > COPY_LETTERS_MAX) return (whole.match(WORDS) ?? []).map(escape).join(GAP);
    // What is cut leaves off letters at its end. Addresses begin alike.
    const uncut = isName || ADDRESS.test(whole) ? length : COPY_CUT_LETTERS;
    return letters
      .map(anyAccent)
      .map((letter, at) => (at < uncut ? (at === 0 ? "" : GAP) + letter : `(?:${GAP}${letter})?`))
      .join("");
  }
}

/** How many letters of an alphabet a value is worth: a syllable or a word is written as one sign elsewhere. */
export function weightOf(value: string): number {
  return value.replace(SIGNS, "aa").length;
}

function lettersOf(text: string): string[] {
  return text.match(LETTERS) ?? [];
}

/** A letter, without its accent too, and as a URL writes it. */
function anyAccent(letter: string): string {
  if (letter === ZERO) return "0?";
  if (letter <= "\u007f") return escape(letter);
  const bare = lettersOf(letter.normalize("NFKD"))[0] ?? letter;
  return `(?:${letter}|${bare}e?|${letter.toUpperCase()}|${ESCAPED})`;
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`);
}

/** Letters by which a value is looked up. */
export const START_LETTERS_MAX = 4;
const START = /^[a-z\d]{0,4}/;
const LETTER = "[\\p{L}\\p{N}]";
const LETTERS = new RegExp(LETTER, "gu");
const WRITTEN = /<[^<>]{0,40}>|&#?\w{1,8};|%(?:25)*[0-7]\w|\\(?:u\w{4}|[nrt])/g;
const NO_LETTERS = /[^\p{L}\p{N}]+/gu;
const ENDS_IN_DIGIT = /\d$/;
const ENDS_IN_LETTER = new RegExp(`${LETTER}$`, "u");
const WORDS = new RegExp(`${LETTER}+`, "gu");
/** A letter with an accent, as markup, JSON or an old URL writes it. */
const ESCAPED = "&#?\\w{1,8};|\\\\u\\w{4}|(?:%(?:25)*\\w\\w){1,3}";
/** What may stand between two letters: gaps, signs and tags, also as markup, a URL or JSON writes them. */
const GAP = `(?:[ \\n\\t]{5,40}|<[ -=?-~]{0,40}>|&#?\\w{1,8};|%(?:25)*[0-7]\\w|\\\\u\\w{4}|\\\\[nrt]|(?!\\p{N})\\P{L}){0,4}`;
/** What nobody sees between two. */
const MARKS = "[\\p{M}\\p{Cf}]{0,4}";
/** The same, and what groups digits. */
const GROUPS = "[\\p{M}\\p{Cf}.,'’/\\s-]{0,4}";
/** Words and numbers that styles are full of. Letters without capitals often stand together with no gap between words. */
const PLAIN = /^(?:[\p{Lu}\p{Ll}]{1,11}|\d{1,5}(?:[.,]\d\d?)?)$/u;
const ADDRESS = /^www|\//i;
const SIGNS = /[\u3040-\ud7ff]/g;

/** Stands for a nought that may be there: no keyboard has it. */
export const ZERO = "\u2070";
