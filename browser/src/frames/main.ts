/**
 * Frames of other origins that carry the tag: a part that is loaded where there are any, in the page and in the frame.
 *
 * Owns nothing but what belongs to it. ARCHITECTURE.md, walk-through 3, has the whole way.
 */

export { Framed } from "./child.js";
export { Frames } from "./parent.js";
