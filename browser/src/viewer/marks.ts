/**
 * Marks in the picture, on what could not be shown: a dashed outline, and where a picture should be, of an element or behind it, words in its place.
 *
 * Owns the marks' look and life. They are animations: they change no attribute and no layout, so that the proof of the picture holds,
 * and lie where the page lies, below what covers it.
 */

import { MARKS_MAX } from "./limits.js";

/** What a mark stands for. */
export interface Marked {
  /** The value of the element's `background-image` that names missing pictures, and those. */
  readonly back: string;
  readonly urls: readonly string[];
  /** Whether the element itself is the picture. */
  readonly isPicture: boolean;
  /** Whether the element is gone with its mask. */
  readonly isBare: boolean;
}

/** The marks of the page that is shown. */
export class Marks {
  private readonly marks = new Map<Element, { readonly key: string; readonly animation: Animation }>();

  /** Marks these elements and no others. */
  keep(wanted: ReadonlyMap<Element, Marked>): void {
    for (const [element, { animation }] of this.marks) {
      if (wanted.has(element)) continue;
      animation.cancel();
      this.marks.delete(element);
    }
    for (const [element, marked] of wanted) {
      const key = JSON.stringify(marked);
      const before = this.marks.get(element);
      if (before?.key === key || (!before && this.marks.size >= MARKS_MAX)) continue;
      this.marks.set(element, { key, animation: element.animate(looks(marked), FOR_EVER) });
      before?.animation.cancel();
    }
  }

  /** What `read` gives of an element without its mark. Nothing is painted meanwhile. */
  beneath<T>(element: Element, read: () => T): T {
    const animation = this.marks.get(element)?.animation;
    if (!animation) return read();
    const { effect } = animation;
    animation.effect = null;
    try {
      return read();
    } finally {
      animation.effect = effect;
    }
  }
}

function looks({ back, urls, isPicture, isBare }: Marked): PropertyIndexedKeyframes {
  const both = (value: string): string[] => [value, value];
  const frames: PropertyIndexedKeyframes = {
    outline: both("2px dashed #b45309"),
    outlineOffset: both("-2px"),
  };
  if (urls.length > 0) {
    const missing = new Set(urls);
    frames.backgroundImage = both(
      back.replace(URL_EACH, (all, url: string) =>
        missing.has(url.replace(/\\(.)/gs, "$1")) ? `url("${WORDS_PICTURE}")` : all,
      ),
    );
  }
  if (isPicture) frames.backgroundImage = both(`url("${WORDS_PICTURE}")`);
  if (isBare) frames.maskImage = both("none");
  return frames;
}

const FOR_EVER: KeyframeAnimationOptions = { duration: 1, fill: "forwards" };
const URL_EACH = /url\("((?:[^"\\]|\\.)*)"\)/gs;

/** What a missing picture is called. */
export const MISSING_WORDS = "Picture not reachable from here";

/** Takes the size of the place that it is for; a small one has no room for words. */
const WORDS_PICTURE = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%"><style>@media (max-width:209px),(max-height:23px){g{display:none}}</style>
<pattern id="p" width="12" height="12" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="1" height="12" fill="#b45309" fill-opacity=".4"/></pattern>
<rect width="100%" height="100%" fill="url(#p)"/><svg x="100%" y="100%" overflow="visible"><g transform="translate(-206 -22)"><rect width="202" height="18" rx="3" fill="#fffbeb"/><text x="6" y="13" font-family="sans-serif" font-size="12" fill="#7c2d12">${MISSING_WORDS}</text></g></svg></svg>`,
)}`;
