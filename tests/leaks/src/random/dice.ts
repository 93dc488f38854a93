/**
 * Chance that can be repeated: the same seed gives the same choices in every run.
 *
 * Owns the numbers (mulberry32). What is chosen is the grammar's.
 */

/** One sequence of choices. */
export class Dice {
  private state: number;

  constructor(...seeds: readonly number[]) {
    this.state = seeds.reduce(
      (state, seed) => Math.imul(state ^ seed, 0x9e3779b1) ^ (state >>> 13),
      0x2545f491,
    );
  }

  /** From 0 to below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(of: readonly T[]): T {
    const one = of[this.below(of.length)];
    if (one === undefined) throw new Error("nothing to choose from");
    return one;
  }

  /** As many letters. */
  letters(count: number): string {
    return Array.from({ length: count }, () => LETTERS.charAt(this.below(LETTERS.length))).join("");
  }
}

const LETTERS = "bcdfghjklmnpqrstvwxyz";
