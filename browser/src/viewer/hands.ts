/**
 * What the agent does with the visitor's page: tools over the picture, and the commands that come of them.
 *
 * Owns the pointer's and the keyboard's meaning for each tool, and the numbers of commands. Buttons are `tools.ts`'s,
 * menus and fields that a picture cannot open `chooser.ts`'s; whether a command is carried out, the visitor's side
 * decides. PROTOCOL.md section 4.1.
 */

import {
  DRAW_POINTS_MAX,
  TYPED_CHARS_MAX,
  TYPED_KEYS,
  type Answer,
  type CommandKind,
  type ControlState,
  type InkItem,
  type TypedKey,
} from "../protocol/commands.js";
import { Chooser } from "./chooser.js";
import { ASK_LATENCY_MS, DRAW_INTERVAL_MS, SCROLL_INTERVAL_MS } from "./limits.js";
import { controlWords, REFUSAL_WORDS } from "./messages.js";
import { ViewInk } from "./ink.js";
import { scrollerAt } from "./scroller.js";
import type { Hit, Place, Stage } from "./stage.js";
import { Tools, type Tool } from "./tools.js";

/** What the hands need. */
export interface HandsHost {
  readonly stage: Stage;
  /** Where an event is, in the visitor's CSS pixels. */
  toPage(event: { readonly clientX: number; readonly clientY: number }): Place | null;
  setZoom(zoom: number | null): void;
  send(kind: CommandKind, payload: object): void;
  /** Round trip to the server in milliseconds; `null` when it did not answer. */
  measure(): Promise<number | null>;
}

/** Tools, pointer and keyboard of one view. */
export class Hands {
  private readonly shield = find("shield");
  private readonly tools: Tools;
  private readonly chooser: Chooser;
  private readonly ink: ViewInk;
  private own = 0;
  private control: ControlState | null = null;
  private n = 0;
  private stroke: { id: number; points: number[]; sentAt: number } | null = null;
  private strokes = 0;
  private scrolling: { node: number; x: number; y: number; at: number } | null = null;
  private scrollTimer: ReturnType<typeof setTimeout> | undefined;
  /** Element that keys go to. */
  private typing: number | null = null;

