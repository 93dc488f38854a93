/**
 * `window.GLANCE.Cobrowse.Visitor` with a session behind it: starting, continuing, and telling the page.
 *
 * Owns the API and the group check. A running session is `session.ts`'s, what is seen of it `widget.ts`'s, the parts that
 * are loaded when needed `parts.ts`'s, the way to another domain `crossing.ts`'s.
 */

import { fault, guarded, launch, on, quiet, warn } from "../guard/guard.js";
import type {
  CobrowseError,
  Receiver,
  StartedSession,
  StartOptions,
  VisitorApi,
  VisitorEvents,
  VisitorFault,
  VisitorStatus,
} from "../loader/global.js";
import { groupAt, hasArrived, nameOf, type Tag } from "../loader/tag.js";
import type { Frame } from "../protocol/frame.js";
import { isGroupId, isSessionKey, parseSessionId } from "../protocol/ids.js";
import {
  PAUSED_CHARS_MAX,
  type Participant,
  type Point,
  type StartAnswer,
  type Theme,
  type VisitorSettings,
} from "../protocol/payloads.js";
import type { Words } from "../words/types.js";
import { clearCookie, jarOf, readCookie, type Continuity } from "./continuity.js";
import { reasonOf } from "./decide.js";
import { Events } from "./events.js";
import { beFramed, isFramed, isOutermost, type Framed } from "./framed.js";
import type { PageInfo } from "./page-info.js";
import { loadAssist, loadWays, type Assist, type WaysModule } from "./parts.js";
import { Session, type SessionListener, type SessionState } from "./session.js";
import { isRefusal, start } from "./webtier.js";
import { applyTheme, Widget } from "./widget.js";
import { languageOf, loadWords, Sentences } from "./words.js";

/** The visitor's side of this page. */
export class Visitor implements VisitorApi, Receiver, SessionListener {
  private session: Session | null = null;
  private widget: Widget | null = null;
  private shown: Widget | null = null;
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
  /** The help button: wanted while it is not `null`, there once its part has loaded. */
  private button: { host: HTMLElement | null } | null = null;
  private theme: Theme | null = null;
  private readonly events = new Events();
  private framed: Promise<Framed | null> | null = null;
  /** Listens to what starts calls without code. */
  listen: () => void = () => undefined;

  /** `readAgain` gives the tag as it is now: a page may change it while it stands. */
  constructor(
    private readonly tag: Tag,
    private readonly readAgain: () => Tag,
  ) {
    on(document, "click", this.onClick);
  }

  startSession(options: string | StartOptions = {}): Promise<StartedSession> {
    return this.begin(options, false);
  }

  showTerms(options: string | StartOptions = {}): Promise<StartedSession> {
    return this.begin(options, true);
  }

  stopSession(): Promise<void> {
    this.session?.stop();
    return Promise.resolve();
  }

  pauseSession(options: boolean | { pause: boolean; message?: string } = true): void {
    const { pause, message = "" } = typeof options === "boolean" ? { pause: options } : options;
    this.setPaused(pause, message.slice(0, PAUSED_CHARS_MAX));
  }

  showButton(): void {
    if (this.button || this.session || this.isStarting || this.isFramed()) return;
    const button: { host: HTMLElement | null } = { host: null };
    this.button = button;
    launch(async () => {
      const { module, words } = await this.part();
      if (this.button !== button) return;
      button.host = module.showButton(document, words, () => {
        launch(() => this.startSession(), quiet);
      });
      if (this.theme) applyTheme(button.host, this.theme);
    });
    // Its look follows: it is no reason to wait.
    if (!this.theme) launch(() => this.info(this.tag.group));
  }

  toggleButton(): void {
    if (this.button) this.takeButtonAway();
    else this.showButton();
  }

  setStyle(group?: string): void {
    const wanted = groupAt(this.tag.site, group ?? this.tag.group);
    if (!this.allows(wanted)) {
      warn(`setStyle: this page's tag does not list the group ${nameOf(wanted)}.`);
      return;
    }
    launch(() => this.info(wanted));
  }

