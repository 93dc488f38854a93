/**
 * One session of this page: connects, comes back, rests, ends.
 *
 * Owns the connection, the timers and the state that the widget shows. Decisions are `decide.ts`'s, recording is
 * `recorder.ts`'s, the cookie is `continuity.ts`'s.
 */

import { guarded, launch, on, warn } from "../guard/guard.js";
import type { Tag } from "../loader/tag.js";
import { backoffMs, STABLE_MS } from "../protocol/backoff.js";
import { closeNameOf, CLOSE_CODES } from "../protocol/close.js";
import type { Answer, ControlState, InkItem } from "../protocol/commands.js";
import { decodeFrame, KINDS, type Frame } from "../protocol/frame.js";
import { parseSessionId } from "../protocol/ids.js";
import {
  parseJson,
  readParticipants,
  readPoint,
  readWelcome,
  type Participant,
  type Point,
  type StartAnswer,
  type VisitorSettings,
} from "../protocol/payloads.js";
import { openWebSocket, type Fallback, type FrameSocket } from "../protocol/ways.js";
import {
  clearCookie,
  isPausedBy,
  jarOf,
  readCookie,
  writeCookie,
  writePaused,
  type Continuity,
  type CookieJar,
} from "./continuity.js";
import { afterClose, afterContinue, afterName, isPeerFault, type Next } from "./decide.js";
import { UNSHAREABLE, writeEmpty } from "./empty.js";
import { EpochWriter } from "./epoch.js";
import type { Identity } from "./identity.js";
import { BYE_MS, OFFLINE_MS_MAX, STRAY_MS_MAX, UNREACHABLE_MAX } from "./limits.js";
import { loadFirst, loadMirror, loadRequests, type FirstParts } from "./parts.js";
import { Recorder, type Reach, type RecorderHost } from "./recorder.js";
import { isSameMask, MaskMemory } from "./rules.js";
import { askStatus, continueAt, isRefusal } from "./webtier.js";

/** What the widget and the page's own code see of a session. */
export type SessionState = "connecting" | "live" | "reconnecting" | "passive" | "ended";

/** Who wants to know. */
export interface SessionListener {
  onState(state: SessionState, reason: string | null): void;
  onAgents(agents: readonly Participant[]): void;
  /** Whether this page allows the session's group, now that it is to go on here. */
  mayContinue(): boolean;
  onSettings(settings: VisitorSettings): void;
  onPointer(agent: number, point: Point): void;
  /** Any frame of an agent, pointers too. */
  onCommand(frame: Frame): void;
  onPosition(epoch: number, sequence: number): void;
  /** The page has another root: it was written anew, and has lost its listeners and what stood in it. */
  onReplaced(): void;
  /** The agents have got a new picture of the page. */
  onEpoch(): void;
  onUnshareable(why: "too_large" | "failed"): void;
}

/** One session. */
export class Session {
  private socket: FrameSocket | null = null;
  private fallback: Fallback | null = null;
  private recorder: Recorder | null = null;
  private writer: EpochWriter | null = null;
  private mirror: FirstParts["mirror"] = null;
  private settings: VisitorSettings | null = null;
  private paused: string | null = null;
  /** Masks that the page's own code adds to the group's; `null`: it hides the page, or has not said yet what to mask. */
  private added: readonly string[] | null;
  private control: ControlState | null = null;
  private ticket: string | null = null;
  private state: SessionState = "connecting";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stableTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private unreachable = 0;
  private peerFaults = 0;
  /** When attempts that were never heard of again were given up: each may still reach the CServer, and take the session over. */
  private strays: number[] = [];
  private offlineSince: number | null = null;
  private isStopping = false;
  private hadCookie = false;
  private readonly memory = new MaskMemory();
  private readonly undo: (() => void)[] = [];
  /** Tells this tab's frames from another's; nothing depends on it but order. */
  private readonly source = 1 + Math.floor(Math.random() * 65_535);
  private readonly jar: CookieJar;
  private identity: Identity = {};

