/**
 * "Verified": whether the picture is proven to be the visitor's page, and what happens when it is not.
 *
 * Owns the verdict and the healing's pace. The hash is `proof.ts`'s, the asking for a keyframe `session.ts`'s.
 */

import { HEALS_MAX, RECHECK_MS, VERIFY_INTERVAL_MS } from "./limits.js";

/** What is shown, as the proof sees it. */
export interface Picture {
  readonly hash: string;
  /** Frames that are shown and that nobody proves. */
  readonly without: number;
}

/** What verifying needs from the session. */
export interface VerifyHost {
  /** What is shown now; `null` while nothing is. */
  picture(): Picture | null;
  /** Position of what is shown now. */
  position(): string;
  onVerdict(verifiedAt: number | null, without: number): void;
  /** The picture differs: a new keyframe is wanted. */
  heal(): void;
}

/** Verifies one view. */
export class Verifier {
  private proven: { readonly hash: string; readonly position: string } | null = null;
  private checkedAt = Number.NEGATIVE_INFINITY;
  private differences = 0;
  private heals = 0;

  constructor(private readonly host: VerifyHost) {
    setInterval(() => {
      this.recheck();
    }, RECHECK_MS);
  }

  /** Takes the visitor's proof of exactly what is shown now. */
  take(proof: string): void {
    const now = performance.now();
    // One who joins late gets old proofs in a row.
    if (now - this.checkedAt < VERIFY_INTERVAL_MS) return;
    this.checkedAt = now;
    const picture = this.host.picture();
    if (!picture) return;
    const { hash, without } = picture;
    if (hash === proof) {
      this.proven = { hash, position: this.host.position() };
      this.differences = 0;
      this.heals = 0;
      this.host.onVerdict(Date.now(), without);
      return;
    }
    this.clear();
    this.differences += 1;
    // One may be a change that was on its way; two are not.
    if (this.differences > 1) this.heal();
  }

  /** Another picture: nothing is proven of it. */
  clear(): void {
    this.proven = null;
    this.host.onVerdict(null, 0);
  }

  /** Nobody but the visitor may change the picture. */
  private recheck(): void {
    const { proven } = this;
    if (proven?.position !== this.host.position()) return;
    const picture = this.host.picture();
    if (!picture || picture.hash === proven.hash) return;
    this.clear();
    this.heal();
  }

  private heal(): void {
    this.differences = 0;
    // A page that differs after each healing differs for a reason that no keyframe changes.
    if (this.heals >= HEALS_MAX) return;
    this.heals += 1;
    this.host.heal();
  }
}