  async continueSessionAt(
    options: string | { destination: string; oncomplete?: (url: string) => void },
  ): Promise<string> {
    const wanted: Exclude<typeof options, string> =
      typeof options === "string" ? { destination: options } : options;
    const { destination, oncomplete } = wanted;
    const url = await this.crossDomain(destination);
    if (oncomplete) oncomplete(url);
    else window.location.assign(url);
    this.emit("leavesession", { detail: "crossed" });
    return url;
  }

  async crossDomain(destination: string): Promise<string> {
    const { session } = this;
    const ways = session && (await loadWays(this.tag));
    const url = ways && (await ways.addressAt(this.tag.origin, session.resumeSecret, destination));
    if (!url) throw refusal(this.session ? "not_allowed" : "no_session");
    return url;
  }

  getStatus(): VisitorStatus {
    const { state, group, agents } = this;
    return {
      state,
      key: this.getKey(),
      group: group === null ? null : nameOf(group),
      agents: agents.length,
    };
  }

  getSessionState(): VisitorStatus {
    return this.getStatus();
  }

  inSession(): boolean {
    return this.session !== null;
  }

  getKey(): string | null {
    return this.session?.key ?? null;
  }

  loaded(): Promise<void> {
    return Promise.resolve();
  }

  addEventListener<N extends keyof VisitorEvents>(
    name: N,
    listener: (event: VisitorEvents[N]) => void,
  ): void {
    this.events.add(name, listener);
  }

  removeEventListener<N extends keyof VisitorEvents>(
    name: N,
    listener: (event: VisitorEvents[N]) => void,
  ): void {
    this.events.remove(name, listener);
  }

  /** Another window asks for something: a chat, if the group's settings name its origin. */
  receive(origin: string, data: unknown): void {
    if (this.isFramed()) {
      const framing = (this.framed ??= beFramed(this.tag, this.readAgain));
      launch(async () => (await framing)?.invite(origin, data));
      return;
    }
    const allows = (group: string): boolean => this.allows(group);
    launch(async () =>
      (await loadWays(this.tag)).takeMessage({ tag: this.tag, visitor: this, allows }, origin, data),
    );
  }

  /** An agent offers a session: the visitor is asked, if this page allows the group. */
  async offer(offer: { readonly agent: string; readonly group: string }): Promise<boolean> {
    const { agent: name, group } = offer;
    if (this.session || this.isStarting || this.isFramed() || !this.allows(group)) return false;
    const { module, words } = await this.part();
    this.state = "idle";
    const widget = this.showWidget();
    const isAccepted = await module.askOffer(widget.shell, words, name);
    if (isAccepted) launch(() => this.startSession({ groupid: group, sessionKey: VISITOR_KEY }), quiet);
    else if (this.widget === widget) {
      widget.remove();
      this.widget = null;
    }
    return isAccepted;
  }

  /** Takes up the session that the cookie or the address tells of, if this page allows its group. A page's frames never do. */
  async takeUp(): Promise<void> {
    if (!isOutermost(this.tag.framed)) return;
    const arrived = hasArrived(window.location) ? await this.arrive() : null;
    const jar = jarOf(window, this.tag.keptIn);
    const kept = arrived ?? readCookie(jar);
    if (!kept) {
      // What is there cannot be read by this version: it would only make every page load this script.
      clearCookie(jar, this.tag.cookieDomain);
      return;
    }
    const group = parseSessionId(kept.session)?.group ?? "";
    if (this.session || this.isStarting || !this.allows(group)) return;
    this.isNew = false;
    const session = this.open(kept, group);
    if (arrived) session.arrive();
    else session.resume();
  }

  private async arrive(): Promise<Continuity | null> {
    const { arrive, takeCode } = await loadWays(this.tag);
    const code = takeCode(window);
    return code === null ? null : arrive(this.tag.origin, code);
  }

