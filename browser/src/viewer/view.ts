/**
 * The viewer's page around the mirrored one: bar, message, stage and pointer.
 *
 * Owns the elements of viewer.html and their attributes (HOOKS.md). Shows what it is told; decides nothing.
 */

import { colourOf } from "../protocol/colours.js";
import type { Facts, Participant } from "../protocol/payloads.js";
import { HIDES_WORDS, pausedWords, stateWords, VERIFIED_TITLE, verifiedWords } from "./messages.js";
import type { Unshown } from "./unshown.js";
import { UnshownList } from "./unshown-list.js";

/** States of the page, as `body[data-state]`. */
export type ViewState =
  "connecting" | "waiting" | "live" | "leaving" | "offline" | "reconnecting" | "ended" | "failed";

/** What the agent can do here. */
export interface ViewActions {
  onEnd(): void;
  onLeave(): void;
  onInvite(): void;
  /** The agent wants to see the page that was held back. */
  onShow(): void;
  /** The agent's pointer over the stage, in the visitor's CSS pixels; `null` when it leaves. */
  onPoint(point: { x: number; y: number } | null): void;
}

/** The page's elements. */
export class View {
  readonly stage = find("stage");
  private readonly frame = find("frame");
  private readonly pointer = find("pointer");
  private readonly endButton = find("end") as HTMLButtonElement;
  private readonly unshown = new UnshownList();
  private readonly badge = document.createElement("span");
  private size = { width: 1280, height: 720 };
  private scale = 1;
  private zoom: number | null = null;
  private canPoint = false;
  private offlineAt = 0;
  private verifiedAt: number | null = null;
  /** Frames that this is not said of. */
  private without = 0;

  constructor(actions: ViewActions) {
    this.endButton.addEventListener("click", () => {
      actions.onEnd();
    });
    find("leave").addEventListener("click", () => {
      actions.onLeave();
    });
    find("invite").addEventListener("click", () => {
      actions.onInvite();
    });
    find("show").addEventListener("click", () => {
      actions.onShow();
    });
    find("shield").addEventListener("pointermove", (event) => {
      if (this.canPoint) actions.onPoint(this.toPage(event));
    });
    find("shield").addEventListener("pointerleave", () => {
      if (this.canPoint) actions.onPoint(null);
    });
    this.badge.id = "verified";
    this.badge.className = "quiet";
    this.badge.title = VERIFIED_TITLE;
    this.badge.hidden = true;
    find("state").after(this.badge);
    new ResizeObserver(() => {
      this.fit();
    }).observe(this.frame);
    setInterval(() => {
      if (document.body.dataset.state === "offline") this.writeState("offline");
      this.writeVerified();
    }, 1_000);
  }

  /** Where an event is, in the visitor's CSS pixels; `null` beside the page. */
  toPage(event: { readonly clientX: number; readonly clientY: number }): { x: number; y: number } | null {
    const box = this.stage.getBoundingClientRect();
    const x = (event.clientX - box.left) / this.scale;
    const y = (event.clientY - box.top) / this.scale;
    const isInside = x >= 0 && y >= 0 && x <= this.size.width && y <= this.size.height;
    return isInside ? { x: Math.round(x), y: Math.round(y) } : null;
  }

  /** Shows the page in that size; `null` fits it in. */
  setZoom(zoom: number | null): void {
    this.zoom = zoom;
    this.frame.classList.toggle("scrolls", zoom !== null);
    this.fit();
  }

  /** Shows a state. */
  setState(state: ViewState, reason: string | null, words: string): void {
    document.body.dataset.state = state;
    setData("reason", reason);
    this.writeState(state);
    this.setMessage(words);
    const isOver = state === "ended" || state === "failed";
    if (isOver) {
      this.endButton.hidden = true;
      find("invite").hidden = true;
      this.hidePointer();
    }
  }

  /** Shows a sentence, or none. */
  setMessage(words: string): void {
    find("message").textContent = words;
    find("message").hidden = words === "";
  }

  /** Whether a page is held back, and can be asked for. */
  setHeld(isHeld: boolean): void {
    find("held").hidden = !isHeld;
  }

  /** Since when the visitor is offline. */
  setOffline(sinceMs: number): void {
    this.offlineAt = Date.now() - sinceMs;
  }

  /** When the picture was last proven; `null` when it is not. */
  setVerified(at: number | null, without: number): void {
    this.verifiedAt = at;
    this.without = without;
    setData("verified", at === null ? null : "true");
    this.writeVerified();
  }

  /** Tells what agents cannot see of the page: how much of it, and as an event the list. */
  setUnshown(list: readonly Unshown[]): void {
    setData("unshown", list.length === 0 ? null : String(list.length));
    this.unshown.show(list);
    document.dispatchEvent(new CustomEvent("cobrowse-unshown", { detail: list }));
  }

