/**
 * What of the page could not be shown: pictures of elements and of styles, media, style sheets and fonts that cannot be had here, frames
 * of other sites, canvases without a picture, animations that cannot be told. It is marked in the picture and listed, so that no agent takes a gap for the visitor's page.
 *
 * Owns finding it: a look at each element some time after a change, in slices between which the view does what it is for. Showing the
 * list is the viewer's page's, the marks are `marks.ts`'s.
 */

import { isUnshown } from "./animations.js";
import {
  UNSHOWN_KNOWN_MS,
  UNSHOWN_LOOK_MS,
  UNSHOWN_MAX,
  UNSHOWN_REST,
  UNSHOWN_REST_MS_MAX,
  UNSHOWN_SLICE_MS,
  UNSHOWN_URL_CHARS_MAX,
} from "./limits.js";
import { Marks, type Marked } from "./marks.js";
import { addressOf, contentOf, placeOf } from "./named.js";
import { pauseMs, Probes } from "./probes.js";
import { PAINTED, styledOf } from "./styled.js";

/** One thing that agents cannot see. */
export interface Unshown {
  readonly kind: "image" | "media" | "style" | "font" | "frame" | "plugin" | "canvas" | "animation";
  /** Where it would have come from, or what a font is called; empty for what has no address. */
  readonly url: string;
  /** Its place, in CSS pixels; nothing for a style sheet. */
  readonly width: number;
  readonly height: number;
}

/** Looks after the pages that are shown one after the other. */
export class UnshownWatch {
  private readonly failed = new WeakSet<EventTarget>();
  private readonly tries = new WeakMap<Element, number>();
  private readonly marks = new Marks();
  private readonly heard = new WeakSet<Document | ShadowRoot>();
  private probes: { readonly of: Document; readonly all: Probes } | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isLooking = false;
  private isAgain = false;
  private restUntil = 0;
  private told = "[]";

  /** `page` gives the document that is shown; `onChange` gets the list whenever it is another one; `onBack`: what was missing can be had. */
  constructor(
    private readonly page: () => Document | null,
    private readonly onChange: (list: readonly Unshown[]) => void,
    private readonly onBack: () => void,
  ) {}

