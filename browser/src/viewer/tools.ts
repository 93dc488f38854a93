/**
 * The bar of tools: buttons by privilege, how control stands, zoom, latency.
 *
 * Owns its elements and their shortcuts. What a tool does is `hands.ts`'s.
 */

import type { ControlState, Refusal } from "../protocol/commands.js";

/** A tool. */
export type Tool = "point" | "mark" | "draw" | "show" | "control";

/** What the bar tells. */
export interface ToolActions {
  onTool(tool: Tool): void;
  onErase(): void;
  onAloud(isAloud: boolean): void;
  onGo(go: "back" | "forward" | "reload"): void;
  onFollow(isFollowing: boolean): void;
  onZoom(zoom: number | null): void;
}

/** The bar. */
export class Tools {
  tool: Tool = "point";
  isFollowing = true;
  private readonly aloud = find("aloud") as HTMLInputElement;
  private readonly bar = find("tools");
  private readonly buttons = new Map<Tool, HTMLButtonElement>();
  private readonly feedback = find("feedback");
  private privileges: readonly string[] = [];
  private controlText = "";

  constructor(private readonly actions: ToolActions) {
    for (const button of this.bar.querySelectorAll<HTMLButtonElement>("button[data-tool]")) {
      const tool = button.dataset.tool as Tool;
      this.buttons.set(tool, button);
      button.addEventListener("click", () => {
        this.choose(tool);
      });
    }
    find("erase").addEventListener("click", () => {
      actions.onErase();
    });
    for (const go of ["back", "forward", "reload"] as const) {
      find(go).addEventListener("click", () => {
        actions.onGo(go);
      });
    }
    const follow = find("follow") as HTMLInputElement;
    follow.addEventListener("change", () => {
      this.isFollowing = follow.checked;
      actions.onFollow(follow.checked);
    });
    this.aloud.addEventListener("change", () => {
      actions.onAloud(this.aloud.checked);
    });
    const zoom = find("zoom") as HTMLSelectElement;
    zoom.addEventListener("change", () => {
      actions.onZoom(zoom.value === "fit" ? null : Number(zoom.value));
    });
    window.addEventListener("keydown", (event) => {
      this.shortcut(event);
    });
  }

  /** Shows what this agent may do. */
  begin(privileges: readonly string[]): void {
    this.privileges = privileges;
    for (const [tool, button] of this.buttons) button.hidden = !privileges.includes(NEEDS[tool]);
    find("erase").hidden = !privileges.includes("draw") && !privileges.includes("point");
    this.bar.hidden = false;
    this.show();
  }

  /** Whether what is highlighted is read out to the visitor. */
  get isAloud(): boolean {
    return this.aloud.checked;
  }

  /** Sets it for the application around the viewer. */
  setAloud(isAloud: boolean): void {
    if (this.aloud.checked === isAloud || !this.privileges.includes(NEEDS.mark)) return;
    this.aloud.checked = isAloud;
    this.actions.onAloud(isAloud);
  }

  /** Nothing can be done any more. */
  end(): void {
    this.bar.hidden = true;
  }

  /** Shows how control stands. */
  setControl(state: ControlState | null, isOwn: boolean, words: string): void {
    const has = isOwn && state?.state !== "asked";
    setData("control", state?.state ?? null);
    setData("controller", state ? String(state.agent) : null);
    this.controlText = words;
    find("ways").hidden = !has || !this.privileges.includes("navigate");
    this.feedback.textContent = words;
    this.show();
  }

  /** Says why something was not done; `""` goes back to how control stands. */
  say(words: string, refused: Refusal | null): void {
    setData("refused", refused);
    this.feedback.textContent = words === "" ? this.controlText : words;
  }

  /** Shows the round trip to the server. */
  setLatency(ms: number | null): void {
    find("latency").textContent = ms === null ? "" : `${String(Math.round(ms))} ms`;
  }

  private choose(tool: Tool): void {
    if (!this.privileges.includes(NEEDS[tool])) return;
    this.tool = tool;
    this.show();
    this.actions.onTool(tool);
  }

  private shortcut(event: KeyboardEvent): void {
    if (!event.altKey || event.ctrlKey || event.metaKey || this.bar.hidden) return;
    const tool = SHORTCUTS[event.code];
    if (tool) this.choose(tool);
    else if (event.code === "Digit0") this.actions.onErase();
    else return;
    event.preventDefault();
  }

  private show(): void {
    setData("tool", this.tool);
    for (const [tool, button] of this.buttons)
      button.setAttribute("aria-pressed", String(tool === this.tool));
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

const NEEDS: Record<Tool, string> = {
  point: "point",
  mark: "point",
  draw: "draw",
  show: "scroll",
  control: "control",
};

const SHORTCUTS: Readonly<Record<string, Tool>> = {
  Digit1: "point",
  Digit2: "mark",
  Digit3: "draw",
  Digit4: "show",
  Digit5: "control",
};
