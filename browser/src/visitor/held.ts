/**
 * Values that are looked for, so many at most, and where they stand in a text.
 *
 * Owns the order in which they are forgotten, and which of them a text is compared with at all: those that begin with letters
 * that stand in it. How one is found is `forms.ts`'s, which values there are `copies.ts`'s.
 */

import { bareOf, Form, START_LETTERS_MAX, weightOf, type Place } from "./forms.js";

/** Values, the oldest first. */
export class Held {
  private readonly heldForms = new Map<string, Form>();
  /** The same, by what they begin with. */
  private readonly byStart = new Map<string, Set<Form>>();

  /** Holds `max` values; another lets the oldest go. Shorter ones than `charsMin` are found in no text. */
  constructor(
    private readonly max: number,
    private readonly charsMin: number,
  ) {}

  get size(): number {
    return this.heldForms.size;
  }

  has(value: string): boolean {
    return this.heldForms.has(value);
  }

  /** Makes a value the newest; whether it was not known. */
  add(value: string): boolean {
    const form = this.heldForms.get(value) ?? new Form(value);
    const isNew = !this.drop(value);
    this.heldForms.set(value, form);
    if (weightOf(value) >= this.charsMin)
      this.byStart.set(form.start, (this.byStart.get(form.start) ?? new Set()).add(form));
    for (const oldest of this.heldForms.keys()) {
      if (this.size <= this.max) break;
      this.drop(oldest);
    }
    return isNew;
  }

  /** Forgets a value; whether it was known. */
  drop(value: string): boolean {
    const form = this.heldForms.get(value);
    if (form) this.byStart.get(form.start)?.delete(form);
    return this.heldForms.delete(value);
  }

  /** Where values stand in a text, in no order. `isName`: styles go by it. */
  placesIn(text: string, isName: boolean): Place[] {
    return [...this.nearTo(text)].flatMap((form) => form.placesIn(text, isName));
  }

  /** Those of which a text has the first letters. */
  private nearTo(text: string): Iterable<Form> {
    const bare = bareOf(text);
    const near = new Set(this.byStart.get(""));
    const take = (start: string): void => this.byStart.get(start)?.forEach((form) => near.add(form));
    if (this.byStart.size < STARTS_FEW) {
      for (const start of this.byStart.keys()) if (bare.includes(start)) take(start);
    } else {
      for (let at = 0; at < bare.length; at += 1)
        for (let letters = START_LETTERS_MAX; letters > 0; letters -= 1) take(bare.slice(at, at + letters));
    }
    return near;
  }
}

/** Beginnings that are looked for one by one. Of more, those are looked up that the text has. */
const STARTS_FEW = 100;
