/**
 * Names of elements outside HTML: rrweb rebuilds MathML as unknown HTML, and misses the spelling of one name of SVG.
 *
 * Owns which names are MathML. HTML has none of these names.
 */

/** Gives elements of a mirrored document their namespace and spelling. */
export function allowForeign(mirrored: Document): void {
  const create = (name: string, options?: ElementCreationOptions): Element =>
    MATH_NAMES.has(name)
      ? Document.prototype.createElementNS.call(mirrored, MATH_SPACE, name)
      : // eslint-disable-next-line @typescript-eslint/no-deprecated -- only its overload for unknown names is
        Document.prototype.createElement.call(mirrored, name, options);
  const createNS = (space: string | null, name: string): Element =>
    Document.prototype.createElementNS.call(mirrored, space, name === "textpath" ? "textPath" : name);
  Object.defineProperty(mirrored, "createElementNS", { value: createNS, configurable: true });
  Object.defineProperty(mirrored, "createElement", { value: create, configurable: true });
}

const MATH_SPACE = "http://www.w3.org/1998/Math/MathML";

const MATH_NAMES = new Set(
  `math maction annotation annotation-xml menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom
  mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none
  semantics`.split(/\s+/),
);
