/**
 * Who controls the visitor's page: one agent at a time, after the visitor has said yes.
 *
 * Owns the state and its rules, as a machine without elements and clock. Who is told, and what may then be done, is
 * `main.ts`'s and `act.ts`'s. PROTOCOL.md section 4.1.
 */

import type { ControlState, Refusal } from "../protocol/commands.js";

/** What becomes of a request for control. */
export type Asked = "ask_visitor" | "have_it" | Refusal;

/** Control over one page. */
export class Control {
  private asking: number | null = null;
  private holder: number | null = null;
  private usedAt = Number.NEGATIVE_INFINITY;
  private readonly deniedAt = new Map<number, number>();

  /** How it stands, for everybody. */
  state(now: number): ControlState | null {
    if (this.holder !== null) {
      return { agent: this.holder, state: this.isSuspended(now) ? "suspended" : "active" };
    }
    return this.asking === null ? null : { agent: this.asking, state: "asked" };
  }

  /** An agent asks for control. */
  ask(agent: number, now: number): Asked {
    if (this.holder === agent) return "have_it";
    if (this.holder !== null || (this.asking !== null && this.asking !== agent)) return "busy";
    const denied = this.deniedAt.get(agent) ?? Number.NEGATIVE_INFINITY;
    if (now - denied < ASK_AGAIN_MS) return "denied";
    this.asking = agent;
    return "ask_visitor";
  }

  /** The visitor has answered; gives who asked, if that agent still does. */
  answer(isAllowed: boolean, now: number): number | null {
    const agent = this.asking;
    this.asking = null;
    if (agent === null) return null;
    if (isAllowed) this.holder = agent;
    else this.deniedAt.set(agent, now);
    return agent;
  }

  /** The visitor allowed it on a page before. */
  restore(agent: number): void {
    if (this.asking === null) this.holder = agent;
  }

  /** Nobody has control any more, or only that agent no longer has or wants it. */
  release(agent: number | null = null): void {
    if (agent === null || this.holder === agent) this.holder = null;
    if (agent === null || this.asking === agent) this.asking = null;
  }

  /** The visitor used the page. */
  use(now: number): void {
    if (this.holder !== null) this.usedAt = now;
  }

  /** Time until the visitor's own input suspends control no more; `null` when it does not. */
  restMs(now: number): number | null {
    return this.isSuspended(now) ? this.usedAt + REST_MS - now : null;
  }

  /** Why an agent may not act now; `null` when it may. */
  refusal(agent: number, now: number): Refusal | null {
    if (this.holder !== agent) return "not_in_control";
    return this.isSuspended(now) ? "suspended" : null;
  }

  private isSuspended(now: number): boolean {
    return this.holder !== null && now - this.usedAt < REST_MS;
  }
}

/** How long the visitor has to leave the page alone before the agent acts again: a pause within one's own work is shorter. */
export const REST_MS = 2_000;

/** After a no, so that nobody is asked until they give in. */
export const ASK_AGAIN_MS = 10_000;
