/**
 * One quiet connection that says that this page is there: for pages whose tag has `data-presence="on"` and a visitor id.
 *
 * Owns the connection and what is said on it. An offer goes to whoever asks the visitor (`visitor/visitor.ts`). Nothing of
 * the page's content is said: its address without parameters, and whether it is looked at. PROTOCOL.md section 4.2.
 */

import { guarded, launch, on, warn } from "../guard/guard.js";
import { backoffMs } from "../protocol/backoff.js";
import { closeNameOf } from "../protocol/close.js";
import { decodeFrame, encodeFrame } from "../protocol/frame.js";
import { isGroupId } from "../protocol/ids.js";
import { PARAMETERS } from "../protocol/paths.js";
import { isRecord, isToken, isUrl, parseJson, toJson } from "../protocol/payloads.js";
import { jsonOf } from "../protocol/json.js";

/** What an agent offers. */
export interface Offer {
  readonly offer: string;
  readonly agent: string;
  readonly group: string;
}

/** What presence needs. */
export interface PresenceHost {
  readonly page: Window & typeof globalThis;
  /** Origin of the web tier. */
  readonly origin: string;
  readonly group: string;
  readonly visitor: string;
  /** Asks the visitor; whether they accept. */
  onOffer(offer: Offer): Promise<boolean>;
}

/** Says that the page is there, until it goes or the answer is called. */
export function startPresence(host: PresenceHost): () => void {
  const presence = new Presence(host);
  presence.start();
  return () => {
    presence.stop();
  };
}

class Presence {
  private socket: WebSocket | null = null;
  private failures = 0;
  /** Connections in a row that did not open. */
  private unopened = 0;
  private saidAt = 0;
  private isOver = false;
  private readonly tag: HTMLElement;

  constructor(private readonly host: PresenceHost) {
    this.tag = host.page.document.documentElement;
  }

  start(): void {
    const { page } = this.host;
    on(
      page.document,
      "visibilitychange",
      guarded(() => {
        this.say({});
      }),
    );
    for (const name of ["pointerdown", "keydown", "scroll"]) {
      on(
        page,
        name,
        guarded(() => {
          if (Date.now() - this.saidAt >= ACTIVE_MS) this.say({});
        }),
        { capture: true, passive: true },
      );
    }
    on(
      page,
      "pageshow",
      guarded((event: PageTransitionEvent) => {
        if (event.persisted) launch(() => this.connect());
      }),
    );
    on(
      page,
      "pagehide",
      guarded(() => {
        this.socket?.close(1000);
      }),
    );
    launch(() => this.connect());
  }

  stop(): void {
    this.isOver = true;
    this.socket?.close(1000);
    delete this.tag.dataset.cobrowsePresence;
  }

  private async connect(): Promise<void> {
    if (this.socket || this.isOver) return;
    const place = await this.ask();
    if (this.isOver || place === "refused") return;
    if (!place || this.socket) {
      this.again();
      return;
    }
    const socket = new this.host.page.WebSocket(place.server, ["cobrowse.v1", `ticket.${place.ticket}`]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.unopened += 1;
    socket.onopen = guarded(() => {
      this.failures = 0;
      this.unopened = 0;
      this.say({});
    });
    socket.onmessage = guarded(({ data }) => {
      if (data instanceof ArrayBuffer) this.hear(new Uint8Array(data));
    });
    socket.onclose = guarded(({ code }) => {
      this.socket = null;
      // Who may not be there need not try again.
      if (closeNameOf(code) !== "not_allowed" && this.host.page.document.visibilityState) this.again();
    });
  }

  private again(): void {
    const pause = this.unopened < UNOPENED_MAX ? PAUSE_MS : BLOCKED_PAUSE_MS;
    setTimeout(
      guarded(() => launch(() => this.connect())),
      pause + backoffMs(this.failures, Math.random()),
    );
    this.failures += 1;
  }

  private async ask(): Promise<{ server: string; ticket: string } | "refused" | null> {
    const { origin, group, visitor } = this.host;
    try {
      const response = await fetch(`${origin}/api/v1/presence`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: jsonOf({ group, visitor }),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
      if (REFUSALS.includes(response.status)) {
        warn("presence was refused. Is data-visitorid an id, and this origin one of the group's?");
        return "refused";
      }
      const answer: unknown = response.ok ? await response.json() : null;
      if (!isRecord(answer) || !isUrl(answer.server, "wss:") || !isToken(answer.ticket)) return null;
      return { server: answer.server, ticket: answer.ticket };
    } catch {
      return null;
    }
  }

  private say(more: object): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const { location, document } = this.host.page;
    const url = `${location.origin}${location.pathname.replace(PARAMETERS, "")}`.slice(0, URL_CHARS_MAX);
    const payload = toJson({ url, visible: document.visibilityState === "visible", ...more });
    this.saidAt = Date.now();
    this.socket.send(encodeFrame({ kind: "presence", flags: 0, source: 0, epoch: 0, sequence: 0, payload }));
    this.tag.dataset.cobrowsePresence = "on";
  }

  private hear(bytes: Uint8Array): void {
    let payload: unknown;
    try {
      const frame = decodeFrame(bytes);
      payload = frame.kind === "offer" ? parseJson(frame.payload) : null;
    } catch {
      // A newer server may know kinds that we do not.
      return;
    }
    if (!isRecord(payload)) return;
    const { offer, agent, group } = payload;
    if (typeof offer !== "string" || typeof agent !== "string" || !isGroupId(group)) return;
    launch(async () => {
      if (!(await this.host.onOffer({ offer, agent, group }))) this.say({ declined: offer });
    });
  }
}

/** Another try would be refused too. */
const REFUSALS = [400, 403];

/** The visitor's activity is told so often at most. */
const ACTIVE_MS = 30_000;

/** Between two connections: nobody waits for this one. */
const PAUSE_MS = 1_000;

/** The web tier named a server so often, and no connection opened: WebSockets are blocked here, and presence has no other way. */
const UNOPENED_MAX = 3;

/** Before another try then. */
const BLOCKED_PAUSE_MS = 60_000;

/** Characters of the address. */
const URL_CHARS_MAX = 600;
