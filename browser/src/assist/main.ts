/**
 * What agents do on the visitor's page, beyond looking and pointing: a part that is loaded when there is one who may.
 *
 * Owns the way of a command: privilege, control, target, act, answer; and what the visitor sees of it. The rules of
 * control stand in `control.ts`, those of targets in `target.ts`. PROTOCOL.md section 4.1.
 */

import { guarded, launch, on } from "../guard/guard.js";
import {
  INK_ITEMS_MAX,
  readClickCommand,
  readControlCommand,
  readDrawCommand,
  readNavigateCommand,
  readPointCommand,
  readScrollCommand,
  readTypeCommand,
  type Answer,
  type InkItem,
  type Refusal,
} from "../protocol/commands.js";
import { KINDS, type Frame } from "../protocol/frame.js";
import { isCount, isRecord, parseJson, type Participant } from "../protocol/payloads.js";
import type { Assist, AssistHost } from "../visitor/parts.js";
import { assist as english } from "../words/en.js";
import { click, navigate, reveal, scrollTo } from "./act.js";
import { Control } from "./control.js";
import { ask, type Asking } from "./dialog.js";
import { Ink } from "./ink.js";
import { Panel, words } from "./panel.js";
import { ASSIST_CSS } from "./style.js";
import { Targeting } from "./target.js";
import { type } from "./typing.js";

export { showButton } from "./button.js";
export { askOffer, askTerms } from "./questions.js";

/** Starts the part for one session. */
export function createAssist(host: AssistHost): Assist {
  return new Assistant(host);
}

class Assistant implements Assist {
  private readonly control = new Control();
  private readonly ink: Ink;
  private readonly panel: Panel;
  private agents = new Map<number, Participant>();
  private asking: Asking | null = null;
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private inkTimer: ReturnType<typeof setTimeout> | undefined;
  /** Agents who want to have read out what they highlight. */
  private readonly aloud = new Set<number>();
  /** The home that the agents' numbers are of. */
  private home: number;
  private told = "";
  private readonly undo: (() => void)[] = [];

  constructor(private readonly host: AssistHost) {
    const { shell, page } = host;
    this.home = host.at().home;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(ASSIST_CSS);
    shell.root.adoptedStyleSheets.push(sheet);
    this.ink = new Ink(page, shell.layer);
    this.panel = new Panel(shell, host.words ?? english, () => {
      this.control.release();
      this.update([]);
    });
    for (const name of ["pointerdown", "keydown", "wheel", "touchstart"]) {
      const listener = guarded((event: Event) => {
        this.noteInput(event);
      });
      this.undo.push(on(page, name, listener, { capture: true, passive: true }));
    }
  }

  setAgents(agents: readonly Participant[]): void {
    this.agents = new Map(agents.map((agent) => [agent.agent, agent]));
    const { home } = this.host.at();
    if (home !== this.home) {
      // Whoever has the number of one who had control is somebody else here: the visitor is asked again.
      this.home = home;
      this.asking?.close();
      this.control.release();
    }
    this.restore();
    this.ink.keep(new Set(this.agents.keys()));
    this.showInk();
    for (const agent of this.aloud) if (!this.agents.has(agent)) this.readAloud(agent, false);
    const state = this.control.state(performance.now());
    if (state && !this.agents.has(state.agent)) {
      this.asking?.close();
      // The list is empty while the connection is lost; who had control then has it when it is back.
      if (this.agents.size > 0) this.control.release(state.agent);
    }
    this.update([]);
  }

  take(frame: Frame): void {
    const { kind, source } = frame;
    const { needs } = KINDS[kind];
    const agent = this.agents.get(source);
    const value = parseJson(frame.payload);
    if (!agent || !needs || !agent.privileges.includes(needs)) {
      this.refuse(source, value, "not_allowed");
      return;
    }
    const refusal = this.follow(frame, value, source);
    if (refusal) this.refuse(source, value, refusal);
  }

  rest(): void {
    this.asking?.close();
    this.ink.keep(new Set());
    this.showInk();
    this.update([]);
  }

  stop(): void {
    this.asking?.close();
    clearTimeout(this.restTimer);
    clearTimeout(this.inkTimer);
    for (const undo of this.undo.splice(0)) undo();
    this.ink.stop();
    this.panel.remove();
    this.keepGrant(null);
  }

