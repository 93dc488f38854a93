/**
 * Media queries that ask for a person's wishes, in the order in which their answers are told. PROTOCOL.md section 4.
 */

/** Feature and value, as they stand in a query. */
export const WISHES: readonly string[] = [
  "prefers-color-scheme: dark",
  "prefers-color-scheme: light",
  "prefers-reduced-motion: reduce",
  "prefers-reduced-motion: no-preference",
  "prefers-contrast: more",
  "prefers-contrast: less",
  "prefers-contrast: no-preference",
  "prefers-reduced-transparency: reduce",
  "forced-colors: active",
  "forced-colors: none",
];