  constructor(private readonly host: HandsHost) {
    this.ink = new ViewInk(host.stage);
    this.tools = new Tools({
      onTool: (tool) => {
        this.setTool(tool);
      },
      onErase: () => {
        this.ink.erase(this.own);
        this.host.send("draw", {});
        this.host.send("pointer", { node: null });
      },
      onAloud: (isAloud) => {
        this.host.send("pointer", { aloud: isAloud });
      },
      onGo: (go) => {
        this.command("navigate", { go });
      },
      onFollow: (isFollowing) => {
        host.stage.follow(isFollowing);
        this.ink.place();
      },
      onZoom: (zoom) => {
        host.setZoom(zoom);
      },
    });
    this.chooser = new Chooser((node, payload) => {
      this.command("type", { node, ...payload });
    });
    this.shield.addEventListener("pointerdown", (event) => {
      this.press(event);
    });
    this.shield.addEventListener("pointermove", (event) => {
      this.move(event);
    });
    for (const name of ["pointerup", "pointercancel"] as const) {
      this.shield.addEventListener(name, () => {
        this.lift();
      });
    }
    this.shield.addEventListener("wheel", (event) => {
      this.wheel(event);
    });
    this.shield.addEventListener("keydown", (event) => {
      this.key(event);
    });
    this.shield.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      event.preventDefault();
      for (let at = 0; at < text.length; at += TYPED_CHARS_MAX)
        this.insert(text.slice(at, at + TYPED_CHARS_MAX));
    });
    setInterval(() => void this.measure(), ASK_LATENCY_MS);
  }

  /** A connection begins: what this agent may do. */
  begin(own: number, privileges: readonly string[]): void {
    this.own = own;
    this.tools.begin(privileges);
    void this.measure();
  }

  /** Nothing can be done any more. */
  end(): void {
    this.tools.end();
    this.chooser.close();
    this.ink.clear();
  }

  /** Who has control, by the visitor's word. */
  setControl(state: ControlState | null, nameOf: (agent: number) => string): void {
    const had = this.hasControl;
    this.control = state;
    const isOwn = state?.agent === this.own;
    this.tools.setControl(state, isOwn, controlWords(state, this.own, state ? nameOf(state.agent) : ""));
    if (had && !this.hasControl) {
      this.typing = null;
      this.chooser.close();
    }
  }

  /** The visitor's side did not carry something out. */
  takeAnswers(answers: readonly Answer[]): void {
    for (const { agent, n, refused } of answers) {
      // Who comes late, or back, is told old answers too.
      if (agent === this.own && n <= this.n && n > 0) this.tools.say(REFUSAL_WORDS[refused], refused);
    }
  }

  /** Agents have drawn, by the visitor's word. */
  takeInk(items: readonly InkItem[]): void {
    if (items.length > 0) this.ink.take(items);
  }

  /** Says something in the bar. */
  say(words: string): void {
    this.tools.say(words, null);
  }

  /** What is highlighted is read out by the visitor's screen reader, or no longer. */
  setAloud(isAloud: boolean): void {
    this.tools.setAloud(isAloud);
  }

  /** The visitor's page has given the focus to an element: keys go there. */
  noteFocus(id: number): void {
    if (this.hasControl && this.typing !== null) this.typing = id;
  }

  /** Another page is shown. */
  pageChanged(): void {
    this.typing = null;
    this.chooser.close();
    this.ink.clear();
  }

  private get hasControl(): boolean {
    return this.control?.agent === this.own && this.control.state !== "asked";
  }

  private setTool(tool: Tool): void {
    if (tool !== "control") return;
    if (this.control?.agent !== this.own) this.command("control", { ask: true });
    else this.shield.focus();
  }

  private command(kind: CommandKind, payload: object): void {
    this.n += 1;
    this.tools.say("", null);
    this.host.send(kind, { n: this.n, ...payload });
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    // Nothing is shown between a page that may no longer be seen and the next.
    if (this.host.stage.isEmpty && ACTS.has(this.tools.tool)) {
      this.tools.say(REFUSAL_WORDS.stale, "stale");
      return;
    }
    const at = this.host.toPage(event);
    if (!at) return;
    const hit = this.host.stage.hit(at.x, at.y);
    this.chooser.close();
    switch (this.tools.tool) {
      case "mark":
        // With it goes whether it is read aloud: the visitor's page may be a new one.
        if (hit) this.host.send("pointer", { ...this.shift(at), node: hit.id, aloud: this.tools.isAloud });
        break;
      case "show":
        if (hit) this.command("scroll", { node: hit.id });
        break;
      case "draw":
        this.shield.setPointerCapture(event.pointerId);
        this.strokes += 1;
        this.stroke = { id: this.strokes, points: [], sentAt: 0 };
        this.draw(at);
        break;
      case "control":
        // The tool stays chosen over page changes: until the next page says who controls it, nobody does.
        if (!this.hasControl) this.tools.say(REFUSAL_WORDS.not_in_control, "not_in_control");
        else if (hit) this.click(hit, event);
        break;
      default:
        break;
    }
  }

  private click(hit: Hit, event: PointerEvent): void {
    event.preventDefault();
    this.shield.focus();
    const { id, element, at } = hit;
    this.typing = id;
    if (this.chooser.open(id, element, event)) return;
    this.command("click", { node: id, x: at.x, y: at.y });
  }

  private move(event: PointerEvent): void {
    if (!this.stroke) return;
    const at = this.host.toPage(event);
    if (at) this.draw(at);
  }

  private draw(at: Place): void {
    const { stroke } = this;
    if (!stroke) return;
    const { own } = this.host.stage.scrolled;
    stroke.points.push(Math.round(at.x + own.x), Math.round(at.y + own.y));
    this.ink.draw(this.own, stroke.id, stroke.points.slice(-2));
    const isFull = stroke.points.length >= 2 * DRAW_POINTS_MAX;
    if (isFull || performance.now() - stroke.sentAt >= DRAW_INTERVAL_MS) this.sendStroke(stroke);
  }

  private sendStroke(stroke: { id: number; points: number[]; sentAt: number }): void {
    if (stroke.points.length === 0) return;
    this.host.send("draw", { stroke: stroke.id, points: stroke.points });
    stroke.points = [];
    stroke.sentAt = performance.now();
  }

  private lift(): void {
    if (this.stroke) this.sendStroke(this.stroke);
    this.stroke = null;
  }

  private wheel(event: WheelEvent): void {
    const at = this.host.toPage(event);
    if (!at) return;
    if (!this.tools.isFollowing) {
      this.host.stage.scrollBy(event.deltaX, event.deltaY);
      this.ink.place();
    } else if (this.tools.tool === "control" && this.hasControl) {
      const hit = this.host.stage.hit(at.x, at.y);
      if (hit) this.scroll(hit, event);
    }
  }

  private scroll(hit: Hit, event: WheelEvent): void {
    const now = performance.now();
    const before = this.scrolling;
    const target = scrollerAt(hit.element, event, this.host.stage.idOf);
    if (!target) return;
    const isOngoing = before?.node === target.id && now - before.at < SCROLL_MEMORY_MS;
    const from = isOngoing ? before : target;
    this.scrolling = {
      node: target.id,
      x: Math.max(0, Math.min(target.maxX, from.x + event.deltaX)),
      y: Math.max(0, Math.min(target.maxY, from.y + event.deltaY)),
      at: now,
    };
    this.scrollTimer ??= setTimeout(() => {
      this.scrollTimer = undefined;
      if (!this.scrolling) return;
      const { node, x, y } = this.scrolling;
      this.command("scroll", { node, x: Math.round(x), y: Math.round(y) });
    }, SCROLL_INTERVAL_MS);
  }

  private key(event: KeyboardEvent): void {
    const { typing } = this;
    if (typing === null || !this.hasControl || this.tools.tool !== "control" || event.altKey) return;
    if (event.isComposing) return;
    const isNamed = TYPED_KEYS.includes(event.key as TypedKey);
    if (event.ctrlKey || event.metaKey || (event.key === "Tab" && event.shiftKey)) return;
    if (!isNamed && event.key.length !== 1) return;
    event.preventDefault();
    if (isNamed) this.command("type", { node: typing, key: event.key });
    else this.insert(event.key);
    // Afterwards Tab leaves the picture again: nobody is caught in it.
    if (event.key === "Escape") this.typing = null;
  }

  private insert(text: string): void {
    const element = this.typing === null ? null : this.host.stage.elementOf(this.typing);
    if (!element || !this.hasControl || text === "") return;
    if (isTypeable(element)) this.command("type", { node: this.typing, insert: text });
    else if (text === " ") this.command("click", { node: this.typing });
  }

  /** From the agent's view to the visitor's, where they are scrolled differently. */
  private shift(at: Place): Place {
    const { own, visitor } = this.host.stage.scrolled;
    return { x: at.x + own.x - visitor.x, y: at.y + own.y - visitor.y };
  }

  private async measure(): Promise<void> {
    this.tools.setLatency(await this.host.measure());
  }
}

function isTypeable(element: Element): boolean {
  const name = element.localName;
  return name === "input" || name === "textarea" || element.closest("[contenteditable]") !== null;
}

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`viewer.html lacks #${id}`);
  return element;
}

/** Tools with which a press means what stands there. */
const ACTS: ReadonlySet<Tool> = new Set(["mark", "show", "control"]);

/** Turns of the wheel that follow one another so closely add up, though their effect has not come back yet. */
const SCROLL_MEMORY_MS = 600;
