/** Changes that stand in no node: fields, choices, what is open or scrolled, who has the focus, what moves. */

import { color } from "../markup.mjs";

const set = (world, dice, selector, change) => {
  const element = world.element(dice, selector) ?? world.page.querySelector(selector);
  if (element) change(element);
};

export const STATES = {
  value(world, dice) {
    set(world, dice, "input:not([type=checkbox], [type=radio], [type=file])", (field) => {
      const value =
        { range: "7", color: "#336699", date: "2024-02-03", number: "5" }[field.type] ?? dice.words();
      if (dice.chance(0.2)) field.defaultValue = value;
      else if (dice.chance(0.2)) field.setAttribute("value", value);
      else field.value = dice.chance(0.2) ? "" : value;
    });
  },
  typed(world, dice) {
    set(world, dice, "input:not([type=checkbox], [type=radio], [type=file]), textarea", (field) => {
      if (/range|color|date|number/.test(field.type)) return;
      field.value += "t";
      field.dispatchEvent(
        new field.ownerDocument.defaultView.Event("input", { bubbles: true, composed: true }),
      );
    });
  },
  note(world, dice) {
    set(world, dice, "textarea", (field) => {
      if (dice.chance(0.3)) field.defaultValue = dice.words();
      else if (dice.chance(0.3)) field.append(dice.words());
      else field.value = dice.words();
    });
  },
  check(world, dice) {
    set(world, dice, "input[type=checkbox], input[type=radio]", (box) => {
      dice.pick([
        () => (box.checked = !box.checked),
        () => box.click(),
        () => (box.indeterminate = !box.indeterminate),
        () => (box.defaultChecked = !box.defaultChecked),
        () => box.toggleAttribute("checked"),
      ])();
    });
  },
  fieldType(world, dice) {
    set(
      world,
      dice,
      "input[type=text], input[type=search]",
      (field) => (field.type = dice.pick(["text", "search", "tel"])),
    );
  },
  choose(world, dice) {
    set(world, dice, "select", (list) => {
      dice.pick([
        () => (list.selectedIndex = dice.below(list.options.length + 1) - 1),
        () => (list.value = "two"),
        () => list.options.length > 0 && (dice.pick([...list.options]).selected = dice.chance(0.5)),
        () => list.add(new Option(dice.words(), "n", false, dice.chance(0.5))),
        () => list.remove(0),
        () => (list.multiple = !list.multiple),
        () => (list.options.length = 1),
        () => list.querySelector("option")?.toggleAttribute("selected"),
      ])();
    });
  },
  reset(world, dice) {
    set(world, dice, "input, textarea, select", (field) => {
      const form = field.ownerDocument.createElement("form");
      field.before(form);
      form.append(field);
      setTimeout(() => form.reset(), dice.below(2) * 20);
    });
  },
  details(world, dice) {
    set(world, dice, "details", (details) => (details.open = !details.open));
  },
  dialog(world, dice) {
    set(world, dice, "dialog", (dialog) => {
      dice.pick([
        () => dialog.showModal(),
        () => dialog.show(),
        () => dialog.close(),
        () => dialog.removeAttribute("open"),
        () => dialog.setAttribute("open", ""),
        () => (dialog.close(), dialog.showModal()),
        () => dialog.requestClose?.(),
      ])();
    });
  },
  popover(world, dice) {
    set(world, dice, "[popover]", (element) => {
      dice.pick([
        () => element.togglePopover(),
        () => element.hidePopover(),
        () => element.showPopover(),
        () => (element.popover = "manual"),
      ])();
    });
  },
  gauge(world, dice) {
    set(world, dice, "progress, meter", (gauge) => (gauge.value = dice.below(9)));
  },
  scroll(world, dice) {
    set(world, dice, ".scroll, textarea, select", (element) => element.scrollTo(0, dice.below(150)));
  },
  scrollPage(world, dice) {
    world.document(dice).defaultView?.scrollTo(0, dice.below(200));
  },
  scrollIntoView(world, dice) {
    world.element(dice)?.scrollIntoView?.();
  },
  focus(world, dice) {
    set(world, dice, "input, button, textarea, [tabindex], summary", (element) =>
      dice.chance(0.3) ? element.blur() : element.focus(),
    );
  },
  select(world, dice) {
    const text = world.text(dice);
    if (text?.isConnected) text.ownerDocument.getSelection()?.setBaseAndExtent(text, 0, text, text.length);
  },
  edit(world, dice) {
    set(world, dice, "[contenteditable=true]", (element) => {
      const doc = element.ownerDocument;
      element.focus();
      doc.getSelection()?.selectAllChildren(element);
      const [command, value] = dice.pick([
        ["bold"],
        ["insertText", dice.words()],
        ["insertParagraph"],
        ["insertUnorderedList"],
        ["foreColor", "#c03"],
        ["delete"],
        ["insertHTML", "<u>h</u>"],
      ]);
      if (doc.contentType === "text/html") doc.execCommand(command, false, value);
    });
  },
  animate(world, dice) {
    const element = world.element(dice);
    if (!element?.animate) return;
    const animation = element.animate(
      [{ marginLeft: "0px" }, { marginLeft: `${dice.below(90)}px`, color: color(dice) }],
      {
        duration: dice.pick([50, 200, 1000]),
        fill: dice.pick(["forwards", "both", "none"]),
        composite: dice.pick(["replace", "add"]),
      },
    );
    dice.pick([
      () => animation.finish(),
      () => {
        animation.pause();
        animation.currentTime = 40;
      },
      () => animation.cancel(),
      () => {
        animation.finish();
        if (animation.effect?.getTiming().fill !== "none") animation.commitStyles?.();
        animation.cancel();
      },
    ])();
  },
  transition(world, dice) {
    const element = world.element(dice);
    world.page
      .startViewTransition?.(() => element?.setAttribute("class", "e"))
      ?.finished.catch(() => undefined);
    setTimeout(() => world.page.activeViewTransition?.skipTransition(), 30);
  },
  picture(world, dice) {
    set(world, dice, "img", (image) => {
      const canvas = world.page.createElement("canvas");
      canvas.width = canvas.height = 4 + dice.below(20);
      const context = canvas.getContext("2d");
      if (!context) return;
      context.fillStyle = color(dice);
      context.fillRect(0, 0, 20, 20);
      if (dice.chance(0.5)) image.src = canvas.toDataURL();
      else canvas.toBlob((blob) => blob && (image.src = URL.createObjectURL(blob)));
    });
  },
};
