/**
 * The ways that lead into a session from beside it and out to another domain: a part that is loaded when there is time.
 *
 * Owns nothing but what belongs to it: what a page has to know of its group, crossing, who the visitor is, what the page
 * hides. A start needs none of it.
 */

export { HASHES } from "../loader/parts.js";

export { addressAt, arrive, crossingOf, takeCode } from "../visitor/crossing.js";
export { askHides } from "./hides.js";
export { takeMessage } from "./messages.js";
export { tellUnreadable } from "./unreadable.js";
export { readIdentity } from "../visitor/identity.js";
export { pageInfo } from "../visitor/page-info.js";
