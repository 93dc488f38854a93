/**
 * What makes the mirror whole once the page is shown: the proof, how far things are scrolled, animations of scripts, pictures
 * that only this browser can read, rules that stand in the sources of style sheets only, and what agents may mean by a node. A part that is loaded after a session has begun.
 *
 * Owns nothing but what belongs to it. Masks are no business of any part: what this one finds goes through the choke
 * point like everything else.
 */

export { Pictures } from "./pictures.js";
export { Prover } from "./proof.js";
export { learnRules } from "./sources.js";
export { Targets } from "./meant.js";
export { tellUnsaid } from "./unsaid.js";
