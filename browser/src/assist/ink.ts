/**
 * What agents draw and highlight on the visitor's page.
 *
 * Owns its elements, in the widget's layer, which is not recorded. Drawings stand in the document and scroll with it;
 * a highlight follows its element.
 */

import { guarded, on } from "../guard/guard.js";
import { colourOf } from "../protocol/colours.js";
import { DRAW_POINTS_MAX, type DrawCommand, type InkItem } from "../protocol/commands.js";
import type { Place } from "../visitor/parts.js";
import { boxOf } from "./act.js";

/** Drawings and highlights of all agents. */
export class Ink {
  private readonly svg: SVGSVGElement;
  private readonly strokes = new Map<string, { agent: number; line: SVGPolylineElement; points: number[] }>();
  private readonly marks = new Map<number, { element: Element; box: HTMLElement; place: Place | null }>();
  private isFollowing = false;
  private untold: InkItem[] = [];
  private readonly unlisten: () => void;
  private readonly place = (): void => {
    this.svg.style.transform = `translate(${String(-this.page.scrollX)}px, ${String(-this.page.scrollY)}px)`;
  };

  constructor(
    private readonly page: Window,
    private readonly layer: HTMLElement,
  ) {
    this.svg = page.document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "ink");
    layer.append(this.svg);
    this.unlisten = on(page, "scroll", guarded(this.place), { passive: true });
    this.place();
  }

  /** Adds to a stroke, or takes an agent's drawings away. */
  draw(agent: number, command: DrawCommand): void {
    if (!command) {
      this.erase(agent);
      return;
    }
    const name = `${String(agent)}/${String(command.stroke)}`;
    let stroke = this.strokes.get(name);
    if (!stroke) {
      const [oldest] = this.strokes.keys();
      if (this.strokes.size >= STROKES_MAX && oldest !== undefined) this.drop(oldest);
      const line = this.page.document.createElementNS(SVG, "polyline");
      line.setAttribute("stroke", colourOf(agent));
      this.svg.append(line);
      stroke = { agent, line, points: [] };
      this.strokes.set(name, stroke);
    }
    if (stroke.points.length >= STROKE_NUMBERS_MAX) return;
    const points = command.points.map(Math.round);
    stroke.points.push(...points);
    this.untold.push({ agent, stroke: command.stroke, points });
    stroke.line.setAttribute("points", stroke.points.join(" "));
  }

  /** Highlights an element for an agent, or nothing. `place`: it stands in that frame, and is followed there. */
  mark(agent: number, element: Element | null, id = 0, place: Place | null = null): void {
    const before = this.marks.get(agent);
    before?.box.remove();
    before?.place?.end();
    this.marks.delete(agent);
    if (before || element) this.untold.push({ agent, mark: element ? id : null });
    if (!element) return;
    const box = this.page.document.createElement("div");
    box.className = "mark";
    box.style.borderColor = colourOf(agent);
    this.layer.append(box);
    this.marks.set(agent, { element, box, place });
    this.follow();
  }

  /** What has changed since this was asked last. */
  changes(): InkItem[] {
    return this.untold.splice(0);
  }

  /** All that there is, for a picture that begins anew, in which elements have other ids: `idOf` gives them, 0 for none. */
  whole(idOf: (element: Element) => number): InkItem[] {
    this.untold = [];
    const items: InkItem[] = [];
    for (const [name, { agent, points }] of this.strokes) {
      const stroke = Number(name.slice(name.indexOf("/") + 1));
      for (let at = 0; at < points.length; at += 2 * DRAW_POINTS_MAX)
        items.push({ agent, stroke, points: points.slice(at, at + 2 * DRAW_POINTS_MAX) });
    }
    for (const [agent, { element, place }] of this.marks) {
      const mark = place?.id() ?? idOf(element);
      if (mark > 0) items.push({ agent, mark });
    }
    return items;
  }

  /** How much there is, for whoever looks from outside. */
  get counts(): { readonly strokes: number; readonly marks: number } {
    return { strokes: this.strokes.size, marks: this.marks.size };
  }

  /** Keeps only what these agents have shown. */
  keep(agents: ReadonlySet<number>): void {
    const gone = [...this.strokes.values()].map(({ agent }) => agent).filter((agent) => !agents.has(agent));
    for (const agent of new Set(gone)) this.erase(agent);
    for (const agent of [...this.marks.keys()]) if (!agents.has(agent)) this.mark(agent, null);
  }

  /** Takes all away. */
  stop(): void {
    this.unlisten();
    this.keep(new Set());
    this.svg.remove();
  }

  private erase(agent: number): void {
    for (const [name, stroke] of this.strokes) if (stroke.agent === agent) this.drop(name);
    this.untold.push({ agent, erased: true });
  }

  private drop(name: string): void {
    this.strokes.get(name)?.line.remove();
    this.strokes.delete(name);
  }

  private follow(): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    const step = (): void => {
      for (const [agent, { element, box, place }] of this.marks) {
        if (!element.isConnected) {
          this.mark(agent, null);
          continue;
        }
        const { left, top, width, height } = place?.box() ?? boxOf(element, this.page);
        box.style.transform = `translate(${String(left - 4)}px, ${String(top - 4)}px)`;
        box.style.width = `${String(width + 8)}px`;
        box.style.height = `${String(height + 8)}px`;
      }
      this.isFollowing = this.marks.size > 0;
      if (this.isFollowing) this.page.requestAnimationFrame(guarded(step));
    };
    step();
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** Strokes on a page. Full: the oldest goes. */
const STROKES_MAX = 200;

/** Coordinates of one stroke. Full: the rest of it is not drawn. */
const STROKE_NUMBERS_MAX = 8_000;
