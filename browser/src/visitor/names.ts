/**
 * Names that the visitor's script gives to what it puts into the page.
 */

/** The widget's host element. It is not recorded. */
export const WIDGET_TAG = "glance-cobrowse-widget";

/** A set of words that stand in one text: shorter in the script than a list. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}
