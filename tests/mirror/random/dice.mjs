/** Chance that is the same for the same seed, in the browser and outside of it. */

/** A row of throws. */
export class Dice {
  /** `words`: numbers that together are the seed. */
  constructor(...words) {
    this.state = words.reduce((state, word) => Math.imul(state ^ word, 0x9e3779b1) >>> 0, 0x2545f491);
  }

  /** At least 0, below 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number below `count`. */
  below(count) {
    return Math.floor(this.next() * count);
  }

  chance(part) {
    return this.next() < part;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Some words. */
  words() {
    return Array.from({ length: 1 + this.below(3) }, () => this.pick(WORDS)).join(" ");
  }
}

const WORDS =
  "amber basil cedar delta ember fjord grove heath inlet juniper kelp larch & < ünï 漢字 שלום".split(" ");