  /** The page has changed: looks at it soon. */
  plan(): void {
    const page = this.page();
    if (page) this.hear(page);
    this.isAgain = this.isLooking;
    if (this.isLooking) return;
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined;
        this.look();
      },
      Math.max(UNSHOWN_LOOK_MS, this.restUntil - performance.now()),
    );
  }

  /** What the last look has asked is answered: marks do not wait until the view has rested. */
  private readonly onKnown = (): void => {
    const until = performance.now() + UNSHOWN_KNOWN_MS;
    if (this.restUntil > until) {
      this.restUntil = until;
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.plan();
  };

  private hear(root: Document | ShadowRoot): void {
    if (this.heard.has(root)) return;
    this.heard.add(root);
    for (const name of ["error", "load", "loadeddata"]) {
      root.addEventListener(
        name,
        ({ target }) => {
          if (!target) return;
          if (name === "error") this.fail(target);
          else this.failed.delete(target);
          this.plan();
        },
        { capture: true },
      );
    }
    if ("fonts" in root) root.fonts.addEventListener("loadingerror", () => this.plan());
  }

  /** A sheet that did not load is asked for again where it stands. */
  private fail(target: EventTarget): void {
    this.failed.add(target);
    const link = target as HTMLLinkElement;
    if (link.localName !== "link") return;
    const tries = this.tries.get(link) ?? 0;
    this.tries.set(link, tries + 1);
    setTimeout(() => {
      const href = link.getAttribute("href");
      if (!link.ownerDocument.defaultView || !this.failed.has(link) || href === null) return;
      link.removeAttribute("href");
      link.setAttribute("href", href);
    }, pauseMs(tries));
  }

  private look(): void {
    const page = this.page();
    if (this.probes && this.probes.of !== page) {
      this.probes.all.stop();
      this.probes = null;
    }
    if (page) {
      this.probes ??= { of: page, all: new Probes(page, this.onKnown, this.onBack) };
      this.probes.all.begin();
    }
    this.isLooking = true;
    const found: Found[] = [];
    this.go(
      page,
      page ? this.collect(page, this.probes?.all ?? null, found) : [][Symbol.iterator](),
      found,
      0,
    );
  }

  /** Looks for a while, and then goes on when there is time. */
  private go(page: Document | null, steps: Iterator<void>, found: Found[], spentMs: number): void {
    const from = performance.now();
    let isOver = false;
    try {
      while (!isOver && performance.now() - from < UNSHOWN_SLICE_MS) isOver = steps.next().done === true;
    } catch (error) {
      // The next change is looked at all the same.
      this.isLooking = false;
      throw error;
    }
    const spent = spentMs + performance.now() - from;
    const isStale = this.page() !== page;
    if (!isOver && !isStale) {
      whenIdle(() => {
        this.go(page, steps, found, spent);
      });
      return;
    }
    this.isLooking = false;
    if (!isStale) this.tell(found);
    // A page that changes all the time is looked at for a small part of it only.
    this.restUntil = isStale ? 0 : performance.now() + Math.min(spent * UNSHOWN_REST, UNSHOWN_REST_MS_MAX);
    if (this.isAgain || isStale) this.plan();
  }

  private tell(found: readonly Found[]): void {
    const wanted = new Map<Element, Marked>();
    for (const { element, kind, back, isPicture, isBare } of found) {
      const place = MARKED.has(kind) ? placeOf(element) : null;
      if (!place) continue;
      const before = wanted.get(place) ?? { back: "", urls: [], isPicture: false, isBare: false };
      wanted.set(place, {
        back: back?.value ?? before.back,
        urls: back ? [...before.urls, back.url] : before.urls,
        isPicture: isPicture || before.isPicture,
        isBare: isBare || before.isBare,
      });
    }
    this.marks.keep(wanted);
    const list = found
      .slice(0, UNSHOWN_MAX)
      .map(({ kind, url, width, height }) => ({ kind, url, width, height }));
    const told = JSON.stringify(list);
    if (told === this.told) return;
    this.told = told;
    this.onChange(list);
  }

  private *collect(root: Document | ShadowRoot, probes: Probes | null, found: Found[]): Generator<void> {
    this.hear(root);
    for (const element of root.querySelectorAll("*")) {
      if (!element.isConnected) continue;
      const content = contentOf(element, this.failed, probes);
      const kind = content?.kind ?? (isUnshown(element) ? "animation" : null);
      const isPicture = kind === "image" && PICTURES.has(element.localName);
      if (kind) this.note(found, element, kind, content?.url ?? addressOf(element), { isPicture });
      const inside = element.localName === "iframe" ? (element as HTMLIFrameElement).contentDocument : null;
      this.collectStyled(element, probes, found);
      if (element.shadowRoot) yield* this.collect(element.shadowRoot, probes, found);
      if (inside && kind !== "frame") yield* this.collect(inside, probes, found);
      yield;
    }
    if ("fonts" in root) this.collectFonts(root, found);
  }

  /** Pictures of the element's style. */
  private collectStyled(element: Element, probes: Probes | null, found: Found[]): void {
    const view = element.ownerDocument.defaultView;
    if (!view || !probes) return;
    this.marks.beneath(element, () => {
      const told = new Set<string>();
      for (const { property, pseudo, url, by } of styledOf(element, view)) {
        const isPainted = url === PAINTED;
        if (!isPainted && by !== "own" && !probes.isMissing(url, by === "shared")) continue;
        const isBack = property === "background-image" && pseudo === null && !isPainted;
        const value = isBack ? view.getComputedStyle(element).backgroundImage : "";
        const more = {
          ...(isBack ? { back: { url, value } } : {}),
          ...(property === "mask-image" && pseudo === null ? { isBare: true } : {}),
        };
        // One picture in several places of an element is one thing that is not shown.
        if (told.has(url) && !isBack) continue;
        told.add(url);
        this.note(found, element, isPainted ? "canvas" : "image", isPainted ? "" : url, more);
      }
    });
  }

  private collectFonts(page: Document, found: Found[]): void {
    const names = [...page.fonts].filter(({ status }) => status === "error").map(({ family }) => family);
    for (const name of new Set(names))
      this.note(found, page.documentElement, "font", name.replace(/^"|"$/g, ""));
  }

  private note(
    found: Found[],
    element: Element,
    kind: Unshown["kind"],
    url: string,
    more: Partial<Found> = {},
  ): void {
    const { width, height } = SIZELESS.has(kind) ? NO_SIZE : element.getBoundingClientRect();
    found.push({
      ...{ element, kind, url: url.slice(0, UNSHOWN_URL_CHARS_MAX), isPicture: false, isBare: false },
      ...{ width: Math.round(width), height: Math.round(height) },
      ...more,
    });
  }
}

/** What was found, and what its mark has to know. */
interface Found extends Unshown {
  readonly element: Element;
  readonly back?: { readonly url: string; readonly value: string };
  readonly isPicture: boolean;
  readonly isBare: boolean;
}

function whenIdle(go: () => void): void {
  const { requestIdleCallback: idle } = window as Partial<Pick<Window, "requestIdleCallback">>;
  if (idle) idle(go, { timeout: 1_000 });
  else setTimeout(go, 0);
}

/** What has a place in the picture and says nothing about itself there. */
const MARKED = new Set<Unshown["kind"]>(["image", "media", "plugin", "canvas", "animation"]);
const PICTURES = new Set(["img", "input"]);
const SIZELESS = new Set<Unshown["kind"]>(["style", "font"]);
const NO_SIZE = { width: 0, height: 0 };
