/**
 * Pages of a visitor who wants to stop the views that show them, and such as do not.
 */

let id = 100;

/** An element as the recorder writes it. */
export const element = (
  tagName: string,
  attributes: object,
  childNodes: unknown[] = [],
  isSVG = false,
): unknown => ({ id: ++id, type: 2, tagName, attributes, childNodes, ...(isSVG ? { isSVG } : {}) });

/** The events of a page with this in its body. */
export const page = (...children: unknown[]): unknown[] => {
  const body = { id: 4, type: 2, tagName: "body", attributes: {}, childNodes: children };
  const html = { id: 2, type: 2, tagName: "html", attributes: {}, childNodes: [body] };
  const node = { id: 1, type: 0, childNodes: [html] };
  return [
    { type: 4, data: { href: "https://shop.example/", width: 800, height: 600 }, timestamp: 1 },
    { type: 2, data: { node, initialOffset: { top: 0, left: 0 } }, timestamp: 2 },
  ];
};

/** Ten copies of ten copies of … a drawing: 15 KB that no browser lays out. */
export const endless = (): unknown => {
  const copies = (of: number): unknown[] =>
    Array.from({ length: 10 }, () => element("use", { href: `#g${String(of)}` }, [], true));
  const groups = Array.from({ length: 14 }, (_, at) =>
    element("g", { id: `g${String(at)}` }, copies(at + 1), true),
  );
  return element("svg", {}, groups, true);
};
