/**
 * A bucket that fills with time: how much a stranger may still send.
 */

/** So many at once, then so many in a second. */
export class Budget {
  private left: number;

  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private at: number,
  ) {
    this.left = burst;
  }

  /** Takes some; `false` when there is not so much. */
  take(amount: number, now: number): boolean {
    this.left = Math.min(this.burst, this.left + ((now - this.at) / 1_000) * this.perSecond);
    this.at = now;
    if (amount > this.left) return false;
    this.left -= amount;
    return true;
  }
}
