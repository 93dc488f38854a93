/** Changes of style sheets: elements, rules, constructed sheets and who adopts them. */

import { declaration, declarations, plainRule, rule, rules, selector } from "../markup.mjs";

/** Address of a sheet of the page's own site. */
const served = (text) => `/random/sheet-${encodeURIComponent(btoa(unescape(encodeURIComponent(text))))}.css`;
const link = (world, dice, text) => {
  const element = world.page.createElement("link");
  element.rel = "stylesheet";
  element.href = dice.chance(0.5)
    ? served(text)
    : URL.createObjectURL(new Blob([text], { type: "text/css" }));
  return element;
};
const groups =
  "CSSMediaRule CSSSupportsRule CSSLayerBlockRule CSSContainerRule CSSScopeRule CSSStyleRule CSSStartingStyleRule".split(
    " ",
  );
const put = (world, dice, element) => {
  const tree = world.tree(dice);
  dice.pick([tree.head ?? tree, tree.body ?? tree]).append(element);
};

export const SHEETS = {
  addStyle(world, dice) {
    const tree = world.tree(dice);
    const style = (tree.ownerDocument ?? tree).createElement("style");
    style.append(rules(dice));
    if (dice.chance(0.3)) style.append(rules(dice));
    if (dice.chance(0.2)) style.media = dice.pick(["print", "screen", "(min-width: 1px)"]);
    put(world, dice, style);
  },
  addEmptyStyle(world, dice) {
    const style = world.page.createElement("style");
    world.page.head.append(style);
    for (let left = 1 + dice.below(3); left > 0; left -= 1) insert(style.sheet, rule(dice), 0);
  },
  addLink(world, dice) {
    const element = link(world, dice, rules(dice));
    if (dice.chance(0.2)) element.media = "print";
    if (dice.chance(0.1)) element.disabled = true;
    world.page.head.append(element);
  },
  addImport(world, dice) {
    const style = world.page.createElement("style");
    const url = served(plainRule(dice));
    style.dataset.far = "";
    style.append(`@import url(${url}) ${dice.pick(["", "layer(one)", "print", "screen"])}; ${rules(dice)}`);
    world.page.head.append(style);
  },
  changeStyleText(world, dice) {
    const style = world.element(dice, "style") ?? world.page.querySelector("style");
    if (!style) return;
    dice.pick([
      () => (style.textContent = rules(dice)),
      () => style.append(rules(dice)),
      () => style.firstChild && (style.firstChild.data = rules(dice)),
      () => style.firstChild?.remove(),
      () => style.setAttribute("media", dice.pick(["print", "screen", "all"])),
      () => style.removeAttribute("media"),
      () => (style.disabled = !style.disabled),
      () => style.replaceChildren(),
      () => style.prepend(`${plainRule(dice)} `),
    ])();
  },
  moveStyle(world, dice) {
    const style = world.element(dice, "style") ?? world.page.querySelector("style");
    if (style) put(world, dice, style);
  },
  insertRule(world, dice) {
    const sheet = world.sheet(dice);
    if (sheet) insert(sheet, rule(dice), dice.below(sheet.cssRules.length + 1));
  },
  deleteRule(world, dice) {
    const sheet = world.sheet(dice);
    if (sheet?.cssRules.length > 0) sheet.deleteRule(dice.below(sheet.cssRules.length));
  },
  insertInGroup(world, dice) {
    const group = world.rule(dice, ...groups);
    if (group) insert(group, plainRule(dice), dice.below(group.cssRules.length + 1));
  },
  deleteInGroup(world, dice) {
    const group = world.rule(dice, ...groups);
    if (group?.cssRules.length > 0) group.deleteRule(dice.below(group.cssRules.length));
  },
  ruleStyle(world, dice) {
    const found = world.rule(dice, "CSSStyleRule", "CSSNestedDeclarations");
    if (!found) return;
    const [name, value] = declaration(dice);
    dice.pick([
      () => found.style.setProperty(name, value, dice.pick(["", "important"])),
      () => found.style.removeProperty(name),
      () => (found.style.cssText = declarations(dice)),
      () => (found.style[name.startsWith("--") ? "color" : name] = name.startsWith("--") ? "red" : value),
    ])();
  },
  ruleSelector(world, dice) {
    const found = world.rule(dice, "CSSStyleRule");
    if (found) found.selectorText = selector(dice);
  },
  ruleMedia(world, dice) {
    const found = world.rule(dice, "CSSMediaRule");
    dice.pick([
      () => found && (found.media.mediaText = dice.pick(["print", "screen", "(min-width: 2px)"])),
    ])();
  },
  sheetMedia(world, dice) {
    const sheet = world.sheet(dice);
    if (!sheet) return;
    dice.pick([
      () => (sheet.media.mediaText = dice.pick(["print", "screen", ""])),
      () => (sheet.disabled = !sheet.disabled),
    ])();
  },
  keyframes(world, dice) {
    const found = world.rule(dice, "CSSKeyframesRule");
    if (!found) return;
    dice.pick([
      () => found.appendRule(`${10 + dice.below(80)}% { margin-left: ${dice.below(90)}px }`),
      () => found.deleteRule("to"),
    ])();
  },
  adopt(world, dice) {
    const tree = adopting(world, dice);
    const view = (tree.ownerDocument ?? tree).defaultView;
    if (!view) return;
    const own = world.sheets.filter((one) => one instanceof view.CSSStyleSheet);
    const sheet = own.length > 0 && dice.chance(0.4) ? dice.pick(own) : made(view, dice);
    if (!world.sheets.includes(sheet)) world.sheets.push(sheet);
    dice.pick([
      () => (tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, sheet]),
      () => (tree.adoptedStyleSheets = [sheet]),
      () => tree.adoptedStyleSheets.push(sheet),
      () => tree.adoptedStyleSheets.unshift(sheet),
      () => (tree.adoptedStyleSheets[0] = sheet),
    ])();
  },
  adoptOtherwise(world, dice) {
    const tree = adopting(world, dice);
    dice.pick([
      () => (tree.adoptedStyleSheets = []),
      () => tree.adoptedStyleSheets.pop(),
      () => tree.adoptedStyleSheets.reverse(),
      () => (tree.adoptedStyleSheets = tree.adoptedStyleSheets.slice(1)),
      () => (tree.adoptedStyleSheets.length = 0),
    ])();
  },
  replaceSheet(world, dice) {
    const sheet = world.sheets.length > 0 ? dice.pick(world.sheets) : null;
    if (!sheet) return;
    dice.pick([
      () => sheet.replaceSync(rules(dice)),
      () => void sheet.replace(rules(dice)),
      () => insert(sheet, rule(dice), 0),
      () => (sheet.disabled = !sheet.disabled),
    ])();
  },
};

/** Of a frame's own list only assignments are seen, so frames adopt nothing here. */
function adopting(world, dice) {
  const tree = world.tree(dice);
  return (tree.ownerDocument ?? tree) === world.page ? tree : world.page;
}

function insert(holder, text, at) {
  try {
    holder.insertRule(text, at);
  } catch {
    // Not every rule may stand everywhere.
  }
}

function made(view, dice) {
  const options = dice.pick([{}, {}, {}, { media: "print" }, { media: "screen" }, { disabled: true }]);
  const sheet = new view.CSSStyleSheet(options);
  sheet.replaceSync(rules(dice));
  return sheet;
}
