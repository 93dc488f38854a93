/**
 * Sentences with holes: `{name}` and the like. Owns the filling alone, so that each part can have it without the words.
 */

/** Puts values into a sentence. */
export function fill(sentence: string, values: Readonly<Record<string, string>>): string {
  return sentence.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole);
}
