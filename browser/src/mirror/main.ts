/**
 * What makes the mirror whole: states that stand in no attribute, changes of style sheets that nothing tells, the proof, how far
 * things are scrolled, animations of scripts, pictures that only this browser can read, rules that stand in the sources of style
 * sheets only, and what agents may mean by a node. A part that is loaded while a session connects.
 *
 * Owns nothing but what belongs to it. Masks are no business of any part: what this one finds goes through the choke
 * point like everything else.
 */

export { Mirror } from "./mirror.js";
