/**
 * The page that changes: its documents and shadow trees, and what of them a throw meets.
 *
 * Closed roots are noted where they are attached, for the comparison too. Owns no change.
 */

const roots = new WeakMap();

/** Notes closed roots of a window's elements. */
export function noteRoots(view) {
  if (view.mirrorRootOf) return;
  const { prototype } = view.Element;
  const attach = prototype.attachShadow;
  prototype.attachShadow = function attachShadow(init) {
    const root = attach.call(this, init);
    roots.set(this, root);
    return root;
  };
  Object.defineProperty(view, "mirrorRootOf", { value: rootOf });
}

/** The shadow root of an element, open or closed. */
export function rootOf(host) {
  return roots.get(host) ?? host.shadowRoot ?? null;
}

/** The page's document and those of its frames, each with its trees. */
export class World {
  constructor(page) {
    this.page = page;
    /** Parts of the page that stand nowhere at the moment. */
    this.kept = [];
    this.sheets = [];
  }

  documents() {
    const found = [this.page];
    for (const one of found)
      for (const frame of one.querySelectorAll("iframe"))
        if (frame.contentDocument?.body) found.push(frame.contentDocument);
    return found;
  }

  document(dice) {
    return dice.chance(0.75) ? this.page : dice.pick(this.documents());
  }

  /** Documents and shadow roots. */
  trees() {
    const found = this.documents();
    for (const one of found)
      for (const element of one.querySelectorAll("*")) {
        const root = rootOf(element);
        if (root) found.push(root);
      }
    return found;
  }

  tree(dice) {
    return dice.chance(0.5) ? this.document(dice) : dice.pick(this.trees());
  }

  /** An element that a change may touch. */
  element(dice, selector = "*") {
    const tree = this.tree(dice);
    const found = [...(tree.body ?? tree).querySelectorAll(selector)].filter((one) => !one.closest("script"));
    if (found.length > 0) return dice.pick(found);
    return selector === "*" ? (tree.body ?? null) : this.page.body.querySelector(selector);
  }

  /** A text. */
  text(dice) {
    const parent = this.element(dice);
    const found = parent ? [...parent.childNodes].filter((one) => one.nodeType === 3) : [];
    return found.length > 0 ? dice.pick(found) : null;
  }

  /** A place for children: an element that takes them, or a shadow root. */
  parent(dice) {
    const tree = this.tree(dice);
    if (!tree.body && dice.chance(0.2)) return tree;
    const found = [...(tree.body ?? tree).querySelectorAll("*")].filter((one) => TAKES.test(one.localName));
    return found.length > 0 ? dice.pick(found) : (tree.body ?? tree);
  }

  /** A sheet that scripts may change. */
  sheet(dice) {
    const tree = this.tree(dice);
    const found = [...tree.styleSheets, ...tree.adoptedStyleSheets].filter(isReadable);
    return found.length > 0 ? dice.pick(found) : null;
  }

  /** A rule of a sheet, at any depth, that is of one of these kinds. */
  rule(dice, ...kinds) {
    const sheet = this.sheet(dice);
    const found = [];
    const add = (holder) => {
      for (const rule of holder.cssRules ?? []) {
        if (kinds.length === 0 || kinds.includes(rule.constructor.name)) found.push(rule);
        if (rule.cssRules) add(rule);
      }
    };
    if (sheet) add(sheet);
    return found.length > 0 ? dice.pick(found) : null;
  }
}

function isReadable(sheet) {
  try {
    return sheet.cssRules !== null;
  } catch {
    return false;
  }
}

const TAKES = /^(?:div|p|span|section|b|i|ul|li|article|x-\w+|details|dialog|fieldset|td|label|button|bdi)$/;