  constructor(
    private readonly page: Window & typeof globalThis,
    private readonly tag: Tag,
    public continuity: Continuity,
    private readonly listener: SessionListener,
  ) {
    this.jar = jarOf(page, tag.keptIn);
    this.added = page.GLANCE_COBROWSE?.getMaskingDescriptor ? null : [];
  }

  /** What the visitor comes back with. */
  get resumeSecret(): string {
    return this.continuity.resume;
  }

  /** The session key. */
  get key(): string {
    return parseSessionId(this.continuity.session)?.key ?? "";
  }

  /** How agents' commands reach the page; `null` while nothing is shared. */
  get reach(): Reach | null {
    return this.recorder?.reach ?? null;
  }

  /** Whether the visitor has paused the session. */
  get isPaused(): boolean {
    return this.paused !== null;
  }

  /** Stops sharing and tells the agents so, or goes on with `null`. Holds over page changes. */
  pause(message: string | null): void {
    if (this.state === "ended" || message === this.paused) return;
    this.paused = message;
    writePaused(this.jar, message !== null, this.tag.cookieDomain);
    if (this.writer) this.share();
  }

  /** The page's own code says what it hides besides the group's masks. */
  hide(added: readonly string[] | null): void {
    if (JSON.stringify(added) === JSON.stringify(this.added)) return;
    this.added = added;
    this.shareAnew();
  }

  /** Tells the agents who controls the page; answers are told once. */
  say(control: ControlState | null, answers: readonly Answer[]): void {
    this.control = control;
    this.recorder?.say(this.said, answers);
  }

  /** Tells the agents who the visitor is. */
  introduce(identity: Identity): void {
    this.identity = identity;
    this.recorder?.say(this.said);
  }

  /** Tells the agents what agents have drawn; each is told once. */
  sayInk(ink: readonly InkItem[]): void {
    this.recorder?.sayInk(ink);
  }

  /** What stands in all facts of a page that is shown. */
  private get said(): Readonly<Record<string, unknown>> {
    const { control, identity } = this;
    const isKnown = Object.keys(identity).length > 0;
    return { ...(control ? { control } : {}), ...(isKnown ? { visitor: identity } : {}) };
  }

  /** Takes up a session that has come from another domain. */
  arrive(): void {
    writeCookie(this.jar, this.continuity, this.tag.cookieDomain);
    this.resume();
  }

  /** Begins a session that the web tier has just started. */
  begin(answer: StartAnswer): void {
    this.remember(answer);
    this.listen();
    this.connect();
  }

  /** Takes up a session that ran on the page before, or in another tab. */
  resume(): void {
    this.listen();
    // A tab that was opened in the background takes the session over only when it is looked at.
    if (this.page.document.visibilityState === "hidden") this.rest();
    else this.connect();
  }

  /** The visitor ends the session. */
  stop(): void {
    if (this.state === "ended" || this.isStopping) return;
    this.isStopping = true;
    clearCookie(this.jar, this.tag.cookieDomain);
    const socket = this.socket;
    if (socket?.readyState === WebSocket.OPEN && this.writer) {
      this.sayBye();
    } else {
      // Not connected: says so as soon as it can. Otherwise the grace period ends the session.
      this.dropSocket();
      this.connect();
    }
    this.finish("stopped");
  }

  private connect(): void {
    clearTimeout(this.timer);
    if (this.socket || this.state === "ended") return;
    if (!this.isStopping && !this.takeFromCookie()) return;
    const { server, resume } = this.continuity;
    const credential = this.credential();
    const socket =
      this.fallback?.open(server, credential, `resume.${resume}`) ??
      openWebSocket(this.page, server, credential);
    this.socket = socket;
    // They come while the connection does.
    const first = loadFirst(this.tag);
    launch(() => first);
    // Some proxies let a WebSocket open, and nothing through.
    let wasHeard = false;
    socket.onmessage = guarded((message: MessageEvent) => {
      wasHeard = true;
      launch(async () => {
        const parts = await first;
        if (this.socket === socket) this.receive(message.data, parts);
      });
    });
    socket.onclose = guarded((event) => {
      if (this.socket !== socket) return;
      this.lose();
      if (this.state === "ended") return;
      if (!wasHeard && !closeNameOf(event.code)) this.strays.push(Date.now());
      if (isPeerFault(event.code)) this.peerFaults += 1;
      launch(() => this.follow(afterClose(event.code, wasHeard, this.peerFaults)));
    });
  }

