/**
 * The visitor's script: `window.GLANCE.Cobrowse.Visitor` with a session behind it.
 *
 * Owns the API, the group check and the start. A running session is `session.ts`'s, what is seen of it `widget.ts`'s.
 */

import { publish, type VisitorApi, type VisitorStatus } from "../loader/global.js";
import { isClickOn, readTag, START_SELECTOR, STOP_SELECTOR, type Tag } from "../loader/tag.js";
import { isGroupId, isSessionKey, parseSessionId } from "../protocol/ids.js";
import type { Frame } from "../protocol/frame.js";
import type { Participant, Point, VisitorSettings } from "../protocol/payloads.js";
import { clearCookie, readCookie, type Continuity } from "./continuity.js";
import { LOG_PREFIX } from "./names.js";
import { loadAssist, type Assist } from "./parts.js";
import { Session, type SessionListener, type SessionState } from "./session.js";
import { isRefusal, start } from "./webtier.js";
import { Widget } from "./widget.js";
import { languageOf, loadWords, Sentences } from "./words.js";
import type { Words } from "../words/types.js";

type Listener = (event: object) => void;

class Visitor implements VisitorApi, SessionListener {
  private session: Session | null = null;
  private widget: Widget | null = null;
  private isStarting = false;
  private isNew = false;
  private state: VisitorStatus["state"] = "idle";
  private group: string | null = null;
  private agents: readonly Participant[] = [];
  private settings: VisitorSettings | null = null;
  private sentences = new Sentences();
  private translated: Promise<Words | null> | null = null;
  private assist: Assist | null = null;
  private isAssistWanted = false;
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly tag: Tag) {}

  startSession(options: Parameters<VisitorApi["startSession"]>[0] = {}): void {
    const wanted = typeof options === "string" ? { sessionKey: options } : options;
    const group = wanted.groupId ?? wanted.groupid ?? this.tag.group;
    const isRandom = !wanted.sessionKey || wanted.sessionKey === RANDOM_KEY;
    void this.start(group, isRandom ? null : (wanted.sessionKey ?? null));
  }

  stopSession(): void {
    this.session?.stop();
  }

  getStatus(): VisitorStatus {
    const { state, group, agents } = this;
    return { state, key: this.getKey(), group, agents: agents.length };
  }

  inSession(): boolean {
    return this.session !== null;
  }

  getKey(): string | null {
    return this.session?.key ?? null;
  }

  addEventListener(name: string, listener: Listener): void {
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known.add(listener));
  }

  removeEventListener(name: string, listener: Listener): void {
    this.listeners.get(name)?.delete(listener);
  }

  /** Takes up the session that the cookie tells of, if this page allows its group. */
  continueFromCookie(): void {
    const kept = readCookie(document);
    if (!kept) {
      // What is there cannot be read by this version: it would only make every page load this script.
      clearCookie(document, this.tag.cookieDomain);
      return;
    }
    const group = parseSessionId(kept.session)?.group ?? "";
    if (this.session || this.isStarting || !this.allows(group)) return;
    this.isNew = false;
    this.open(kept, group).resume();
  }

  pauseSession(options: Parameters<VisitorApi["pauseSession"]>[0] = true): void {
    const { pause, message = "" } = typeof options === "boolean" ? { pause: options } : options;
    this.setPaused(pause, message);
  }

  onState(state: SessionState, reason: string | null): void {
    const before = this.state;
    this.state = state;
    this.widget?.setData("reason", reason);
    this.widget?.setState(state, state === "ended" ? this.sentences.end(reason) : this.sentence());
    if (state !== "live") this.assist?.rest();
    if (state === "ended") {
      this.assist?.stop();
      this.assist = null;
      this.isAssistWanted = false;
      this.session = null;
      this.widget = null;
      this.emit("sessionend", { reason: reasonOf(reason), detail: reason });
    } else if (state === "live" && before === "connecting") {
      this.emit(this.isNew ? "sessionstart" : "sessioncontinue", {
        sessionKey: this.getKey(),
        group: this.group,
      });
    }
    if (state === "live") this.emit("connection", { status: "ok" });
    if (state === "reconnecting") this.emit("connection", { status: "reconnecting" });
  }

  onAgents(agents: readonly Participant[]): void {
    this.agents = agents;
    this.widget?.setAgents(new Map(agents.map((agent) => [agent.agent, agent.name])));
    if (this.state === "live") this.widget?.setState("live", this.sentence());
    if (agents.some((agent) => agent.privileges.some((name) => name !== "view"))) void this.wantAssist();
    this.assist?.setAgents(agents);
    this.emit("agents", {
      count: agents.length,
      agentlist: agents.map(({ agent, name }) => ({ agent, name })),
    });
  }

  onPointer(agent: number, point: Point): void {
    this.widget?.setPointer(agent, point);
  }

  onCommand(frame: Frame): void {
    this.assist?.take(frame);
  }

  onSettings(settings: VisitorSettings): void {
    this.settings = settings;
    if (settings.theme) this.widget?.setTheme(settings.theme);
    this.widget?.setPaused(this.session?.isPaused ?? false);
  }

  onPosition(epoch: number, sequence: number): void {
    this.widget?.setData("epoch", String(epoch));
    this.widget?.setData("sequence", String(sequence));
  }

  onUnshareable(why: "too_large" | "failed"): void {
    const { tooLarge, failed } = this.sentences.words;
    this.widget?.setState("live", why === "too_large" ? tooLarge : failed);
    this.emit("error", { code: "service", detail: why });
  }

  private async start(group: string, key: string | null): Promise<void> {
    if (this.session || this.isStarting) return;
    this.isStarting = true;
    this.widget?.remove();
    this.state = "connecting";
    this.showWidget();
    this.emit("sessionstarting", {});
    const error = this.faultOf(group, key);
    const answer = error ? null : await start(this.tag.origin, group, key);
    this.isStarting = false;
    if (!answer || isRefusal(answer)) {
      this.fail(error ?? answer?.error ?? "unreachable");
      return;
    }
    this.isNew = true;
    this.open(answer, group).begin(answer);
  }

  private open(continuity: Continuity, group: string): Session {
    this.group = group;
    this.state = "connecting";
    const { session, server, status, resume, home } = continuity;
    const opened = new Session(window, this.tag, { session, server, status, resume, home }, this);
    this.session = opened;
    (this.widget ?? this.showWidget()).setKey(opened.key);
    return opened;
  }

  private showWidget(): Widget {
    const widget = new Widget(document, this.sentences.words, {
      onEnd: () => this.session?.stop(),
      onPause: (pause) => {
        this.setPaused(pause, "");
      },
    });
    this.widget = widget;
    widget.setState("connecting", this.sentence());
    this.translated ??= loadWords(this.tag.origin, languageOf(document, this.tag.language));
    void this.translated.then((words) => {
      if (!words) return;
      this.sentences = new Sentences(words.widget);
      if (this.widget !== widget) return;
      widget.setWords(words.widget);
      widget.setState(this.state, this.sentence());
    });
    return widget;
  }

  private sentence(): string {
    const names = this.agents.map((agent) => agent.name);
    const state = this.state === "idle" ? "connecting" : this.state;
    return this.sentences.state(state, names, this.session?.isPaused ?? false);
  }

  private setPaused(isPaused: boolean, message: string): void {
    const { session } = this;
    if (!session) return;
    session.pause(isPaused ? message : null);
    if (isPaused) this.assist?.rest();
    this.widget?.setPaused(isPaused);
    if (this.state === "live") this.widget?.setState("live", this.sentence());
    this.emit("pause", { paused: isPaused });
  }

  /** What agents do beyond looking is a part of its own, loaded when there is somebody who may. */
  private async wantAssist(): Promise<void> {
    if (this.isAssistWanted) return;
    this.isAssistWanted = true;
    const { session } = this;
    try {
      const module = await loadAssist(this.tag.origin);
      const words = (await this.translated)?.assist ?? null;
      const { widget } = this;
      if (!session || !widget || this.session !== session) return;
      this.assist = module.createAssist({
        page: window,
        shell: widget.shell,
        session: session.id,
        words,
        refuses: () => (this.settings ? (this.settings.refuses ?? []) : null),
        reach: () => session.reach,
        isPaused: () => session.isPaused,
        say: (control, answers) => {
          session.say(control, answers);
        },
        emit: (name, event) => {
          this.emit(name, event);
        },
      });
      this.assist.setAgents(this.agents);
    } catch (error) {
      this.isAssistWanted = false;
      console.warn(LOG_PREFIX, "what agents do besides looking is not shown: a part did not load.", error);
    }
  }

  private faultOf(group: string, key: string | null): string | null {
    if (!isGroupId(group) || !this.allows(group)) return "group_not_allowed";
    return key !== null && !isSessionKey(key) ? "bad_request" : null;
  }

  /** Sessions run only in groups that the page's author named. */
  private allows(group: string): boolean {
    return this.tag.groups.includes(group);
  }

  private fail(error: string): void {
    this.state = "ended";
    this.widget?.setData("error", error);
    this.widget?.setState("ended", this.sentences.error(error));
    this.widget = null;
    console.error(LOG_PREFIX, `the session was not started: ${error}.`);
    this.emit("error", { code: error === "key_in_use" ? "dupkey" : "service", detail: error });
  }

  private emit(name: string, event: object): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        listener({ type: name, ...event });
      } catch (error) {
        console.error(LOG_PREFIX, `a listener of "${name}" failed.`, error);
      }
    }
  }
}

