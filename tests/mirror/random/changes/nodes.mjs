/** Changes of nodes: coming, going, moving, texts and attributes, in all namespaces. */

import { CLASSES, declaration, declarations, markup, picture } from "../markup.mjs";

const SVG = "http://www.w3.org/2000/svg";
const MATH = "http://www.w3.org/1998/Math/MathML";
const XLINK = "http://www.w3.org/1999/xlink";

const isXml = (node) => node.ownerDocument.contentType !== "text/html";
const parts = (dice, parent) => [
  ...parent.ownerDocument
    .createRange()
    .createContextualFragment(markup(dice, { isXml: isXml(parent), hasRoots: false })).childNodes,
];
/** Whether a node may come there. */
const takes = (parent, node) => node && node !== parent && !node.contains(parent) && !ringed(parent, node);
/** Through the hosts of shadow trees. */
const ringed = (parent, node) => {
  for (let at = parent; at; at = at.parentNode ?? at.host) if (at === node) return true;
  return false;
};
const before = (dice, parent) => (dice.chance(0.5) ? null : dice.pick([...parent.childNodes, null]));

export const NODES = {
  insertMarkup(world, dice) {
    const element = world.parent(dice);
    if (!element.insertAdjacentHTML) return;
    element.insertAdjacentHTML(
      dice.pick(["afterbegin", "beforeend"]),
      markup(dice, { isXml: isXml(element), hasRoots: false }),
    );
  },
  writeInside(world, dice) {
    const element = world.parent(dice);
    element.innerHTML = markup(dice, { depth: 1, isXml: isXml(element), hasRoots: false });
  },
  writeWithRoots(world, dice) {
    const element = world.parent(dice);
    if (!isXml(element)) element.setHTMLUnsafe?.(markup(dice));
  },
  writeOutside(world, dice) {
    const element = world.element(dice, "p,span,b,i,li,section");
    if (element?.parentElement)
      element.outerHTML = markup(dice, { depth: 1, isXml: isXml(element), hasRoots: false });
  },
  insertParts(world, dice) {
    const parent = world.parent(dice);
    parent[dice.pick(["append", "prepend", "replaceChildren"])](...parts(dice, parent));
  },
  move(world, dice) {
    const [node, parent] = [world.element(dice), world.parent(dice)];
    if (takes(parent, node) && node.localName !== "body")
      parent.insertBefore(node, before(dice, parent)?.parentNode === parent ? before(dice, parent) : null);
  },
  moveKeepingState(world, dice) {
    const [node, parent] = [world.element(dice), world.parent(dice)];
    if (takes(parent, node) && node.getRootNode() === parent.getRootNode() && node.localName !== "body")
      if (!node.matches("iframe") && !node.querySelector("iframe")) parent.moveBefore?.(node, null);
  },
  moveText(world, dice) {
    const [text, parent] = [world.text(dice), world.parent(dice)];
    if (text) parent.append(text);
  },
  remove(world, dice) {
    const node = world.element(dice);
    if (node && node.localName !== "body") node.remove();
  },
  take(world, dice) {
    const node = world.element(dice);
    if (!node || node.localName === "body") return;
    node.remove();
    world.kept.push(node);
  },
  giveBack(world, dice) {
    const node = world.kept.pop();
    const parent = world.parent(dice);
    if (node && takes(parent, node)) parent.append(node);
  },
  takeChangeGiveBack(world, dice) {
    const node = world.element(dice);
    const parent = node?.parentNode;
    if (!parent || node.localName === "body") return;
    const next = node.nextSibling;
    node.remove();
    if (node.localName !== "iframe") node.append(dice.words());
    node.setAttribute("class", dice.pick(CLASSES));
    parent.insertBefore(node, next?.parentNode === parent ? next : null);
  },
  comeAndGo(world, dice) {
    const parent = world.parent(dice);
    const [first, ...rest] = parts(dice, parent);
    if (!first) return;
    parent.append(first, ...rest);
    first.remove();
    rest[0]?.before(first);
    rest.at(-1)?.remove();
  },
  sort(world, dice) {
    const parent = world.parent(dice);
    if (parent.querySelector("iframe")) return;
    const sorted = [...parent.childNodes]
      .map((node) => [dice.next(), node])
      .sort(([one], [other]) => one - other);
    for (const [, node] of sorted) parent.append(node);
  },
  wrap(world, dice) {
    const element = world.element(dice, "p,div,span,li");
    if (!element || element.localName === "body") return;
    const range = element.ownerDocument.createRange();
    range.selectNodeContents(element);
    const around = element.ownerDocument.createElement(dice.pick(["b", "div", "x-open"]));
    around.append(range.extractContents());
    element.append(around);
  },
  copy(world, dice) {
    const [node, parent] = [world.element(dice), world.parent(dice)];
    if (node && node.localName !== "body")
      parent.append((parent.ownerDocument ?? parent).importNode(node, true));
  },
  textData(world, dice) {
    const text = world.text(dice);
    if (!text) return;
    dice.pick([
      () => (text.data = dice.words()),
      () => text.appendData(dice.words()),
      () => text.insertData(0, dice.words()),
      () => text.replaceData(0, 1, "R"),
      () => (text.nodeValue = ""),
      () => text.length > 1 && text.splitText(1).before(text.ownerDocument.createComment("split")),
      () => text.length > 1 && text.splitText(1),
      () => text.parentNode.normalize(),
      () => text.replaceWith(dice.words(), text.ownerDocument.createElement("b")),
    ])();
  },
  textContent(world, dice) {
    world.parent(dice).textContent = dice.words();
  },
  comment(world, dice) {
    const parent = world.parent(dice);
    parent.prepend(parent.ownerDocument.createComment("new"));
    parent.lastChild?.before(dice.words());
  },
  attribute(world, dice) {
    const element = world.element(dice);
    if (!element) return;
    const [name, value] = dice.pick([
      ["class", `${dice.pick(CLASSES)} ${dice.pick(CLASSES)}`],
      ["class", ""],
      ["style", declarations(dice)],
      ["hidden", ""],
      ["dir", dice.pick(["rtl", "ltr", "auto"])],
      ["lang", "de"],
      ["title", dice.words()],
      ["data-x", dice.words()],
      ["aria-label", dice.words()],
      ["contenteditable", "true"],
      ["inert", ""],
      ["slot", dice.pick(["s", "", "other"])],
      ["part", "p q"],
      ["x.y:z", "1"],
      ["_odd", "1"],
      ["align", "right"],
      ["width", "77"],
      ["tabindex", "0"],
      ["id", `i${dice.below(4)}`],
    ]);
    if (dice.chance(0.3)) element.removeAttribute(name);
    else element.setAttribute(name, value);
  },
  oddAttribute(world, dice) {
    const element = world.element(dice);
    if (!element || isXml(element)) return;
    const holder = element.ownerDocument.createElement("template");
    holder.innerHTML = `<i ${dice.pick(["@click", ":key", "[x]", "#ref", "(ev)", "v-on:a.b", "x y", "ä", "*ngIf", "a$b"])}="1"></i>`;
    element.setAttributeNode(holder.content.firstChild.attributes[0].cloneNode());
  },
  inlineStyle(world, dice) {
    const element = world.element(dice);
    if (!element?.style) return;
    const [name, value] = declaration(dice);
    dice.pick([
      () => element.style.setProperty(name, value, dice.pick(["", "important"])),
      () => element.style.removeProperty(name),
      () => (element.style.cssText = declarations(dice)),
      () => element.attributeStyleMap?.set("margin-top", CSS.px(dice.below(20))),
      () => (element.style.backgroundImage = `url("${picture(dice)}")`),
      () => element.removeAttribute("style"),
    ])();
  },
  drawing(world, dice) {
    const svg = world.element(dice, "svg");
    if (!svg) return;
    const make = (name) => svg.ownerDocument.createElementNS(SVG, name);
    dice.pick([
      () => {
        const use = make("use");
        use.setAttributeNS(XLINK, "xlink:href", "#q");
        svg.append(use);
      },
      () => {
        const gradient = make("radialGradient");
        gradient.append(make("stop"));
        svg.prepend(gradient);
        svg.setAttribute("preserveAspectRatio", "none");
      },
      () => {
        const text = make("text");
        text.append(make("tspan"));
        text.firstChild.append(dice.words());
        text.setAttribute("y", "25");
        svg.append(text);
      },
      () => {
        const place = make("foreignObject");
        place.setAttribute("width", "50");
        place.setAttribute("height", "20");
        place.append(svg.ownerDocument.createElement("p"));
        place.firstChild.textContent = dice.words();
        svg.append(place);
      },
      () => svg.setAttribute("viewBox", `0 0 ${40 + dice.below(40)} 30`),
      () => svg.querySelector("rect")?.setAttributeNS(null, "fill", "red"),
      () => svg.append(make("a"), make("style"), make("title")),
    ])();
  },
  formula(world, dice) {
    const parent = world.parent(dice);
    const doc = parent.ownerDocument;
    const math = doc.createElementNS(MATH, "math");
    math.append(doc.createElementNS(MATH, dice.pick(["mi", "msqrt", "mrow"])));
    math.firstChild.textContent = dice.words();
    parent.append(math);
  },
  foreignNames(world, dice) {
    const parent = world.parent(dice);
    const doc = parent.ownerDocument;
    const make = dice.pick([
      () => doc.createElement("unknown"),
      () => doc.createElement("font"),
      () => doc.createElement("blink_x"),
    ]);
    const element = make();
    element.append(dice.words());
    parent.append(element);
  },
  template(world, dice) {
    const parent = world.parent(dice);
    const template = parent.ownerDocument.createElement("template");
    template.content.append(...parts(dice, template));
    parent.append(template);
    if (dice.chance(0.5)) parent.append(template.content.cloneNode(true));
  },
  page(world, dice) {
    const doc = world.page;
    dice.pick([
      () => doc.documentElement.setAttribute("class", dice.pick(CLASSES)),
      () => doc.documentElement.setAttribute("dir", dice.pick(["rtl", "ltr"])),
      () => (doc.title = dice.words()),
      () => doc.doctype?.remove(),
      () => doc.doctype || doc.prepend(doc.implementation.createDocumentType("html", "", "")),
      () => doc.prepend(doc.createComment("first")),
      () => doc.append(doc.createComment("last")),
      () => doc.body.setAttribute("bgcolor", "#eef"),
      () => (doc.documentElement.style.colorScheme = dice.pick(["dark", "light"])),
      () => (doc.body.style.zoom = dice.pick(["1.1", "1"])),
      () => {
        const meta = doc.createElement("meta");
        meta.name = "color-scheme";
        meta.content = dice.pick(["dark", "light dark"]);
        doc.head.append(meta);
      },
    ])();
  },
  otherBody(world, dice) {
    const doc = world.page;
    const body = doc.importNode(doc.body, dice.chance(0.5));
    body.append(...parts(dice, body));
    dice.pick([
      () => (doc.body = body),
      () => doc.body.replaceWith(body),
      () => doc.documentElement.replaceChild(body, doc.body),
    ])();
  },
};
