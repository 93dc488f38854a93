/**
 * What this agent draws, over the picture: the agent sees the line while it is drawn.
 *
 * Owns its elements. The visitor sees the same by `draw` frames.
 */

import type { Stage } from "./stage.js";

/** The agent's own drawings. */
export class ViewInk {
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly lines = new Map<number, SVGPolylineElement>();

  constructor(private readonly stage: Stage) {
    this.svg.id = "ink";
    this.svg.setAttribute("aria-hidden", "true");
    document.getElementById("stage")?.append(this.svg);
  }

  /** Adds a point of the document to a stroke. */
  add(stroke: number, point: readonly number[]): void {
    let line = this.lines.get(stroke);
    if (!line) {
      line = document.createElementNS(SVG, "polyline");
      this.svg.append(line);
      this.lines.set(stroke, line);
    }
    line.setAttribute("points", `${line.getAttribute("points") ?? ""} ${point.join(",")}`);
    this.place();
  }

  /** The picture was scrolled. */
  place(): void {
    const { own } = this.stage.scrolled;
    this.svg.style.transform = `translate(${String(-own.x)}px, ${String(-own.y)}px)`;
  }

  /** Takes all away. */
  clear(): void {
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
  }
}

const SVG = "http://www.w3.org/2000/svg";
