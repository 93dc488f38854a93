/**
 * One view of a session: connects, follows the epochs, comes back, ends.
 *
 * Owns the connection, the timers and the resyncs. Frames are put together in `inflate.ts`, checked in `validate.ts`,
 * shown by `stage.ts`; what is said at an end stands in `messages.ts`.
 */

import { EventType, IncrementalSource, MouseInteractions } from "@rrweb/types";

import { backoffMs, STABLE_MS } from "../protocol/backoff.js";
import { createFallback } from "../protocol/channel.js";
import { closeNameOf, type CloseName } from "../protocol/close.js";
import { readAnswers, readControlState, readInk, type CommandKind } from "../protocol/commands.js";
import { bareFrame, decodeFrame, encodeFrame, FLAGS, KINDS, type Frame } from "../protocol/frame.js";
import {
  isRecord,
  parseJson,
  readFacts,
  readJoined,
  readParticipants,
  readVisitorState,
  toJson,
  type Facts,
  type Participant,
  type VisitorState,
} from "../protocol/payloads.js";
import { readProof } from "../protocol/proof.js";
import { openWebSocket, type FrameSocket } from "../protocol/ways.js";
import { Alive, workersOf } from "./alive.js";
import { Burden, surroundings, wasTaken } from "./burden.js";
import { framesUrl, mayFollow } from "./follow.js";
import { Hands } from "./hands.js";
import { EpochError, EpochReader } from "./inflate.js";
import { FAILED_EPOCHS_MAX, FOLLOW_INTERVAL_MS, REPAIR_INTERVAL_MS, RESYNC_INTERVAL_MS } from "./limits.js";
import * as messages from "./messages.js";
import { PointerPace, type AgentPoint } from "./pointer.js";
import { Parent } from "./parent.js";
import { FrameName, isThere, mayRenew, memoryOf, renewUrl } from "./renew.js";
import { Stage } from "./stage.js";
import { Resources } from "./resources.js";
import { askStatus, Doubt } from "./status.js";
import { validateDiff, validateKeyframe, validatePointer } from "./validate.js";
import { Verifier } from "./verify.js";
import { View, type ViewState } from "./view.js";

/** What the page was given by the server. */
export interface PageValues {
  readonly join: string;
  readonly csrf: string;
  readonly webTier: string;
  readonly group: string;
  readonly key: string;
  /** The view under the other protocol; empty when there is none. */
  readonly other: string;
  /** Origins of the web tiers whose page may stand around this one. */
  readonly around: readonly string[];
  /** Script of the service worker that watches over views; empty when there is none. */
  readonly watchman: string;
}