  beginEpoch(): void {
    this.tellInk(this.ink.whole((element) => this.host.reach()?.idOf(element) ?? 0));
  }

  /** Does what a frame asks, or says why not. */
  private follow(frame: Frame, value: unknown, agent: number): Refusal | null {
    const { host } = this;
    const reach = host.reach();
    if (!reach) return host.isPaused() ? "paused" : "stale";
    const targeting = new Targeting(reach, host.refuses());
    const now = performance.now();
    switch (frame.kind) {
      case "pointer": {
        const command = readPointCommand(value);
        if (!command) return "malformed";
        if (command.aloud !== undefined) this.readAloud(agent, command.aloud);
        if (command.node === undefined) return null;
        const place = command.node === null ? null : (reach.foreign()?.place(command.node) ?? null);
        const found =
          command.node === null ? null : (place?.frame ?? targeting.find(command.node, frame, false));
        if (typeof found === "string") return found;
        const element = found && "tagName" in found ? found : null;
        this.ink.mark(agent, element, command.node ?? 0, place);
        if (element && this.aloud.has(agent)) this.panel.say(this.nameOf(agent), element);
        this.showInk();
        return null;
      }
      case "draw": {
        const command = readDrawCommand(value);
        if (command === undefined) return "malformed";
        this.ink.draw(agent, command);
        this.showInk();
        return null;
      }
      case "scroll": {
        const command = readScrollCommand(value);
        if (!command) return "malformed";
        const refusal = command.to ? this.control.refusal(agent, now) : null;
        // Of what stands in a frame of another origin the frame itself is brought into view.
        const around = command.to ? null : reach.foreign()?.frameOf(command.node);
        const found = refusal ?? around ?? targeting.find(command.node, frame, false);
        if (typeof found === "string") return found;
        if ("tagName" in found && targeting.isMasked(found)) return "masked";
        if (command.to) scrollTo(found, command.to);
        else reveal(found);
        return null;
      }
      case "click": {
        const command = readClickCommand(value);
        if (!command) return "malformed";
        const found = this.target(frame, command.node, agent, targeting, true);
        if (typeof found === "string") return found;
        click(found, command.at);
        return null;
      }
      case "type": {
        const command = readTypeCommand(value);
        if (!command) return "malformed";
        const found = this.target(frame, command.node, agent, targeting, false);
        return typeof found === "string" ? found : type(found, command.what, targeting);
      }
      case "navigate": {
        const command = readNavigateCommand(value);
        if (!command) return "malformed";
        return this.control.refusal(agent, now) ?? navigate(host.page, command.to);
      }
      case "control": {
        const command = readControlCommand(value);
        if (!command) return "malformed";
        return this.takeControl(agent, command.n, command.ask);
      }
      default:
        return null;
    }
  }

  private target(
    frame: Frame,
    id: number,
    agent: number,
    targeting: Targeting,
    whole: boolean,
  ): Element | Refusal {
    const refusal = this.control.refusal(agent, performance.now());
    if (refusal) return refusal;
    const found = targeting.find(id, frame, whole);
    if (typeof found === "string") return found;
    if (!("tagName" in found)) return "refused";
    return targeting.refusal(found) ?? found;
  }

  private takeControl(agent: number, n: number, isAsking: boolean): Refusal | null {
    if (!isAsking) {
      this.control.release(agent);
      this.asking?.close();
      this.update([]);
      return null;
    }
    const asked = this.control.ask(agent, performance.now());
    if (asked === "have_it") return null;
    if (asked !== "ask_visitor") return asked;
    if (!this.asking) launch(() => this.askVisitor(agent, n));
    this.update([]);
    return null;
  }

  private async askVisitor(agent: number, n: number): Promise<void> {
    const text = this.host.words ?? english;
    const name = this.nameOf(agent);
    const asking = ask(this.host.shell, "control", {
      title: words(text.askTitle, name),
      text: words(text.askText, name),
      link: null,
      yes: text.allow,
      no: text.deny,
    });
    this.asking = asking;
    this.host.emit("rcrequested", {
      agent,
      name,
      decline: () => {
        asking.close();
      },
    });
    const isAllowed = await asking.answer;
    this.asking = null;
    // Who was asked for may have gone or taken it back meanwhile.
    const answered = this.control.answer(isAllowed, performance.now());
    const isDenied = !isAllowed && answered === agent;
    this.update(isDenied ? [{ agent, n, refused: "denied" }] : []);
  }

