/**
 * Which pictures an element shows by its style: of rules and attributes, of the element and of what stands before, after and beside it.
 *
 * Owns the properties and the reading of their values, as the browser has computed them: whatever they came from, a rule, a custom
 * property or an animation. Whether a picture can be had is `probes.ts`'s.
 */

/** A picture that a style names. */
export interface Styled {
  /** Where it stands. */
  readonly property: string;
  readonly pseudo: string | null;
  readonly url: string;
  /** How browsers get it: as any picture, only where its site lets others read it, or from no other site at all. */
  readonly by: "any" | "shared" | "own";
}

/** A drawing of a worklet: there is no script here that draws it. */
export const PAINTED = "paint";

/** The pictures of one element; none of one that has no box. */
export function styledOf(
  element: Element,
  view: Pick<Window, "getComputedStyle" | "devicePixelRatio">,
): Styled[] {
  const found: Styled[] = [];
  const style = view.getComputedStyle(element);
  const { display } = style;
  if (display === "none") return found;
  const read = (from: CSSStyleDeclaration, properties: readonly string[], pseudo: string | null): void => {
    for (const property of properties) {
      const value = from.getPropertyValue(property);
      if (!NAMES.test(value)) continue;
      const by = SHARED.has(property) ? "shared" : property === "filter" ? "own" : "any";
      for (const url of addressesOf(value, view.devicePixelRatio)) found.push({ property, pseudo, url, by });
    }
  };
  read(style, OF_ELEMENTS, null);
  const isItem = display.includes("list-item");
  if (isItem) read(style, ["list-style-image"], null);
  for (const pseudo of isItem ? [...AROUND, "::marker"] : AROUND) {
    const beside = view.getComputedStyle(element, pseudo);
    if (beside.content !== "none" && beside.content !== "normal") read(beside, OF_PSEUDOS, pseudo);
  }
  return found.length > 0 && isRendered(element) ? found : [];
}

/** The addresses in a computed value; of several for one place the one that this screen takes. */
export function addressesOf(value: string, density: number): string[] {
  const found: string[] = PAINT.test(value.replace(STRING, "")) ? [PAINTED] : [];
  const single = value.replace(SET, (set) => chosen(set, density));
  for (const [, url] of single.matchAll(URL_OR_STRING)) {
    // Part of the document itself, or there already.
    if (url !== undefined && url !== "" && !url.startsWith("#") && !url.startsWith("data:"))
      found.push(url.replace(ESCAPE, "$1"));
  }
  return found;
}

/** Of a set: the least of those that are sharp enough, or the sharpest. */
function chosen(set: string, density: number): string {
  const options = [...set.matchAll(OPTION)].map(([, image = "", size = "1", unit = "x"]) => {
    const dots = unit === "dpi" ? 96 : unit === "dpcm" ? 96 / 2.54 : 1;
    return { image, size: Number(size) / dots };
  });
  options.sort((one, other) => one.size - other.size);
  return (options.find(({ size }) => size >= density) ?? options.at(-1))?.image ?? "";
}

function isRendered(element: Element): boolean {
  return (element as Partial<Element>).checkVisibility ? element.checkVisibility() : true;
}

/** Short before long: most values name nothing. */
const NAMES = /url\(|paint\(/;
const STRING = /"(?:[^"\\]|\\.)*"/gs;
const PAINT = /(?:^|[\s,(])paint\(/;
const URL_OR_STRING = /url\("((?:[^"\\]|\\.)*)"\)|"(?:[^"\\]|\\.)*"/gs;
const ESCAPE = /\\(.)/gs;
const SET = /image-set\((?:url\("(?:[^"\\]|\\.)*"\)|"(?:[^"\\]|\\.)*"|[^()"]|\([^()]*\))*\)/gs;
const OPTION = /(url\("(?:[^"\\]|\\.)*"\))(?:\s+([\d.]+)(dppx|dpi|dpcm|x))?/gs;

const OF_ELEMENTS = [
  "background-image",
  "mask-image",
  "border-image-source",
  "content",
  "clip-path",
  "filter",
  "shape-outside",
];
const OF_PSEUDOS = ["background-image", "mask-image", "border-image-source", "content"];
const AROUND = ["::before", "::after"];

/** What browsers ask other sites for as a script would. */
const SHARED = new Set(["mask-image", "clip-path", "shape-outside"]);
