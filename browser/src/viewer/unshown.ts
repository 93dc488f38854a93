/**
 * What of the page could not be shown: pictures and media that did not load, style sheets that are missing, frames of
 * other sites, canvases without a picture, animations that cannot be told. It is marked in the picture and listed, so that no agent takes a gap for the visitor's page.
 *
 * Owns finding, marking and the list; showing the list is the viewer's page's. Marks are animations: they change no
 * attribute, so the proof of the picture holds.
 */

import { isUnshown } from "./animations.js";
import { hasPicture } from "./canvases.js";
import { UNSHOWN_LOOK_MS, UNSHOWN_MAX, UNSHOWN_URL_CHARS_MAX } from "./limits.js";

/** One thing that agents cannot see. */
export interface Unshown {
  readonly kind: "image" | "media" | "style" | "frame" | "canvas" | "animation";
  /** Where it would have come from; empty for what has no address. */
  readonly url: string;
  /** Its place, in CSS pixels; nothing for a style sheet. */
  readonly width: number;
  readonly height: number;
}

/** Looks after the pages that are shown one after the other. */
export class UnshownWatch {
  private readonly failed = new WeakSet<EventTarget>();
  private readonly marks = new Map<Element, Animation>();
  private readonly heard = new WeakSet<Document>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private told = "[]";

  /** `page` gives the document that is shown; `onChange` gets the list whenever it is another one. */
  constructor(
    private readonly page: () => Document | null,
    private readonly onChange: (list: readonly Unshown[]) => void,
  ) {}

  /** The page has changed: looks at it soon. */
  plan(): void {
    const page = this.page();
    if (page) this.hear(page);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, UNSHOWN_LOOK_MS);
  }

  private hear(page: Document): void {
    if (this.heard.has(page)) return;
    this.heard.add(page);
    for (const name of ["error", "load", "loadeddata"]) {
      page.addEventListener(
        name,
        ({ target }) => {
          if (!target) return;
          if (name === "error") this.failed.add(target);
          else this.failed.delete(target);
          this.plan();
        },
        { capture: true },
      );
    }
  }

  private look(): void {
    const page = this.page();
    const found = new Map<Element, Unshown>();
    if (page) this.collect(page, found);
    for (const [element, mark] of this.marks) {
      if (found.has(element)) continue;
      mark.cancel();
      this.marks.delete(element);
    }
    for (const [element, { kind }] of found) {
      if (MARKED.has(kind) && !this.marks.has(element))
        this.marks.set(element, element.animate(MARK, FOR_EVER));
    }
    const list = [...found.values()].slice(0, UNSHOWN_MAX);
    const told = JSON.stringify(list);
    if (told === this.told) return;
    this.told = told;
    this.onChange(list);
  }

  private collect(root: Document | ShadowRoot, found: Map<Element, Unshown>): void {
    for (const element of root.querySelectorAll("*")) {
      const kind = this.kindOf(element);
      if (kind) {
        const { width, height } = element.getBoundingClientRect();
        const url = addressOf(element).slice(0, UNSHOWN_URL_CHARS_MAX);
        found.set(element, { kind, url, width: Math.round(width), height: Math.round(height) });
      }
      if (element.shadowRoot) this.collect(element.shadowRoot, found);
      const inside = element.localName === "iframe" ? (element as HTMLIFrameElement).contentDocument : null;
      if (inside && kind !== "frame") {
        this.hear(inside);
        this.collect(inside, found);
      }
    }
  }

  private kindOf(element: Element): Unshown["kind"] | null {
    return this.contentKindOf(element) ?? (isUnshown(element) ? "animation" : null);
  }

  private contentKindOf(element: Element): Unshown["kind"] | null {
    switch (element.localName) {
      case "img":
        return this.failed.has(element) && element.hasAttribute("src") ? "image" : null;
      case "video":
      case "audio":
        return this.failed.has(element) || (element as HTMLMediaElement).error ? "media" : null;
      case "link":
        return this.failed.has(element) ? "style" : null;
      case "iframe":
        return (element as HTMLIFrameElement).contentDocument?.documentElement?.dataset
          .cobrowsePlaceholder === undefined
          ? null
          : "frame";
      case "canvas":
        return hasPicture(element) ? null : "canvas";
      default:
        return null;
    }
  }
}

/** A frame's address is no attribute here: its placeholder holds it. */
function addressOf(element: Element): string {
  if (element.localName === "iframe") {
    return (element as HTMLIFrameElement).contentDocument?.documentElement?.dataset.cobrowsePlaceholder ?? "";
  }
  return element.getAttribute("src") ?? element.getAttribute("href") ?? "";
}

/** What has a place in the picture and says nothing about itself there. */
const MARKED = new Set<Unshown["kind"]>(["image", "media", "canvas", "animation"]);

const MARK = { outline: ["2px dashed #b45309", "2px dashed #b45309"], outlineOffset: ["-2px", "-2px"] };
const FOR_EVER: KeyframeAnimationOptions = { duration: 1, fill: "forwards" };
