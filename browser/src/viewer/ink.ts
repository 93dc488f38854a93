/**
 * What agents draw and highlight, over the picture: each agent's own line while it is drawn, the others' as the visitor's
 * page tells of them.
 *
 * Owns its elements. The visitor sees the same by `draw` and `pointer` frames; what other agents draw comes back in facts.
 */

import { colourOf } from "../protocol/colours.js";
import type { InkItem } from "../protocol/commands.js";
import type { Place, Stage } from "./stage.js";

/** Drawings and highlights of all agents. */
export class ViewInk {
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly lines = new Map<string, Line>();
  private readonly marks = new Map<number, { id: number; box: HTMLElement }>();
  /** Own strokes that were drawn here: what comes back of them is here already. */
  private readonly drawnHere = new Set<string>();
  private isFollowing = false;

  constructor(private readonly stage: Stage) {
    this.svg.id = "ink";
    this.svg.setAttribute("aria-hidden", "true");
    document.getElementById("stage")?.append(this.svg);
  }

  /** Adds points that are being drawn here. */
  draw(own: number, stroke: number, points: readonly number[]): void {
    this.drawnHere.add(`${String(own)}/${String(stroke)}`);
    this.add(own, stroke, points);
  }

  private add(agent: number, stroke: number, points: readonly number[]): void {
    const name = `${String(agent)}/${String(stroke)}`;
    let known = this.lines.get(name);
    if (!known) {
      if (this.lines.size >= LINES_MAX) return;
      const line = document.createElementNS(SVG, "polyline");
      line.setAttribute("stroke", colourOf(agent));
      this.svg.append(line);
      known = { agent, line, numbers: 0 };
      this.lines.set(name, known);
    }
    known.numbers += points.length;
    if (known.numbers > LINE_NUMBERS_MAX) return;
    const { line } = known;
    line.setAttribute("points", `${line.getAttribute("points") ?? ""} ${points.join(",")}`.trim());
    this.place();
    this.count();
  }

  /** What the visitor's page tells of. */
  take(items: readonly InkItem[]): void {
    for (const item of items) {
      if ("erased" in item) this.erase(item.agent);
      else if ("mark" in item) this.mark(item.agent, item.mark);
      else if (!this.drawnHere.has(`${String(item.agent)}/${String(item.stroke)}`))
        this.add(item.agent, item.stroke, item.points);
    }
  }

  /** Highlights an element for an agent, or nothing. */
  mark(agent: number, id: number | null): void {
    this.marks.get(agent)?.box.remove();
    this.marks.delete(agent);
    if (id !== null && this.marks.size < MARKS_MAX) {
      const box = document.createElement("div");
      box.className = "mark";
      box.style.borderColor = colourOf(agent);
      document.getElementById("stage")?.append(box);
      this.marks.set(agent, { id, box });
      this.follow();
    }
    this.count();
  }

  /** The picture was scrolled. */
  place(): void {
    const { own } = this.stage.scrolled;
    this.svg.style.transform = `translate(${String(-own.x)}px, ${String(-own.y)}px)`;
  }

  /** Takes an agent's lines away. */
  erase(agent: number): void {
    for (const [name, known] of this.lines) {
      if (known.agent !== agent) continue;
      known.line.remove();
      this.lines.delete(name);
    }
    this.count();
  }

  /** Takes all away. */
  clear(): void {
    for (const { agent } of [...this.lines.values()]) this.erase(agent);
    this.drawnHere.clear();
    for (const agent of [...this.marks.keys()]) this.mark(agent, null);
  }

  /** A highlight stays on its element, whatever moves. */
  private follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    const step = (): void => {
      for (const [agent, { id, box }] of this.marks) {
        const place = this.stage.boxOf(id);
        if (!place) {
          this.mark(agent, null);
          continue;
        }
        const { x, y, width, height } = place;
        box.style.transform = `translate(${String(x - 4)}px, ${String(y - 4)}px)`;
        box.style.width = `${String(width + 8)}px`;
        box.style.height = `${String(height + 8)}px`;
      }
      this.isFollowing = this.marks.size > 0;
      if (this.isFollowing) requestAnimationFrame(step);
    };
    step();
  }

  private count(): void {
    document.body.dataset.strokes = String(this.lines.size);
    document.body.dataset.marks = String(this.marks.size);
  }
}

/** A line of an agent. */
interface Line {
  readonly agent: number;
  readonly line: SVGPolylineElement;
  /** How many numbers its points have. */
  numbers: number;
}

/** A box in the picture. */
export interface Box extends Place {
  readonly width: number;
  readonly height: number;
}

const SVG = "http://www.w3.org/2000/svg";

/** Lines in a picture: as many as the visitor's page keeps. */
const LINES_MAX = 200;

/** Numbers of a line's points: five minutes of drawing without a stop. A visitor could tell of more. */
const LINE_NUMBERS_MAX = 20_000;

/** Agents who highlight something at the same time. A visitor could tell of more. */
const MARKS_MAX = 100;
