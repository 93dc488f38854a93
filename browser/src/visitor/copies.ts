/**
 * Copies of masked values: what a masked field holds may stand elsewhere on the page, and leaves from there as little.
 *
 * Owns which values are known and how they are found in a text. Known are what masked fields hold and held while this
 * script ran. Not found can be: parts of a value ("ends in 4242"), values spread over several nodes, values of one or
 * two characters, ones that were changed (encrypted, reversed), and texts of masked elements that are no fields.
 */

import { MASK } from "./attributes.js";
import { COPIES_FIELDS_MAX, COPIES_VALUES_MAX, COPY_CHARS_MIN, COPY_SHORT_CHARS_MIN } from "./limits.js";

/** A field whose value can be read. */
type Field = HTMLInputElement | HTMLTextAreaElement;

/** The values of one page that may not leave from anywhere. */
export class Copies {
  /** Masked fields and the value that was seen last. */
  private readonly fields = new Map<Field, string>();
  /** Fields whose value was just announced by an event; read even when there are too many to read all. */
  private readonly touched = new Set<Field>();
  private readonly values = new Set<string>();
  private pattern: RegExp | null = null;
  private isStale = false;
  /** Rises with every value that becomes known. */
  version = 0;

  /** Notes a masked field. Called with every verdict, so it is cheap for what is known. */
  note(element: Element): void {
    if (this.fields.has(element as Field) || !isTyped(element)) return;
    this.fields.set(element, "");
    this.read(element);
  }

  /** Notes that a field's value may have changed. */
  touch(element: Element): void {
    if (this.fields.has(element as Field)) this.touched.add(element as Field);
  }

  /** Looks at the fields again. `isAll` also where there are more than can be read for each event. */
  refresh(isAll = false): void {
    if (isAll || this.fields.size <= COPIES_FIELDS_MAX) {
      for (const field of this.fields.keys()) {
        this.read(field);
        // A field that is gone has told all that it will.
        if (!field.isConnected) this.fields.delete(field);
      }
    } else {
      for (const field of this.touched) this.read(field);
    }
    this.touched.clear();
  }

  /** A text without copies. */
  scrub(text: string): string {
    if (this.isStale) this.build();
    if (!this.pattern || text.length < COPY_SHORT_CHARS_MIN) return text;
    if (text.length < COPY_CHARS_MIN || this.values.has(text.trim())) {
      return this.values.has(text.trim()) ? MASK : text;
    }
    return text.replace(this.pattern, MASK);
  }

  private read(field: Field): void {
    const before = this.fields.get(field) ?? "";
    const value = field.value.trim();
    if (value === before) return;
    this.fields.set(field, value);
    // What is being typed replaces its own beginning; what stood there before stays known.
    if (before !== "" && value.startsWith(before)) this.values.delete(before);
    if (value.length < COPY_SHORT_CHARS_MIN || value === MASK) return;
    this.values.delete(value);
    this.values.add(value);
    if (this.values.size > COPIES_VALUES_MAX) {
      const [oldest] = this.values;
      if (oldest !== undefined) this.values.delete(oldest);
    }
    this.isStale = true;
    this.version += 1;
  }

  private build(): void {
    this.isStale = false;
    const long = [...this.values].filter((value) => value.length >= COPY_CHARS_MIN);
    const parts = long.sort((one, other) => other.length - one.length).flatMap(formsOf);
    this.pattern = parts.length > 0 ? new RegExp(parts.join("|"), "giu") : NOTHING;
  }
}

/** Fields that hold what somebody typed. A hidden field's value is often an ordinary word, and nobody typed it. */
function isTyped(element: Element): element is Field {
  if (element.localName === "textarea") return true;
  return element.localName === "input" && !UNTYPED.has((element as HTMLInputElement).type);
}

/** A value as a pattern: as it is, as a URL writes it, and a number with other gaps. */
function formsOf(value: string): string[] {
  const forms = [escape(value)];
  let encoded = value;
  try {
    encoded = encodeURIComponent(value);
  } catch {
    // Half a character: no URL holds it.
  }
  if (encoded !== value) forms.push(escape(encoded));
  const digits = value.replace(GAPS, "");
  if (/^\d{6,}$/.test(digits)) forms.push(Array.from(digits).join("[\\s.\\-/]?"));
  return forms;
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`);
}

const GAPS = /[\s.\-/]/g;
const NOTHING = /(?!)/g;
const UNTYPED = new Set([
  "hidden",
  "checkbox",
  "radio",
  "button",
  "submit",
  "reset",
  "image",
  "file",
  "range",
  "color",
]);
