/**
 * The ways that lead into a session from beside it and out to another domain: a part that is loaded when there is time.
 *
 * Owns nothing but what belongs to it: what a page has to know of its group, crossing, who the visitor is. A start needs
 * none of it.
 */

export { HASHES } from "../loader/parts.js";

export { addressAt, arrive, crossingOf, takeCode } from "../visitor/crossing.js";
export { takeMessage } from "./messages.js";
export { readIdentity } from "../visitor/identity.js";
export { pageInfo } from "../visitor/page-info.js";

/** Whether a mask of the settings can be read; one that cannot masks everything. */
export function isSelector(text: string): boolean {
  try {
    document.createDocumentFragment().querySelector(text);
    return true;
  } catch {
    return false;
  }
}
