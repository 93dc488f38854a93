/**
 * What an element itself would show from an address, and whether it does: by events that it was met with, by its state, or by asking.
 *
 * Owns the kinds of elements. Pictures of styles are `styled.ts`'s.
 */

import { hasPicture } from "./canvases.js";
import type { Probes } from "./probes.js";
import type { Unshown } from "./unshown.js";

/** What of an element's own content is missing; `null` for nothing. */
export function contentOf(
  element: Element,
  failed: WeakSet<EventTarget>,
  probes: Probes | null,
): Pick<Unshown, "kind" | "url"> | null {
  const url = addressOf(element);
  const is = (kind: Unshown["kind"], isMissing: boolean, at = url): Pick<Unshown, "kind" | "url"> | null =>
    isMissing ? { kind, url: at } : null;
  switch (element.localName) {
    case "img":
      return is("image", isBroken(element as HTMLImageElement, failed, probes));
    case "input":
      return is(
        "image",
        (element as HTMLInputElement).type === "image" && isGone(element, url, failed, probes),
      );
    case "image":
    case "feImage":
      return is("image", url !== "" && !url.startsWith("#") && isGone(element, url, failed, probes));
    case "use":
      // A part of another file is shown to pages of that file's own site only.
      return is("image", url !== "" && !url.startsWith("#"));
    case "video":
    case "audio":
      // A drawing's element of that name plays nothing.
      if (!("pause" in element)) return null;
      return isSilent(element as HTMLMediaElement, failed)
        ? { kind: "media", url: sourceOf(element) }
        : posterOf(element, probes);
    case "track":
      return is("media", (element as HTMLTrackElement).readyState === HTMLTrackElement.ERROR);
    case "link":
      return is("style", failed.has(element));
    case "style":
      return is("style", failed.has(element), importOf(element as HTMLStyleElement));
    case "iframe":
      return is("frame", isPlaceholder(element));
    case "canvas":
      return is("canvas", !hasPicture(element));
    case "div":
      return is("plugin", isPlugin(element));
    default:
      return null;
  }
}

/** Where an element's content comes from, as it is written. A frame's address is no attribute here: its placeholder holds it. */
export function addressOf(element: Element): string {
  if (element.localName === "iframe") {
    return (element as HTMLIFrameElement).contentDocument?.documentElement?.dataset.cobrowsePlaceholder ?? "";
  }
  for (const name of ["src", "href", "xlink:href", "data"]) {
    const value = element.getAttribute(name);
    if (value !== null && value !== "") return value;
  }
  return (element as Partial<HTMLImageElement>).currentSrc ?? "";
}

/** The element that is marked for one: parts of a drawing may have no place of their own. */
export function placeOf(element: Element): Element | null {
  if (element.localName === "track") return element.parentElement;
  if (element.localName !== "use" && element.localName !== "feImage") return element;
  let place: Element = element;
  for (let at = (element as SVGElement).ownerSVGElement; at; at = at.ownerSVGElement) place = at;
  return place;
}

function isBroken(image: HTMLImageElement, failed: WeakSet<EventTarget>, probes: Probes | null): boolean {
  if (!image.getAttribute("src") && !image.getAttribute("srcset")) return false;
  const { currentSrc, complete, naturalWidth } = image;
  if (failed.has(image)) {
    probes?.miss(currentSrc);
    return true;
  }
  // One in a tree that nobody listened to yet; drawings may have no size of their own.
  return complete && naturalWidth === 0 && probes?.isMissing(currentSrc) === true;
}

function isGone(element: Element, url: string, failed: WeakSet<EventTarget>, probes: Probes | null): boolean {
  const at = wholeOf(element, url);
  if (!failed.has(element)) return probes?.isMissing(at) === true;
  probes?.miss(at);
  return true;
}

/** All its sources have failed: only the last of them says so. */
function isSilent(media: HTMLMediaElement, failed: WeakSet<EventTarget>): boolean {
  return (
    failed.has(media) || media.error !== null || media.networkState === HTMLMediaElement.NETWORK_NO_SOURCE
  );
}

function posterOf(media: Element, probes: Probes | null): Pick<Unshown, "kind" | "url"> | null {
  const url = media.getAttribute("poster") ?? "";
  const isSeen = url !== "" && (media as HTMLMediaElement).currentTime === 0;
  return isSeen && probes?.isMissing(wholeOf(media, url)) ? { kind: "image", url } : null;
}

function sourceOf(media: Element): string {
  return addressOf(media) || (media.querySelector("source")?.getAttribute("src") ?? "");
}

/** A sheet that another takes in: one that is missing has no rules. */
function importOf({ sheet }: HTMLStyleElement): string {
  const rules = [...(sheet?.cssRules ?? [])].filter((rule) => "href" in rule) as CSSImportRule[];
  return (rules.find((rule) => !rule.styleSheet) ?? rules[0])?.href ?? "";
}

function isPlaceholder(frame: Element): boolean {
  const inside = (frame as HTMLIFrameElement).contentDocument;
  return inside?.documentElement?.dataset.cobrowsePlaceholder !== undefined;
}

/** What stands for an `object` or `embed` that is no picture, or for a frame of a `frameset`. */
function isPlugin(element: Element): boolean {
  if (!element.hasAttribute("data") && !element.hasAttribute("src")) return false;
  if (element.parentElement?.matches("div[cols], div[rows]")) return true;
  const said = `${element.getAttribute("type") ?? ""} ${addressOf(element)}`;
  return /(?:^|\s)(?:application|text|video|audio)\/|\.(?:pdf|swf)\b/i.test(said);
}

function wholeOf(element: Element, url: string): string {
  try {
    return new URL(url, element.baseURI).href;
  } catch {
    return "";
  }
}
