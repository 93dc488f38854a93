/**
 * Copies of masked values: what a masked field holds may stand elsewhere on the page, and leaves from there as little.
 *
 * Owns which values are known; how one is found in a text is `forms.ts`'s. Known are what masked fields hold and held while
 * this script ran, the names of their files among it, what was chosen in lists and colours, short texts that can be edited, lines of
 * longer ones, days in other orders, amounts with other noughts, numbers without their country, what short fields beside
 * one another hold together, and numbers that other masked elements show. Not found can be: parts of a value ("ends in 4242"), values spread further than a few
 * neighbours, values of one or two characters, ones that were changed (encrypted, reversed, a month's name), plain words and short numbers where they are
 * names (classes, addresses of pictures, styles), and words of masked elements that are no fields.
 */

import { MASK } from "../protocol/masked.js";
import {
  COPIES_FIELDS_MAX,
  COPIES_NUMBERS_MAX,
  COPIES_VALUES_MAX,
  COPY_BEGINNINGS_MAX,
  COPY_CHARS_MIN,
  COPY_LIST_CHARS_MAX,
  COPY_PARTS_MAX,
  COPY_SHORT_CHARS_MIN,
  COPY_SPREAD_CHARS_MAX,
  COPY_SPREAD_DEPTH,
  COPY_TEXT_CHARS_MAX,
  COPY_TEXT_LINES_MAX,
} from "./limits.js";
import { weightOf, ZERO, type Place } from "./forms.js";
import { Held } from "./held.js";
import { wordsOf } from "./names.js";
import { isMatch, parentOf } from "./tree.js";

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
  private readonly values = new Held(COPIES_VALUES_MAX, COPY_CHARS_MIN);
  /** What was chosen is a word of the page's own: a copy of it is a text that is that and nothing else, or several in a row. */
  private readonly chosen = new Held(COPIES_VALUES_MAX, COPY_SHORT_CHARS_MIN);
  /** Numbers that masked elements show. */
  private readonly numbers = new Held(COPIES_NUMBERS_MAX, COPY_CHARS_MIN);
  /** What masked texts said last. */
  private readonly told = new WeakMap<Text, string>();
  /** Beginnings of what is being typed: a preview may lag behind. */
  private readonly beginnings: string[] = [];
  /** Texts of elements at this moment. */
  private texts = new Map<Node, string | null>();
  /** Rises with every value that becomes known. */
  version = 0;

  /** Notes a masked field. Called with every verdict, so it is cheap for what is known. */
  note(element: Element): void {
    if (this.fields.has(element as Field) || !isTyped(element)) return;
    this.fields.set(element, []);
    this.read(element);
  }

  /** Notes a masked text: a number in it may stand elsewhere too. Of words nobody knows which are somebody's. */
  noteText(text: Text): void {
    const { data } = text;
    if (this.told.get(text) === data) return;
    this.told.set(text, data);
    const number = data.trim();
    // What could be chosen is no secret.
    if (NUMBER.test(number) && !text.parentElement?.closest("select,datalist"))
      this.learn(number, this.numbers);
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
      let box: Node | null = null;
      const end = (): void => {
        if (parts.length > 1 && parts.length <= COPY_PARTS_MAX) {
          for (const whole of daysOf(parts.join("/"))) this.learn(whole);
          this.learn(parts.join(""));
          this.learn(parts.reverse().join(""));
        }
        parts = [];
      };
      for (const field of this.fields.keys()) {
        this.read(field);
        const { value = "", maxLength } = field;
        const isPart = value.length === maxLength || /^\d+$/.test(value);
        const around = isPart && value.length <= COPY_CHARS_MIN ? boxOf(field) : null;
        if (!around || around !== box) end();
        if (around) parts.push(value);
        box = around;
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
    return this.values.size + this.chosen.size + this.numbers.size === 0;
  }

  /**
   * A text without copies. With `isName` it is one that styles go by: there `white` and `1000` mean something else than
   * what somebody has typed, and only what is no plain word or short number is taken out.
   */
  scrub(text: string, isName = false): string {
    if (this.isEmpty) return text;
    const whole = text.trim();
    if (!isName && (this.values.has(whole) || this.chosen.has(whole))) return MASK;
    let open = "";
    let at = 0;
    for (const [start, end] of this.placesIn(text, isName)) {
      if (end <= at) continue;
      if (start > at || at === 0) open += text.slice(at, start) + MASK;
      at = end;
    }
    return open + text.slice(at);
  }

  /** Whether a text, with its neighbours, is a copy. */
  isSpread(node: Node | null): boolean {
    if (!node || this.isEmpty) return false;
    let top = parentOf(node);
    for (let depth = 0; top && depth < COPY_SPREAD_DEPTH; depth += 1, top = parentOf(top)) {
      const whole = this.texts.get(top) ?? this.spreadIn(top);
      this.texts.set(top, whole);
      if (whole === null) return false;
      if (whole === "") continue;
      const before = new Range();
      before.setStart(top, 0);
      before.setEnd(node, 0);
      const start = before.toString().length;
      const end = start + (node.nodeValue ?? "").length;
      if (this.placesIn(whole, false).some(([from, to]) => from < end && to > start)) return true;
    }
    return false;
  }

  /** The text of an element in which a copy stands; `null` for one that is too long. */
  private spreadIn(top: Node): string | null {
    const texts = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    let whole = "";
    // A page of a million letters is not read for each of its texts.
    while (whole.length <= COPY_SPREAD_CHARS_MAX) {
      if (!texts.nextNode()) return this.scrub(whole) === whole ? "" : whole;
      whole += texts.currentNode.nodeValue ?? "";
    }
    return null;
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
      if (this.beginnings.length > COPY_BEGINNINGS_MAX) this.values.drop(this.beginnings.shift() ?? "");
    }
    const isChoice = field.selectedOptions ?? field.type === "color";
    for (const value of said) this.learn(value, isChoice ? this.chosen : this.values);
  }

  private learn(value: string, values = this.values): void {
    const isOut = weightOf(value) < COPY_SHORT_CHARS_MIN || value === MASK;
    if (!isOut && values.add(value)) this.version += 1;
  }

  /** Where several that were chosen stand in a row. */
  private listsIn(text: string): Place[] {
    const places = this.chosen.placesIn(text, false);
    const isNext = ([, end]: Place, [start]: Place): boolean =>
      start >= end && start <= end + COPY_LIST_CHARS_MAX;
    return places.filter((one) => places.some((other) => isNext(one, other) || isNext(other, one)));
  }

  /** Where copies stand in a text, from its beginning on. */
  private placesIn(text: string, isName: boolean): Place[] {
    const places = this.values.placesIn(text, isName);
    if (!isName) places.push(...this.numbers.placesIn(text, false), ...this.listsIn(text));
    return places.sort(([one], [other]) => one - other);
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
  const isLong = childNodes.length > COPY_TEXT_LINES_MAX;
  const { textContent: all } = box;
  const lines = isLong ? [] : [...childNodes].map((one) => one.textContent);
  // Words may have elements of their own.
  if (isLong && all && all.length <= COPY_TEXT_CHARS_MAX && !LINE.test(childNodes[1]?.nodeName ?? ""))
    lines.push(all);
  // The number of a list's item is none.
  const text = typeof value === "string" ? value : lines.join("\n");
  const said = [text, ...text.split("\n", COPY_TEXT_LINES_MAX)];
  // An amount is written with other zeros too, and a day in other orders.
  if (/^[^\p{L}]*$/u.test(text)) said.push(String(+text.replace(/[^\d.]/g, "") || ""));
  // A number that is called from abroad is written without its country at home.
  const abroad = ABROAD.test(text) ? text.replace(/\D/g, "") : "";
  for (const digits of abroad ? [1, 2, 3] : []) said.push(abroad.slice(digits));
  return [...new Set([...said, ...daysOf(text)])];
}

/** A day in other orders. */
function daysOf(text: string): string[] {
  const [, early, month, day = "", first, second, late] = DAY.exec(text) ?? [];
  const [year, one = "", other = ""] = early ? [early, month, day] : [late, first, second];
  if (!year) return [];
  return [ZERO + one + ZERO + other, ZERO + other + ZERO + one].flatMap((rest) => [year + rest, rest + year]);
}

/** What holds a field and those beside it. */
function boxOf({ parentElement: parent }: Field): Node | null {
  return parent?.childElementCount === 1 ? parent.parentElement : parent;
}

const DAY = /^(?:(\d{4})\D0?(\d\d?)(?:\D0?(\d\d?)(?:T.*)?)?|0?(\d\d?)\D0?(\d\d?)\D(\d{4}))$/;
/** A text that is hardly more than a number: four digits with some signs or words. */
const NUMBER = /^(?=.{5,64}$)(?:\D*\d){4}/s;
/** A number that begins with its country's. */
const ABROAD = /^(\+|00)[\d\s()./-]{9,}$/;
/** What an editor makes of a line. */
const LINE = /^(P|DIV|LI|BR)$/;
const UNTYPED = wordsOf("hidden checkbox radio button submit reset image");
