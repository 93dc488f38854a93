/**
 * The agent's pointer on its way to the visitor.
 *
 * Owns the pace: one frame per animation frame at most, and not more often than the limit. Where it goes is
 * `session.ts`'s.
 */

import { POINTER_INTERVAL_MS } from "./limits.js";

/** A point in the visitor's CSS pixels; `null` hides it. */
export type AgentPoint = { readonly x: number; readonly y: number } | null;

/** Paces points. */
export class PointerPace {
  private wanted: { point: AgentPoint } | null = null;
  private sentAt = Number.NEGATIVE_INFINITY;
  private isPlanned = false;

  constructor(private readonly send: (point: AgentPoint) => void) {}

  /** Takes a point; the newest is sent when it is time. */
  move(point: AgentPoint): void {
    this.wanted = { point };
    this.plan();
  }

  private plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    requestAnimationFrame((now) => {
      this.isPlanned = false;
      if (!this.wanted) return;
      if (now - this.sentAt < POINTER_INTERVAL_MS) {
        this.plan();
        return;
      }
      const { point } = this.wanted;
      this.wanted = null;
      this.sentAt = now;
      this.send(point);
    });
  }
}