/** One view. */
export class ViewerSession {
  private readonly view: View;
  private readonly stage: Stage;
  private readonly reader = new EpochReader();
  private readonly pace = new PointerPace((point) => {
    this.sendPoint(point);
  });
  private readonly verifier: Verifier;
  private readonly hands: Hands;
  private readonly parent: Parent;
  private readonly frameName = new FrameName(window);
  private names = new Map<number, string>();
  private isInviting = false;
  private socket: FrameSocket | null = null;
  private readonly fallback = createFallback("same-origin");
  private state: ViewState = "connecting";
  private visitor: VisitorState = { visitor: "live", since_ms: 0 };
  private facts: { facts: Facts; isSecure: boolean } | null = null;
  private agent = 0;
  private privileges: readonly string[] = [];
  private applied = { epoch: 0, sequence: 0 };
  /** Whether this connection's page is shown: what an earlier one has left is only the best there is. */
  private isShown = false;
  /** What is wrong with the picture at the moment. */
  private note = "";
  private failures = 0;
  private failedEpochs = 0;
  private readonly resources = new Resources();
  private readonly doubt = new Doubt();
  private readonly burden: Burden;
  private readonly alive: Alive;
  private resyncs = 0;
  private resyncAt = Number.NEGATIVE_INFINITY;
  private resyncTimer: ReturnType<typeof setTimeout> | undefined;
  private repairedAt = Number.NEGATIVE_INFINITY;
  private stableTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private followTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly page: PageValues) {
    const end = (): void => {
      if (!this.privileges.includes("end") || this.socket?.readyState !== WebSocket.OPEN) return;
      this.socket.send(bareFrame("end", 0, this.applied.epoch, this.applied.sequence));
    };
    const calls = {
      onEnd: end,
      onLeave: (): void => {
        this.leave();
      },
      onInvite: (): void => {
        this.invite();
      },
    };
    const onAloud = (isAloud: boolean): void => {
      this.hands.setAloud(isAloud);
    };
    this.parent = new Parent(window, { ...calls, onAloud }, page.around);
    this.view = new View({
      ...calls,
      onShow: () => {
        this.burden.release();
        this.alive.bePatient();
        this.hold(false);
        this.resync();
      },
      onPoint: (point) => {
        this.pace.move(point);
      },
    });
    this.stage = new Stage(this.view.stage, {
      onSize: (width, height) => {
        this.view.setSize(width, height);
      },
      onDrift: () => {
        this.repair();
      },
      onUnshown: (list) => {
        this.view.setUnshown(list);
      },
    });
    this.verifier = new Verifier({
      picture: () => (this.isShown ? this.stage.proof() : null),
      position: () => `${String(this.applied.epoch)}/${String(this.applied.sequence)}`,
      onVerdict: (verifiedAt, without) => {
        this.view.setVerified(verifiedAt, without);
      },
      heal: () => {
        this.setNote(messages.REPAIRING_WORDS);
        this.resync();
      },
    });
    this.hands = new Hands({
      stage: this.stage,
      toPage: (event) => this.view.toPage(event),
      setZoom: (zoom) => {
        this.view.setZoom(zoom);
      },
      send: (kind, payload) => {
        this.sendCommand(kind, payload);
      },
      measure: () => this.measure(),
    });
    this.view.setSession(page.key, page.group);
    this.burden = new Burden(`${page.group}:${page.key}`, surroundings(window), wasTaken(window));
    this.alive = new Alive(window, workersOf(window), page.watchman, (waitMs) => {
      this.parent.beat(waitMs);
    });
    const settled = (): void => {
      this.burden.end();
    };
    window.addEventListener("pagehide", settled);
    document.addEventListener("visibilitychange", settled);
    window.addEventListener("online", () => {
      if (this.state === "reconnecting") this.connect();
    });
  }

  /** Connects. */
  connect(): void {
    clearTimeout(this.retryTimer);
    if (this.socket || this.isOver()) return;
    const url = framesUrl(window, this.page.join);
    const credential = `csrf.${this.page.csrf}`;
    const socket = this.fallback.open(url, credential, credential) ?? openWebSocket(window, url, credential);
    this.socket = socket;
    // Some proxies let a WebSocket open, and nothing through.
    let wasHeard = false;
    socket.onmessage = (message) => {
      wasHeard = true;
      if (this.socket === socket) this.receive(message.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.lose();
      const name = closeNameOf(event.code);
      if (name) this.endBy(name);
      else if (wasHeard) this.retry(null, messages.LOST_WORDS);
      else void this.ask();
    };
  }

  private receive(data: unknown): void {
    this.doubt.note();
    let frame: Frame;
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error("a text message");
      frame = decodeFrame(new Uint8Array(data));
    } catch {
      // A newer server may know kinds that this page does not.
      return;
    }
    switch (frame.kind) {
      case "joined":
        this.joined(frame);
        break;
      case "participants": {
        const agents = readParticipants(parseJson(frame.payload));
        if (agents) this.setParticipants(agents);
        break;
      }
      case "visitor_state": {
        const state = readVisitorState(parseJson(frame.payload));
        if (state) this.setVisitor(state);
        break;
      }
      case "skipped":
        this.reader.abandon();
        this.setNote(messages.REPAIRING_WORDS);
        break;
      case "ephemeral":
        this.movePointer(frame);
        break;
      case "facts":
      case "keyframe":
      case "diff":
        this.take(frame);
        break;
      default:
        break;
    }
  }

  private joined(frame: Frame): void {
    const joined = readJoined(parseJson(frame.payload));
    if (!joined) {
      this.finish("failed", "incompatible", messages.ENDINGS.incompatible.words);
      return;
    }
    this.stableTimer = setTimeout(() => (this.failures = 0), STABLE_MS);
    this.isShown = false;
    this.note = "";
    this.agent = joined.agent;
    this.privileges = joined.privileges;
    this.view.setPrivileges(joined.agent, joined.privileges);
    this.hands.begin(joined.agent, joined.privileges);
    this.setVisitor(joined);
  }

  private take(frame: Frame): void {
    try {
      const step = this.reader.take(frame);
      switch (step.type) {
        case "facts":
          this.takeFacts(frame, step.isFirst);
          break;
        case "keyframe":
          if (this.burden.isHeld) {
            this.hold(true);
            return;
          }
          this.hold(false);
          this.burden.begin();
          this.resources.clear();
          this.stage.show(this.resources.fill(validateKeyframe(step.events)));
          this.isShown = true;
          this.note = "";
          this.hands.pageChanged();
          this.verifier.clear();
          this.failedEpochs = 0;
          if (this.facts) this.view.setFacts(this.facts.facts, this.facts.isSecure);
          this.follow();
          break;
        case "diff":
          this.burden.begin();
          this.applyDiff(this.resources.fill(validateDiff(step.events, this.stage.tagOf)));
          break;
        case "nothing":
          return;
      }
    } catch (error) {
      this.giveUpEpoch(error);
      return;
    }
    if (!this.isShown || !this.reader.isComplete) return;
    this.applied = this.reader.position;
    this.view.setPosition(this.applied.epoch, this.applied.sequence);
    this.showVisitor();
    const proof = frame.kind === "facts" ? readProof(parseJson(frame.payload)) : null;
    if (proof) this.verifier.take(proof);
  }

  /** A page that stopped the view before this one waits until it is asked for, and its changes with it. */
  private hold(isHeld: boolean): void {
    this.view.setHeld(isHeld);
    if (!isHeld) return;
    this.reader.abandon();
    this.stage.clear();
    this.isShown = false;
    this.note = messages.HELD_WORDS;
    this.showVisitor();
  }

  /** A page that came over plain HTTP is shown over plain HTTP, where the group wants it so. */
  private follow(): void {
    if (!this.isShown || this.facts?.isSecure !== false || this.isOver()) return;
    clearTimeout(this.followTimer);
    const { other, join } = this.page;
    const may = mayFollow(window, other, join, Date.now());
    if (may === "now") {
      this.setState("reconnecting", null, messages.PLAIN_WORDS);
      window.location.assign(other);
    } else if (may === "later") {
      this.followTimer = setTimeout(() => {
        this.follow();
      }, FOLLOW_INTERVAL_MS);
    }
  }

  private applyDiff(events: ReturnType<typeof validateDiff>): void {
    this.stage.apply(events);
    for (const { type, data } of events) {
      if (type !== EventType.IncrementalSnapshot || data.source !== IncrementalSource.MouseInteraction)
        continue;
      if (data.type === MouseInteractions.Focus) this.hands.noteFocus(data.id);
    }
  }

  private takeFacts(frame: Frame, isFirst: boolean): void {
    const value = parseJson(frame.payload);
    const facts = readFacts(value);
    if (isRecord(value)) {
      const control = readControlState(value.control);
      const isOwn = control?.agent === this.agent && control.state !== "asked";
      this.parent.tell("rc", { enabled: isOwn, suspended: isOwn && control.state === "suspended" });
      this.hands.setControl(control, (agent) => this.names.get(agent) ?? "Another agent");
      this.hands.takeAnswers(readAnswers(value.answers));
      this.hands.takeInk(readInk(value.ink));
    }
    if (!facts) throw new EpochError("broken", "facts that are none");
    const isSecure = isFirst ? (frame.flags & FLAGS.insecure) === 0 : (this.facts?.isSecure ?? true);
    this.facts = { facts, isSecure };
    this.parent.tell("navigate", { url: facts.url, title: facts.title });
    this.parent.tell("pagevisibility", { visible: facts.visible });
    if (isFirst && (frame.flags & FLAGS.purge) !== 0) {
      // What was shown is no longer to be seen: it does not wait for what follows.
      this.stage.clear();
      this.isShown = false;
      this.verifier.clear();
      this.showVisitor();
    }
    // With a first one the picture is still the old one: both change together.
    if (!isFirst) this.view.setFacts(facts, isSecure);
  }

  /** The copy is wrong: a new one is asked for, and this epoch is not applied any further. */
  private giveUpEpoch(error: unknown): void {
    this.reader.abandon();
    this.failedEpochs += 1;
    const isTooLarge = error instanceof EpochError && error.kind === "too_large";
    console.warn("Cobrowse: an epoch could not be shown.", error instanceof Error ? error.message : error);
    if (isTooLarge) this.setNote(messages.TOO_LARGE_WORDS);
    else if (this.failedEpochs >= FAILED_EPOCHS_MAX) this.setNote(messages.BROKEN_WORDS);
    else this.setNote(messages.REPAIRING_WORDS);
    // A page that fails again and again is left alone until the visitor begins an epoch by itself.
    if (this.failedEpochs <= FAILED_EPOCHS_MAX) this.resync();
  }

  private repair(): void {
    if (performance.now() - this.repairedAt < REPAIR_INTERVAL_MS) return;
    this.repairedAt = performance.now();
    this.resync();
  }

  private resync(): void {
    clearTimeout(this.resyncTimer);
    const wait = Math.max(0, this.resyncAt + RESYNC_INTERVAL_MS - performance.now());
    this.resyncTimer = setTimeout(() => {
      if (this.socket?.readyState !== WebSocket.OPEN) return;
      this.resyncAt = performance.now();
      this.resyncs += 1;
      this.view.setResyncs(this.resyncs);
      this.socket.send(bareFrame("resync", 0, this.applied.epoch, this.applied.sequence));
    }, wait);
  }

  private movePointer(frame: Frame): void {
    if (!this.reader.takesEphemeral(frame) || !this.isShown) return;
    const point = validatePointer(parseJson(frame.payload));
    if (!point) return;
    this.view.movePointer(point.x, point.y);
    this.stage.hover(point.x, point.y, point.id);
  }

  private sendPoint(point: AgentPoint): void {
    const { own, visitor } = this.stage.scrolled;
    const at = point && { x: point.x + own.x - visitor.x, y: point.y + own.y - visitor.y };
    this.sendCommand("pointer", at ?? {});
  }

  /** Sends one command, if this agent may. The server closes the connection of one who may not. */
  private sendCommand(kind: CommandKind, payload: object): void {
    const needs: string | null = KINDS[kind].needs;
    if (!needs || !this.privileges.includes(needs)) return;
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const { epoch, sequence } = this.applied;
    this.socket.send(encodeFrame({ kind, flags: 0, source: 0, epoch, sequence, payload: toJson(payload) }));
  }

  private async measure(): Promise<number | null> {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN || document.visibilityState === "hidden") return null;
    const began = performance.now();
    const answer = await askStatus(this.page.join);
    if (this.socket === socket && this.doubt.isDead(answer !== null)) {
      this.lose();
      socket.close();
      this.retry(null, messages.LOST_WORDS);
    }
    return answer === "live" ? performance.now() - began : null;
  }

  private setParticipants(agents: readonly Participant[]): void {
    const before = this.names;
    this.names = new Map(agents.map(({ agent, name }) => [agent, name]));
    if (this.isInviting) {
      for (const { agent, name } of agents)
        if (agent !== this.agent && !before.has(agent)) this.parent.tell("addguestsuccess", { name });
    }
    this.view.setParticipants(agents, this.agent);
    this.parent.tell("agents", { count: agents.length, agentlist: agents.map(({ name }) => name) });
  }

  private setVisitor(state: VisitorState): void {
    this.visitor = state;
    if (state.visitor !== "live") this.view.hidePointer();
    if (state.visitor === "offline") this.view.setOffline(state.since_ms);
    this.showVisitor();
  }

  private showVisitor(): void {
    const { visitor } = this.visitor;
    this.setState(visitor === "live" ? (this.isShown ? "live" : "waiting") : visitor, null, this.note);
  }

  private setNote(words: string): void {
    this.note = words;
    this.view.setMessage(words);
  }

  private async ask(): Promise<void> {
    this.setState("reconnecting", null, messages.LOST_WORDS);
    const answer = await askStatus(this.page.join);
    if (this.socket || this.isOver()) return;
    if (answer === "live") {
      this.fallback.blocked();
      this.retry(null, this.fallback.isHeldBack ? messages.HELD_BACK_WORDS : messages.LOST_WORDS);
    } else if (answer !== null) this.endBy(answer);
    else {
      const isAway = !(await isThere(this.page.webTier));
      if (this.socket || this.isOver()) return;
      if (isAway) this.retry(null, messages.UNREACHABLE_WORDS);
      else this.renew("unreachable", messages.UNREACHABLE_WORDS);
    }
  }

  private endBy(name: CloseName): void {
    const ending = messages.ENDINGS[name];
    if (ending.then === "stay") this.finish(ending.state, name, ending.words);
    else if (ending.then === "renew") this.renew(name, ending.words);
    else if (ending.then === "cross" && this.page.other) {
      this.setState("reconnecting", name, ending.words);
      window.location.assign(this.page.other);
    } else this.retry(name, ending.words);
  }

  private retry(reason: string | null, words: string): void {
    this.setState("reconnecting", reason, words);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(
      () => {
        this.connect();
      },
      backoffMs(this.failures, Math.random()),
    );
    this.failures += 1;
  }

  /** The web tier knows where the session lives, and gives a new ticket. */
  private renew(reason: string, words: string): void {
    const away = reason === "unreachable" ? window.location.origin : undefined;
    const url = renewUrl(this.page.webTier, this.page.key, this.page.group, away);
    if (this.parent.renew(away !== undefined)) {
      this.setState("reconnecting", reason, words);
    } else if (
      url &&
      mayRenew(() => memoryOf(window, this.frameName), `${this.page.group}:${this.page.key}`, Date.now())
    ) {
      this.setState("reconnecting", reason, words);
      window.location.assign(url);
    } else if (reason === "unreachable") {
      this.retry(null, words);
    } else {
      this.finish("failed", reason, messages.RENEWED_WORDS);
    }
  }

  /** Another agent of the group gets in by this address, with a login and a role of its own. */
  private invite(): void {
    const url = renewUrl(this.page.webTier, this.page.key, this.page.group);
    if (!url || this.isOver()) return;
    this.isInviting = true;
    this.parent.tell("addguest", { url });
    // A framed page may not write to the clipboard: then the application around it has the address.
    const isAble = "clipboard" in navigator;
    (isAble ? navigator.clipboard.writeText(url) : Promise.reject(new Error("not over plain HTTP"))).then(
      () => {
        this.hands.say(messages.INVITED_WORDS);
      },
      () => {
        this.hands.say(url);
        this.parent.tell("addguestfail", { reason: "clipboard" });
      },
    );
  }

  private leave(): void {
    this.finish("ended", "left", messages.LEFT_WORDS);
  }

  private finish(state: "ended" | "failed", reason: string, words: string): void {
    clearTimeout(this.retryTimer);
    this.setState(state, reason, words);
    const socket = this.socket;
    this.lose();
    socket?.close(1000);
    // What was shown belongs to the session, and goes with it.
    this.stage.clear();
    this.hands.end();
    this.verifier.clear();
  }

  private lose(): void {
    clearTimeout(this.stableTimer);
    clearTimeout(this.resyncTimer);
    this.verifier.clear();
    this.reader.abandon();
    this.socket = null;
    this.view.hidePointer();
  }

  private setState(state: ViewState, reason: string | null, words: string): void {
    if (this.isOver()) return;
    this.state = state;
    this.view.setState(state, reason, words);
    this.parent.tell("state", { state, reason });
    if (!this.isOver()) return;
    if (state === "failed") this.parent.tell(isDenial(reason) ? "accessdenied" : "connectfailed", { reason });
    this.parent.tell("sessionend", { reason });
  }

  private isOver(): boolean {
    return this.state === "ended" || this.state === "failed";
  }
}

/** Whether the agent may not be here; everything else that fails is a fault on the way. */
function isDenial(reason: string | null): boolean {
  return reason === "revoked" || reason === "not_allowed" || reason === "unauthorized";
}
