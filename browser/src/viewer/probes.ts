/**
 * Whether pictures can be had here: asked once for each address, by an image in the mirrored page that is shown nowhere.
 *
 * Owns the asking, its bounds, and the asking again for what is missing. An image of the mirrored page is under its policy, and finds
 * in the browser's cache what that page has loaded: only what is missing is asked of the site once more. What is missing for whom is `unshown.ts`'s.
 */

import { PROBE_AGAIN_MS, PROBE_AGAIN_MS_MAX, PROBES_AT_ONCE, PROBES_MAX } from "./limits.js";

/** The pictures of one mirrored document. */
export class Probes {
  private readonly known = new Map<string, Known>();
  private readonly waiting: string[] = [];
  private running = 0;
  private isStopped = false;

  /** `onKnown`: something is known to be missing that was not; `onBack`: something that was missing can be had. */
  constructor(
    private readonly page: Document,
    private readonly onKnown: () => void,
    private readonly onBack: () => void,
  ) {}

  /** Whether a picture is known to be missing; the first time it is asked for. `isShared`: only a site that lets others read it gives it. */
  isMissing(url: string, isShared = false): boolean {
    return this.look(url, isShared, "asked")?.state === "missing";
  }

  /** The page itself has met that a picture is missing: it is asked for again later. */
  miss(url: string): void {
    this.look(url, false, "missing");
  }

  /** A look at the page begins: what it does not name any more is not asked for again. */
  begin(): void {
    const isFull = this.known.size >= PROBES_MAX;
    for (const [key, one] of this.known) {
      if (!one.isNamed && isFull) this.forget(key, one);
      one.isNamed = false;
    }
  }

  /** The document is shown no longer. */
  stop(): void {
    this.isStopped = true;
    for (const [key, one] of this.known) this.forget(key, one);
  }

  private look(url: string, isShared: boolean, state: Known["state"]): Known | null {
    if (url === "" || url.startsWith("data:")) return null;
    if (!ASKED.test(url)) return NOWHERE;
    const key = (isShared ? SHARED : ANY) + url;
    let one = this.known.get(key);
    if (!one) {
      if (this.known.size >= PROBES_MAX || this.isStopped) return null;
      one = { state, isNamed: true, tries: 0, timer: undefined };
      this.known.set(key, one);
      if (state === "missing") this.planAgain(key, one);
      else this.enqueue(key);
    }
    one.isNamed = true;
    return one;
  }

  private enqueue(key: string): void {
    this.waiting.push(key);
    this.pump();
  }

  private pump(): void {
    while (this.running < PROBES_AT_ONCE && !this.isStopped) {
      const key = this.waiting.shift();
      if (key === undefined) return;
      this.running += 1;
      const image = this.page.createElement("img");
      const over = (isThere: boolean) => (): void => {
        this.running -= 1;
        this.settle(key, isThere);
        this.pump();
      };
      image.onload = over(true);
      image.onerror = over(false);
      if (key.startsWith(SHARED)) image.crossOrigin = "anonymous";
      image.src = key.slice(ANY.length);
    }
  }

  private settle(key: string, isThere: boolean): void {
    const one = this.known.get(key);
    if (!one || this.isStopped) return;
    const before = one.state;
    one.state = isThere ? "there" : "missing";
    if (!isThere) this.planAgain(key, one);
    if (!isThere && before === "asked") this.onKnown();
    if (isThere && before === "missing") this.onBack();
  }

  private planAgain(key: string, one: Known): void {
    const ms = pauseMs(one.tries);
    one.tries += 1;
    one.timer = setTimeout(() => {
      if (one.isNamed) this.enqueue(key);
      else this.forget(key, one);
    }, ms);
  }

  private forget(key: string, one: Known): void {
    clearTimeout(one.timer);
    this.known.delete(key);
  }
}

/** How long what is missing is left alone after so many tries in vain. */
export function pauseMs(tries: number): number {
  return Math.min(PROBE_AGAIN_MS * 3 ** tries, PROBE_AGAIN_MS_MAX);
}

/** What is known of one address. */
interface Known {
  state: "asked" | "there" | "missing";
  /** Whether the last look at the page has met it. */
  isNamed: boolean;
  tries: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** What may be asked for. Nothing else names a picture that could come. */
const ASKED = /^(?:https?|blob):/;
const NOWHERE: Known = { state: "missing", isNamed: true, tries: 0, timer: undefined };

/** What stands before an address: how it is asked for. */
const ANY = "any ";
const SHARED = "all ";