function reasonOf(reason: string | null): "visitor" | "agent" | "error" {
  if (reason === "stopped" || reason === "session_ended_visitor") return "visitor";
  return reason === "session_ended_agent" ? "agent" : "error";
}

function load(): void {
  const current = window.GLANCE?.Cobrowse?.Visitor;
  if (current instanceof Visitor) return;
  const stub = current && "queue" in current ? current : null;
  const script = document.currentScript;
  const loadedFrom = stub?.loadedFrom || (script instanceof HTMLScriptElement ? script.src : "");
  let tag: Tag;
  try {
    tag = readTag(document, loadedFrom);
  } catch (error) {
    console.error(LOG_PREFIX, error instanceof Error ? error.message : error);
    return;
  }
  const visitor = new Visitor(tag);
  publish(window, visitor);
  document.addEventListener("click", (event) => {
    if (isClickOn(event, START_SELECTOR)) visitor.startSession();
    else if (isClickOn(event, STOP_SELECTOR)) visitor.stopSession();
  });
  const calls = stub?.queue.splice(0) ?? [];
  const replay = (isListener: boolean): void => {
    for (const [method, args] of calls) {
      if (method.endsWith("EventListener") !== isListener) continue;
      (visitor[method] as (...args: unknown[]) => unknown).apply(visitor, [...args]);
    }
  };
  replay(true);
  visitor.continueFromCookie();
  replay(false);
}

/** Name that integrators use for "let the server choose". */
const RANDOM_KEY = "GLANCE_KEYTYPE_RANDOM";

load();