  mayContinue(): boolean {
    return this.group !== null && this.allows(this.group);
  }

  onState(state: SessionState, reason: string | null): void {
    const before = this.state;
    this.state = state;
    this.widget?.setData("reason", reason);
    this.widget?.setState(state, state === "ended" ? this.sentences.end(reason) : this.sentence(reason));
    if (state !== "live") this.assist?.rest();
    if (state === "ended") {
      this.assist?.stop();
      this.assist = null;
      this.isAssistWanted = false;
      this.session = null;
      this.widget = null;
      if (reason === "superseded") this.emit("leavesession", { detail: reason });
      if (reason === "unreachable") this.say("conndrop", reason);
      this.emit("sessionend", { reason: reasonOf(reason), detail: reason });
    } else if (state === "live" && before === "connecting") {
      this.emit(this.isNew ? "sessionstart" : "sessioncontinue", this.running());
    }
    if (state === "passive" && before !== "passive") this.emit("blur", this.running());
    if (state !== "passive" && before === "passive" && state !== "ended") this.emit("focus", this.running());
    if (state === "live") {
      this.emit("connection", { status: "ok" });
      this.emit("statereceived", this.getStatus());
    }
    if (state === "reconnecting") this.emit("connection", { status: "reconnecting" });
  }

  onAgents(agents: readonly Participant[]): void {
    this.agents = agents;
    this.widget?.setAgents(new Map(agents.map((agent) => [agent.agent, agent.name])));
    if (this.state === "live") this.widget?.setState("live", this.sentence());
    if (agents.some((agent) => agent.privileges.some((name) => name !== "view")))
      launch(() => this.wantAssist());
    this.assist?.setAgents(agents);
    const agentlist = agents.map(({ agent, name }) => ({ agent, name }));
    this.emit("agents", { count: agents.length, agentlist });
    const { session } = this;
    if (!session || agents.length === 0 || !window.GLANCE_COBROWSE?.getMaskingDescriptor) return;
    // The page's own code may hide more from these agents. Until it has answered, nothing leaves.
    const fail = (): void => {
      this.say("maskingerror", "descriptor");
    };
    launch(async () => (await loadWays(this.tag)).askHides(agents, session, fail), fail);
  }

  onPointer(agent: number, point: Point): void {
    // The server has looked at it; what stands on the visitor's page, the page looks at itself.
    const mayPoint = this.agents.some((one) => one.agent === agent && one.privileges.includes("point"));
    if (mayPoint) this.widget?.setPointer(agent, point);
  }

  onCommand(frame: Frame): void {
    this.assist?.take(frame);
  }

  onSettings(settings: VisitorSettings): void {
    this.settings = settings;
    if (settings.theme) this.setTheme(settings.theme);
    this.widget?.setPaused(this.session?.isPaused ?? false);
    // Asked for early, so that a click on a link that leads across knows.
    const { group } = this;
    if (group !== null) launch(() => this.prepare(group, settings));
  }

  onEpoch(): void {
    this.assist?.beginEpoch();
  }

  onReplaced(): void {
    on(document, "click", this.onClick);
    this.listen();
    if (this.widget) document.documentElement.append(this.widget.shell.host);
  }

  onPosition(epoch: number, sequence: number): void {
    this.widget?.setData("epoch", String(epoch));
    this.widget?.setData("sequence", String(sequence));
  }

  onUnshareable(why: "too_large" | "failed"): void {
    const { tooLarge, failed } = this.sentences.words;
    this.widget?.setState("live", why === "too_large" ? tooLarge : failed);
    this.say("service", why);
  }

  private begin(options: string | StartOptions, isAsking: boolean): Promise<StartedSession> {
    const started = this.start(options, isAsking);
    // Whoever does not look at the promise sees the widget and the console.
    launch(
      () => started,
      (error) => {
        if (error instanceof Error && "code" in error) return;
        this.isStarting = false;
        this.fail("failed");
        fault(error);
      },
    );
    return started;
  }

