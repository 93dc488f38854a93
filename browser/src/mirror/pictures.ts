/**
 * Blob pictures: only this browser can read them, so they travel as data.
 *
 * Owns the reading and a bounded memory of it. A picture is drawn, not fetched: the page's policy may forbid the latter.
 */

import { guarded, on } from "../guard/guard.js";
import {
  PICTURE_EXACT_PIXELS_MAX,
  PICTURE_CHARS_MAX,
  PICTURE_SIDE_MAX,
  PICTURES_CHARS_MAX,
} from "../visitor/limits.js";

/** Blob pictures of one page. */
export class Pictures {
  private readonly known = new Map<string, string>();
  private chars = 0;

  /** `onReady` gets a picture that could not be read at once. */
  constructor(private readonly onReady: (image: HTMLImageElement, data: string) => void) {}

  /** The data of a picture, if it is known; else it comes later. */
  dataOf(image: HTMLImageElement, url: string): string | null {
    const known = this.known.get(url);
    if (known !== undefined) return known;
    if (image.src === url && image.complete && image.naturalWidth > 0) return this.read(image, url);
    on(
      image,
      "load",
      guarded(() => {
        const data = image.src === url ? this.read(image, url) : null;
        if (data) this.onReady(image, data);
      }),
      { once: true },
    );
    return null;
  }

  private read(image: HTMLImageElement, url: string): string | null {
    const { naturalWidth, naturalHeight } = image;
    const scale = Math.min(1, PICTURE_SIDE_MAX / Math.max(naturalWidth, naturalHeight, 1));
    const canvas = image.ownerDocument.createElement("canvas");
    canvas.width = Math.max(1, Math.round(naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(naturalHeight * scale));
    try {
      canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
      const isSmall = canvas.width * canvas.height <= PICTURE_EXACT_PIXELS_MAX;
      const data = isSmall ? canvas.toDataURL() : canvas.toDataURL("image/webp", WEBP_QUALITY);
      if (data.length > PICTURE_CHARS_MAX) return null;
      this.keep(url, data);
      return data;
    } catch {
      // Tainted, or too large to draw: the agent sees its place.
      return null;
    }
  }

  private keep(url: string, data: string): void {
    this.known.set(url, data);
    this.chars += data.length;
    for (const [oldest, kept] of this.known) {
      if (this.chars <= PICTURES_CHARS_MAX) return;
      this.known.delete(oldest);
      this.chars -= kept.length;
    }
  }
}

/** No difference that an eye would see. */
const WEBP_QUALITY = 0.92;