  private refuse(agent: number, value: unknown, refused: Refusal): void {
    const n = isRecord(value) && isCount(value.n) ? value.n : null;
    if (n !== null) this.update([{ agent, n, refused }]);
  }

  /** The visitor's own input comes first. */
  private noteInput(event: Event): void {
    if (!event.isTrusted || event.composedPath().includes(this.host.shell.host)) return;
    const now = performance.now();
    this.control.use(now);
    if (this.control.restMs(now) !== null) this.update([]);
  }

  /** Shows and tells how control stands. */
  private update(answers: readonly Answer[]): void {
    const now = performance.now();
    const state = this.control.state(now);
    const isWatched = this.agents.size > 0 && !this.host.isPaused();
    this.panel.show(state, state ? this.nameOf(state.agent) : "", isWatched);
    const json = JSON.stringify(state);
    if (json !== this.told || answers.length > 0) this.host.say(state, answers);
    if (json !== this.told) {
      this.told = json;
      const enabled = state?.state === "active" || state?.state === "suspended";
      this.host.emit("rc", { enabled, suspended: state?.state === "suspended" });
      this.keepGrant(enabled ? state.agent : null);
    }
    clearTimeout(this.restTimer);
    const restMs = this.control.restMs(now);
    if (restMs !== null) {
      this.restTimer = setTimeout(
        guarded(() => {
          this.update([]);
        }),
        restMs + 1,
      );
    }
  }

  /** Where a number names one agent. */
  private get place(): string {
    const { session, home } = this.host.at();
    return `${session}@${String(home)}`;
  }

  /** A page that an agent was led to by its own click goes on being controlled. */
  private restore(): void {
    const kept = this.readGrant();
    if (kept !== null && this.agents.has(kept) && !this.control.state(performance.now())) {
      this.control.restore(kept);
    }
  }

  private readGrant(): number | null {
    try {
      const [place, agent] = (this.host.page.sessionStorage.getItem(GRANT_NAME) ?? "").split(" ");
      return place === this.place && agent ? Number(agent) : null;
    } catch {
      return null;
    }
  }

  private keepGrant(agent: number | null): void {
    try {
      const { sessionStorage } = this.host.page;
      if (agent === null) sessionStorage.removeItem(GRANT_NAME);
      else sessionStorage.setItem(GRANT_NAME, `${this.place} ${String(agent)}`);
    } catch {
      // Without a store the visitor is asked again on the next page.
    }
  }

  private showInk(): void {
    const { strokes, marks } = this.ink.counts;
    const { dataset } = this.host.shell.host;
    dataset.strokes = String(strokes);
    dataset.marks = String(marks);
    // A line that is being drawn makes many changes: all of a moment are told together.
    this.inkTimer ??= setTimeout(
      guarded(() => {
        this.inkTimer = undefined;
        this.tellInk(this.ink.changes());
      }),
      INK_INTERVAL_MS,
    );
  }

  private tellInk(items: readonly InkItem[]): void {
    for (let at = 0; at < items.length; at += INK_ITEMS_MAX)
      this.host.sayInk(items.slice(at, at + INK_ITEMS_MAX));
  }

  /** The page hears of it, and may help in ways of its own. */
  private readAloud(agent: number, enabled: boolean): void {
    const before = this.aloud.size > 0;
    if (enabled) this.aloud.add(agent);
    else this.aloud.delete(agent);
    const after = this.aloud.size > 0;
    if (before !== after) this.host.emit("accessibility", { enabled: after });
  }

  private nameOf(agent: number): string {
    return this.agents.get(agent)?.name ?? "";
  }
}

/** Drawings are told to the other agents so often at most. */
const INK_INTERVAL_MS = 100;

/** Which agent controls this tab's pages, in the name of the session's home. */
const GRANT_NAME = "glance_cobrowse_control";