  private keyOf(asked: string | undefined): string | null {
    if (!asked || asked === RANDOM_KEY) return null;
    return asked === VISITOR_KEY ? (this.tag.visitorId ?? "") : asked;
  }

  private async start(options: string | StartOptions, isAsking: boolean): Promise<StartedSession> {
    const wanted = typeof options === "string" ? { sessionKey: options } : options;
    const group = groupAt(this.tag.site, wanted.groupId ?? wanted.groupid ?? this.tag.group);
    const key = this.keyOf(wanted.sessionKey);
    if (this.isFramed()) throw refusal("in_frame");
    if (this.session || this.isStarting) throw refusal("in_session");
    this.isStarting = true;
    this.takeButtonAway();
    this.state = "connecting";
    this.showWidget();
    this.emit("sessionstarting", {});
    const answer = this.faultOf(group, key) ?? (await this.askServer(group, key, isAsking));
    this.isStarting = false;
    if (typeof answer === "string") throw this.fail(answer);
    this.isNew = true;
    const session = this.open(answer, group);
    if (this.tag.startPaused) session.pause("");
    session.begin(answer);
    return { sessionKey: answer.key, group: nameOf(group) };
  }

  private running(): StartedSession {
    return { sessionKey: this.getKey() ?? "", group: nameOf(this.group ?? "") };
  }

  /** Whether there are terms is the web tier's to say: most groups have none, and one request is enough. */
  private async askServer(
    group: string,
    key: string | null,
    isAsking: boolean,
  ): Promise<StartAnswer | string> {
    let refused = isAsking ? await this.askTerms(group) : null;
    if (refused) return refused;
    let answer = await start(this.tag.origin, group, key, isAsking);
    if (isRefusal(answer) && answer.error === "terms") {
      refused = await this.askTerms(group);
      if (refused) return refused;
      answer = await start(this.tag.origin, group, key, true);
    }
    return isRefusal(answer) ? answer.error : answer;
  }

  /** Shows the group's terms, or the usual ones when the page asks for it; an error's name when they are not accepted. */
  private async askTerms(group: string): Promise<string | null> {
    const info = await this.info(group);
    // Without an answer nobody knows whether there is something to accept.
    if (typeof info === "string") return info;
    const { module, words } = await this.part();
    const { widget } = this;
    if (!widget) return "declined";
    const isAccepted = await module.askTerms(widget.shell, words, info.terms, this.tag.termsUrl);
    return isAccepted ? null : "declined";
  }

  private async info(group: string): Promise<PageInfo | string> {
    let info: PageInfo | string;
    try {
      this.ways = await loadWays(this.tag);
      info = await this.ways.pageInfo(this.tag.origin, group);
    } catch {
      return "unreachable";
    }
    if (typeof info === "string") return info;
    this.setTheme(info.theme);
    return info;
  }

  /** What a running session needs when there is time. */
  private async prepare(group: string, settings: VisitorSettings): Promise<void> {
    const info = await this.info(group);
    const { ways } = this;
    if (!ways || this.group !== group) return;
    if (typeof info !== "string") this.crossesTo = info.origins;
    const { session } = this;
    session?.introduce(ways.readIdentity(window.GLANCE_COBROWSE));
    if (session && ways.tellUnreadable(this.tag.origin, session.resumeSecret, settings.masks))
      this.say("maskingerror", "selector");
  }

  private setTheme(theme: Theme): void {
    this.theme = theme;
    this.widget?.setTheme(theme);
    if (this.button?.host) applyTheme(this.button.host, theme);
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
    // What an earlier session has left to say makes room.
    this.shown?.remove();
    this.shown = this.widget = widget;
    widget.setState("connecting", this.sentence());
    launch(async () => {
      const words = await this.words();
      if (!words || this.widget !== widget) return;
      widget.setWords(words.widget);
      widget.setState(this.state, this.sentence());
    });
    return widget;
  }