  private receive(data: unknown, parts: FirstParts): void {
    let frame: Frame;
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error("a text message");
      frame = decodeFrame(new Uint8Array(data));
    } catch (error) {
      // A newer server may know kinds that we do not: they are left aside.
      warn("a message of the server was not understood.", error);
      return;
    }
    switch (frame.kind) {
      case "welcome":
        this.welcome(frame, parts);
        break;
      case "keyframe_request":
        if (this.recorder) this.recorder.planEpoch();
        else if (this.writer) this.share();
        break;
      case "participants": {
        const agents = readParticipants(parseJson(frame.payload));
        if (agents) this.listener.onAgents(agents);
        break;
      }
      case "pointer": {
        const point = readPoint(parseJson(frame.payload));
        if (point !== undefined) this.listener.onPointer(frame.source, point);
        this.listener.onCommand(frame);
        break;
      }
      default:
        if (KINDS[frame.kind].from === "agent") this.listener.onCommand(frame);
        break;
    }
  }

  private welcome(frame: Frame, { deflate, mirror, late }: FirstParts): void {
    const socket = this.socket;
    const welcome = readWelcome(parseJson(frame.payload));
    if (!socket) return;
    if (welcome?.session !== this.continuity.session) {
      // Without settings there are no masks, and without masks nothing may leave.
      this.finish("incompatible");
      return;
    }
    if (this.writer) {
      this.changeSettings(welcome.settings);
      return;
    }
    this.ticket = null;
    this.unreachable = 0;
    this.offlineSince = null;
    this.stableTimer = setTimeout(
      guarded(() => {
        this.failures = 0;
        this.peerFaults = 0;
      }),
      STABLE_MS,
    );
    const isInsecure = this.page.location.protocol !== "https:";
    const writer = new EpochWriter(
      this.source,
      welcome.last_epoch,
      isInsecure,
      deflate?.Deflater ?? null,
      (bytes) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
      },
    );
    this.writer = writer;
    this.mirror = mirror;
    launch(async () => {
      const module = await late;
      if (!module || this.writer !== writer) return;
      // What completes the mirror has come after the first picture: the next begins with it.
      this.mirror = module;
      if (this.recorder) this.share();
    });
    if (this.isStopping) {
      this.sayBye();
      return;
    }
    this.settings = welcome.settings;
    // Another tab may have paused it, or gone on.
    if (this.hadCookie) this.paused = isPausedBy(this.jar) ? (this.paused ?? "") : null;
    this.listener.onSettings(welcome.settings);
    this.setState("live", null);
    this.share();
  }

  /** The group's settings have changed while the page is shared: by other masks everything is sent anew. */
  private changeSettings(settings: VisitorSettings): void {
    const before = this.settings;
    this.settings = settings;
    this.listener.onSettings(settings);
    if (!before || !isSameMask(before, settings)) this.shareAnew();
  }

  /** Which of two rules is the stricter nobody can tell of every page: what was sent is forgotten in any case. */
  private shareAnew(): void {
    if (!this.writer) return;
    this.memory.isExposed = true;
    this.writer.close();
    this.share();
  }

  /** Records the page, or shows an empty one while the session is paused or the page hides itself. */
  private share(): void {
    const { socket, writer, settings, paused, added } = this;
    if (!socket || !writer || !settings) return;
    this.recorder?.stop();
    this.recorder = null;
    const onSent = (): void => {
      const { epoch, sequence } = writer.position;
      this.listener.onPosition(epoch, sequence);
    };
    if (paused !== null || !added) {
      writeEmpty(this.page, writer, paused === null ? { hides: true } : { paused });
      onSent();
      return;
    }
    const masks = [...settings.masks, ...added];
    const host: RecorderHost = {
      writer,
      bufferedBytes: () => socket.bufferedAmount,
      onUnshareable: (why) => {
        this.listener.onUnshareable(why);
        if (why !== "failed") return;
        // Nobody knows what of the picture is true: agents see none, until one asks for it.
        this.recorder?.stop();
        this.recorder = null;
        writeEmpty(this.page, writer, { paused: UNSHAREABLE });
        onSent();
      },
      onSent,
      onEpoch: () => {
        this.listener.onEpoch();
      },
      onReplaced: () => {
        for (const undo of this.undo.splice(0)) undo();
        this.listen();
        this.listener.onReplaced();
        this.share();
      },
      frames: {
        webTier: this.tag.origin,
        group: parseSessionId(this.continuity.session)?.group ?? "",
        resume: this.continuity.resume,
      },
      part: (name) => loadMirror(this.tag, name),
    };
    this.recorder = new Recorder(this.page, { ...settings, masks }, this.memory, host, this.mirror);
    this.recorder.say(this.said);
    this.recorder.start();
  }

  private async follow(next: Next): Promise<void> {
    if (this.isStopping && next.do !== "retry") return;
    switch (next.do) {
      case "retry":
        if (next.isSpent) this.ticket = null;
        this.retry(null);
        break;
      case "ask":
        await this.ask();
        break;
      case "move":
        await this.move(true);
        break;
      case "rest":
        if (this.wasStray()) this.retry(null);
        else this.rest();
        break;
      case "over":
        this.finish(next.reason);
        break;
    }
  }

  private async ask(): Promise<void> {
    this.setReconnecting();
    const answer = await askStatus(this.continuity.status, this.credential());
    if (this.isIdle()) return;
    if (answer?.live) {
      this.fallback ??= await loadRequests(this.tag);
      this.fallback?.blocked();
      if (this.isIdle()) return;
      this.retry(null);
      if (this.fallback?.isHeldBack) this.setState("reconnecting", "unreachable");
    } else if (answer) {
      if (CLOSE_CODES[answer.name].fault === "peer") this.peerFaults += 1;
      await this.follow(afterName(answer.name, this.peerFaults));
    } else {
      // The web tier knows at once when a CServer has died.
      this.unreachable += 1;
      await this.move();
    }
  }

  /** `isGone`: the server has said that the session is not there. */
  private async move(isGone = false): Promise<void> {
    this.setReconnecting();
    // Without a ticket in hand the session has begun at its home: there its secret opens it, and a ticket does not.
    const hasBegun = !this.ticket && !isGone;
    const { resume, home } = this.continuity;
    const answer = await continueAt(
      this.tag.origin,
      resume,
      this.unreachable >= UNREACHABLE_MAX ? home : undefined,
    );
    if (this.isIdle()) return;
    if (isRefusal(answer)) {
      const next = afterContinue(answer.status);
      if (next.do === "retry") this.retry(answer.retryAfterMs);
      else await this.follow(next);
      return;
    }
    this.remember(answer);
    if (answer.home === home) {
      if (hasBegun) this.ticket = null;
      // The same place: it may be there again soon, so there is no use in hurrying.
      this.retry(null);
    } else {
      this.unreachable = 0;
      this.connect();
    }
  }

  private retry(afterMs: number | null): void {
    this.setReconnecting();
    this.offlineSince ??= Date.now();
    if (Date.now() - this.offlineSince > OFFLINE_MS_MAX) {
      this.finish("unreachable");
      return;
    }
    const pause = Math.max(afterMs ?? 0, backoffMs(this.failures, Math.random()));
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(
      guarded(() => {
        this.connect();
      }),
      pause,
    );
  }

  /** Whether what took over may have been an attempt of this page: then the session goes on here. Once for each. */
  private wasStray(): boolean {
    this.strays = this.strays.filter((at) => Date.now() - at < STRAY_MS_MAX);
    return this.strays.pop() !== undefined && this.page.document.visibilityState === "visible";
  }

  private rest(): void {
    this.offlineSince = null;
    this.setState("passive", null);
  }

  /** Another tab may have ended the session, begun another, or moved it. */
  private takeFromCookie(): boolean {
    const kept = readCookie(this.jar);
    if (kept?.session === this.continuity.session) {
      if (kept.home > this.continuity.home) this.continuity = kept;
      return true;
    }
    // On a page without HTTPS, or with cookies blocked, there is none: then only this tab knows the session.
    if (!kept && !this.hadCookie) return true;
    this.finish(kept ? "superseded" : "session_ended_visitor", false);
    return false;
  }

  private remember(answer: StartAnswer): void {
    const { session, server, status, resume, home } = answer;
    this.continuity = { session, server, status, resume, home };
    this.ticket = answer.ticket;
    writeCookie(this.jar, this.continuity, this.tag.cookieDomain);
    this.hadCookie = readCookie(this.jar) !== null;
  }

  private credential(): string {
    return this.ticket ? `ticket.${this.ticket}` : `resume.${this.continuity.resume}`;
  }

  private listen(): void {
    this.hadCookie ||= readCookie(this.jar) !== null;
    const { document } = this.page;
    const wake = (): void => {
      if (this.state === "passive" && document.visibilityState === "visible") this.hurry();
    };
    this.on(document, "visibilitychange", wake);
    this.on(this.page, "focus", wake);
    this.on(this.page, "online", () => {
      if (this.state === "reconnecting" || this.state === "connecting") this.hurry();
    });
    this.on(this.page, "pagehide", () => {
      if (this.socket?.readyState === WebSocket.OPEN) this.writer?.part("leaving");
      this.dropSocket();
    });
    this.on(this.page, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted && this.state !== "passive") this.hurry();
    });
  }

  private hurry(): void {
    if (this.socket || this.state === "ended" || !this.listener.mayContinue()) return;
    this.failures = 0;
    if (this.state === "passive") this.setState("reconnecting", null);
    this.connect();
  }

  private on(target: EventTarget, name: string, listener: (event: Event) => void): void {
    this.undo.push(on(target, name, guarded(listener)));
  }

  private sayBye(): void {
    this.writer?.part("bye");
    const socket = this.socket;
    // The server closes; if it does not, the page's end does.
    this.lose();
    if (socket)
      setTimeout(
        guarded(() => socket.close(1000)),
        BYE_MS,
      );
  }

  /** The connection is gone: nothing is recorded until there is another. */
  private lose(): void {
    clearTimeout(this.stableTimer);
    this.recorder?.stop();
    this.recorder = null;
    this.writer = null;
    this.socket = null;
    this.listener.onAgents([]);
  }

  private dropSocket(): void {
    const socket = this.socket;
    if (!socket) return;
    this.lose();
    socket.close(1000);
  }

  private setReconnecting(): void {
    if (this.state === "live" || this.state === "passive") this.setState("reconnecting", null);
  }

  private setState(state: SessionState, reason: string | null): void {
    if (this.state === "ended") return;
    this.state = state;
    this.listener.onState(state, reason);
  }

  private isIdle(): boolean {
    return this.state === "ended" || this.socket !== null || this.state === "passive";
  }

  private finish(reason: string, ownsCookie = true): void {
    if (this.state === "ended") return;
    if (ownsCookie) clearCookie(this.jar, this.tag.cookieDomain);
    if (!this.isStopping) this.dropSocket();
    clearTimeout(this.timer);
    for (const undo of this.undo.splice(0)) undo();
    this.setState("ended", reason);
  }
}
