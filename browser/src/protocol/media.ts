/**
 * Media queries that ask for a person's wishes, or what they point with, in the order in which their answers are told. PROTOCOL.md section 4.
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
  "hover: hover",
  "hover: none",
  "any-hover: hover",
  "any-hover: none",
  "pointer: fine",
  "pointer: coarse",
  "pointer: none",
  "any-pointer: fine",
  "any-pointer: coarse",
  "any-pointer: none",
];