  private async words(): Promise<Words | null> {
    this.translated ??= loadWords(this.tag, languageOf(document, this.tag.language));
    const words = await this.translated;
    if (words) this.sentences = new Sentences(words.widget);
    return words;
  }

  private sentence(reason: string | null = null): string {
    if (reason) return this.sentences.error(reason);
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

  /** The part with dialogs and everything that agents do, and its sentences. */
  private async part(): Promise<{
    module: Awaited<ReturnType<typeof loadAssist>>;
    words: Words["assist"] | null;
  }> {
    const module = await loadAssist(this.tag);
    const words = await this.words();
    return { module, words: words?.assist ?? null };
  }

  /** What agents do beyond looking is loaded when there is somebody who may. */
  private async wantAssist(): Promise<void> {
    if (this.isAssistWanted) return;
    this.isAssistWanted = true;
    const { session } = this;
    try {
      const { module, words } = await this.part();
      const { widget } = this;
      if (!session || !widget || this.session !== session) return;
      this.assist = module.createAssist({
        page: window,
        shell: widget.shell,
        at: () => session.continuity,
        words,
        refuses: () => (this.settings ? (this.settings.refuses ?? []) : null),
        reach: () => session.reach,
        isPaused: () => session.isPaused,
        say: (control, answers) => {
          session.say(control, answers);
        },
        sayInk: (ink) => {
          session.sayInk(ink);
        },
        emit: (name, event) => {
          this.emit(name, event as never);
        },
      });
      this.assist.setAgents(this.agents);
    } catch (error) {
      this.isAssistWanted = false;
      warn("what agents do besides looking is not shown: a part did not load.", error);
    }
  }

  /** A click on a link to another domain of the group takes the session along. */
  private readonly onClick = guarded((event: MouseEvent) => {
    const url = this.session && this.ways?.crossingOf(event, this.crossesTo);
    if (!url) return;
    event.preventDefault();
    launch(
      () => this.continueSessionAt(url),
      () => {
        // Without the session is better than not at all.
        window.location.assign(url);
      },
    );
  });

  private crossesTo: readonly string[] = [];
  private ways: WaysModule | null = null;

  private takeButtonAway(): void {
    this.button?.host?.remove();
    this.button = null;
  }

  private faultOf(group: string, key: string | null): string | null {
    if (!isGroupId(group) || !this.allows(group)) return "group_not_allowed";
    return key !== null && !isSessionKey(key) ? "bad_request" : null;
  }

  /** Whether this page stands in one that its tag does not allow, as it is at this moment. */
  private isFramed(): boolean {
    try {
      return isFramed(this.readAgain().framed);
    } catch {
      return true;
    }
  }

  /** Sessions run only in groups that the page's author named, by the tag as it is at this moment. */
  private allows(group: string): boolean {
    try {
      return this.readAgain().groups.includes(group);
    } catch {
      return false;
    }
  }

  private fail(error: string): CobrowseError {
    this.state = "ended";
    this.widget?.setData("error", error);
    this.widget?.setState("ended", this.sentences.error(error));
    this.widget = null;
    warn(`the session was not started: ${error}.`);
    this.say(error === "key_in_use" ? "dupkey" : "service", error);
    return refusal(error);
  }

  private say(code: VisitorFault, detail: string): void {
    this.emit("error", { code, detail });
  }

  private emit<N extends keyof VisitorEvents>(name: N, event: VisitorEvents[N]): void {
    this.events.emit(name, event);
  }
}

function refusal(code: string): CobrowseError {
  return Object.assign(new Error(`Cobrowse: ${code}`), { code });
}

/** Name that integrators use for "let the server choose". */
const RANDOM_KEY = "GLANCE_KEYTYPE_RANDOM";

/** The key is the visitor's id, which the page has told: an agent finds the session by it. */
const VISITOR_KEY = "GLANCE_KEYTYPE_VISITORID";