  /** Shows the session key and group. */
  setSession(key: string, group: string): void {
    find("key").textContent = key;
    find("group").textContent = group;
    document.title = `${key} – Cobrowse`;
  }

  /** What this agent may do. */
  setPrivileges(agent: number, privileges: readonly string[]): void {
    setData("agent", String(agent));
    this.endButton.hidden = !privileges.includes("end");
    this.canPoint = privileges.includes("point");
  }

  /** Shows the visitor's page's facts. */
  setFacts(facts: Facts, isSecure: boolean): void {
    find("url").textContent = facts.url;
    find("url").title = facts.url;
    find("title").textContent = facts.title;
    const security = find("security");
    security.dataset.secure = String(isSecure);
    security.textContent = isSecure ? "Secure" : "Not secure";
    const visitor = find("visitor");
    visitor.hidden = facts.visitor.length === 0;
    visitor.textContent = facts.visitor.join(" · ");
    visitor.title = `The website says who the visitor is: ${facts.visitor.join(", ")}`;
    setData("visible", String(facts.visible));
    const isEmpty = facts.paused !== null || facts.hides;
    find("hidden-note").hidden = facts.visible || isEmpty;
    setData("paused", facts.paused === null ? null : "true");
    const paused = find("paused-note");
    paused.hidden = !isEmpty;
    if (isEmpty) paused.textContent = facts.paused === null ? HIDES_WORDS : pausedWords(facts.paused);
    this.setSize(facts.width, facts.height);
  }

  /** The visitor's viewport. */
  setSize(width: number, height: number): void {
    if (width < 1 || height < 1) return;
    this.size = { width, height };
    this.fit();
  }

  /** Shows who is watching. */
  setParticipants(agents: readonly Participant[], own: number): void {
    find("participants").replaceChildren(
      ...agents.map((agent) => {
        const item = document.createElement("li");
        item.dataset.agent = String(agent.agent);
        item.textContent = agent.agent === own ? `${agent.name} (you)` : agent.name;
        item.style.setProperty("--agent", colourOf(agent.agent));
        return item;
      }),
    );
  }

  /** The last frame that is shown. */
  setPosition(epoch: number, sequence: number): void {
    document.body.dataset.epoch = String(epoch);
    document.body.dataset.sequence = String(sequence);
  }

  /** How often a new keyframe was asked for. */
  setResyncs(count: number): void {
    document.body.dataset.resyncs = String(count);
  }

  /** Shows the visitor's pointer. */
  movePointer(x: number, y: number): void {
    this.pointer.hidden = false;
    this.pointer.dataset.x = String(x);
    this.pointer.dataset.y = String(y);
    this.pointer.style.transform = `translate(${String(x)}px, ${String(y)}px)`;
  }

  /** Hides the visitor's pointer. */
  hidePointer(): void {
    this.pointer.hidden = true;
    delete this.pointer.dataset.x;
    delete this.pointer.dataset.y;
  }

  private writeState(state: ViewState): void {
    const words = stateWords(state, Date.now() - this.offlineAt);
    if (find("state").textContent !== words) find("state").textContent = words;
  }

  private writeVerified(): void {
    const { badge } = this;
    badge.hidden = this.verifiedAt === null;
    if (this.verifiedAt === null) return;
    const seconds = Math.max(0, Math.round((Date.now() - this.verifiedAt) / 1_000));
    const words = verifiedWords(seconds, this.without);
    if (badge.textContent !== words) badge.textContent = words;
  }

  private fit(): void {
    const { width, height } = this.size;
    const room = this.frame.getBoundingClientRect();
    if (room.width === 0 || room.height === 0) return;
    this.scale = this.zoom ?? Math.min(1, room.width / width, room.height / height);
    const { style } = this.stage;
    style.width = `${String(width)}px`;
    style.height = `${String(height)}px`;
    style.transform = `scale(${String(this.scale)})`;
    style.left = `${String(Math.max(0, (room.width - width * this.scale) / 2))}px`;
    style.top = `${String(Math.max(0, (room.height - height * this.scale) / 2))}px`;
    // The shield covers all that can be scrolled to.
    const shield = find("shield").style;
    shield.width = this.zoom === null ? "" : `${String(Math.max(room.width, width * this.scale))}px`;
    shield.height = this.zoom === null ? "" : `${String(Math.max(room.height, height * this.scale))}px`;
  }
}

function setData(name: string, value: string | null): void {
  if (value === null) document.body.removeAttribute(`data-${name}`);
  else document.body.dataset[name] = value;
}

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`viewer.html lacks #${id}`);
  return element;
}
