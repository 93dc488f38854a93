/**
 * What stands where a masked text was: PROTOCOL.md section 4.
 *
 * Owns the one word that both browsers must write alike: the visitor puts it in, and both leave it out of the proof.
 */

/** Always as long, so that it tells nothing about the length of what is behind it. */
export const MASK = "••••••";
