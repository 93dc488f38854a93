/**
 * The viewer inside a frame of another application: events to it, and the few calls that it may make.
 *
 * Owns the messages. Which applications may frame the viewer is its policy's (`frame-ancestors`) to say, so whoever is
 * the parent is one of them; messages go to that origin only, and are taken from no other window.
 */

/** What the parent may ask for. */
export interface ParentCalls {
  onEnd(): void;
  onLeave(): void;
  /** What is highlighted shall be read out by the visitor's screen reader, or no longer. */
  onAloud(isAloud: boolean): void;
  /** Somebody shall be invited: gives the address that leads into the session. */
  onInvite(): void;
}

/** Events for the parent, by the names that integrators know. */
export interface ParentEvents {
  /** The view's state has changed; `reason` as in `body[data-reason]`. */
  state: { readonly state: string; readonly reason: string | null };
  agents: { readonly count: number; readonly agentlist: readonly string[] };
  navigate: { readonly url: string; readonly title: string };
  pagevisibility: { readonly visible: boolean };
  rc: { readonly enabled: boolean; readonly suspended: boolean };
  sessionend: { readonly reason: string | null };
  /** The agent may not look at the session any more, or never might. */
  accessdenied: { readonly reason: string | null };
  /** The view could not be connected, and does not try again. */
  connectfailed: { readonly reason: string | null };
  /** Another agent is to be invited by this address; has come; or the invitation could not be copied. */
  addguest: { readonly url: string };
  addguestsuccess: { readonly name: string };
  addguestfail: { readonly reason: string };
}

/** The line to the parent; without one it says nothing. */
export class Parent {
  private readonly told = new Map<string, string>();
  private readonly origin: string | null;

  constructor(
    private readonly page: Window,
    calls: ParentCalls,
    /** Origins of the web tiers whose own page may stand around views. */
    private readonly around: readonly string[] = [],
  ) {
    this.origin = page.parent === page ? null : originOf(page, around);
    if (this.origin === null) return;
    page.addEventListener("message", (event) => {
      if (event.source !== page.parent || event.origin !== this.origin) return;
      const asked = (event.data as { cobrowse?: { call?: unknown; enabled?: unknown } } | null)?.cobrowse;
      if (asked?.call === "end") calls.onEnd();
      if (asked?.call === "leave") calls.onLeave();
      if (asked?.call === "accessibility") calls.onAloud(asked.enabled === true);
      if (asked?.call === "addguest") calls.onInvite();
    });
  }

  /** Tells that the view answers, and that it has stopped when it says nothing more for so long; 0: nobody sees it. */
  beat(waitMs: number): void {
    this.say("alive", { wait_ms: waitMs });
  }

  /**
   * Asks a web tier's page around the view for a new ticket: it goes to the agent view in its own place. False where none stands around
   * it. `isAway`: this view's server cannot be reached.
   */
  renew(isAway: boolean): boolean {
    if (this.origin === null || !this.around.includes(this.origin)) return false;
    this.say("renew", { away: isAway });
    return true;
  }

  /** Tells an event, unless it says what the last one of its name said. */
  tell<N extends keyof ParentEvents>(event: N, detail: ParentEvents[N]): void {
    const text = JSON.stringify(detail);
    if (this.told.get(event) === text) return;
    this.told.set(event, text);
    this.say(event, detail);
  }

  private say(event: string, detail: object): void {
    if (this.origin === null) return;
    this.page.parent.postMessage({ cobrowse: { event, ...detail } }, this.origin);
  }
}

function originOf(page: Window, around: readonly string[]): string | null {
  const [ancestor] = page.location.ancestorOrigins ?? [];
  if (ancestor) return ancestor;
  try {
    return new URL(page.document.referrer).origin;
  } catch {
    // Nobody says who frames this page. A message for a web tier's page reaches no other; else nobody is told anything.
    return around[0] ?? null;
  }
}
