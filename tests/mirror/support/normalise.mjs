/**
 * A page as lines of text that are equal when the two pages show the same.
 *
 * Runs inside a browser, so it uses nothing from outside. It leaves out what is known to differ and shows nothing:
 * scripts, comments, metadata, handlers, the replayer's own marks, and how an address is written. Styles count as the
 * rules that are in force, wherever they came from; fields count as what they show.
 */

/** Lines of a document. `side` is `visitor` or `viewer`; give it to `evaluate` as source text. */
export function normalise(doc, side) {
  const lines = [];
  const SKIPPED = new Set([
    "script",
    "noscript",
    "template",
    "base",
    "meta",
    "title",
    "glance-cobrowse-widget",
  ]);
  const DROPPED =
    /^(on.*|rr_.*|data-rr-.*|nonce|integrity|ping|action|formaction|target|download|autofocus|autocomplete|srcdoc|is|value|checked|selected|style|crossorigin|referrerpolicy|loading|sandbox|allow|http-equiv|manifest)$/i;
  const GONE = "display:none";
  // Some libraries, and forms by their fields' names, answer otherwise than the browser.
  const own = (owner, name) => {
    const { get } = Object.getOwnPropertyDescriptor(owner.prototype, name);
    return (node) => get.call(node);
  };
  const attributesOf = own(Element, "attributes");
  const childNodesOf = own(Node, "childNodes");
  const ADDRESS = /^(src|href|xlink:href|poster|data|background|cite|srcset)$/i;
  // An address counts as its fragment, or else as its last part: the mirror writes it whole.
  const tail = (url) => {
    // What only the visitor may load has travelled along.
    if (/^(data|blob):/.test(url) || url.includes("/private/")) return "inline";
    const fragment = /#.*$/.exec(url)?.[0];
    return fragment ?? url.split("?")[0].replace(/\/+$/, "").split("/").at(-1);
  };
  // A link loses query and fragment by the rules of the mask, so it counts without them; one that is script leads nowhere.
  const link = (url, base) => {
    try {
      const { protocol, pathname } = new URL(url, base);
      return protocol === "javascript:" ? "blank" : pathname;
    } catch {
      return "unreadable";
    }
  };
  const css = (text) =>
    text.replace(/url\(\s*["']?([^"')]*)["']?\s*\)/g, (_, url) => `url(${tail(url)})`).replace(/\s+/g, " ");
  // What a person wishes and points with counts as the answer: in the view it may be a constant.
  const answered = (query) =>
    query.replace(/\((?:prefers-|(?:any-)?(?:hover|pointer))[^)]*\)/g, (wish) =>
      doc.defaultView.matchMedia(wish).matches ? "(min-width: 0px)" : "(max-width: 0px)",
    );
  const rootOf = (host) =>
    side === "visitor"
      ? (host.ownerDocument.defaultView?.mirrorRootOf?.(host) ?? host.shadowRoot)
      : host.shadowRoot;

  const rules = (sheet, depth) => {
    let list;
    try {
      list = [...sheet.cssRules];
    } catch {
      return;
    }
    for (const rule of list) {
      if (rule.cssRules && !rule.selectorText) {
        lines.push(`${depth}@${css(answered(rule.cssText.split("{")[0]))}`);
        rules(rule, `${depth}  `);
        continue;
      }
      let text = rule.cssText;
      // In the view marks stand for hovering and focus.
      if (rule.selectorText) {
        const selector = rule.selectorText
          .replaceAll(".\\:hover", ":hover")
          .replaceAll("[rr_target]", ":target")
          .replaceAll("[rr_fullscreen]", ":fullscreen")
          .replaceAll(':not([rr_states~=":undefined"])', ":defined")
          .replace(/\[rr_states~="(:[-\w]+)"\]/g, "$1")
          .replace(/\[rr_states~="([-\w]+)"\]/g, ":state($1)")
          .replace(/\[rr_(focus\w*)\]/g, (_, name) => `:${name.replace("_", "-")}`);
        // Declarations that scripts have set one by one stand in another order, and are the same longhands.
        text = `${selector} {${rule.style.cssText.replace(/;$/, "").split("; ").sort().join("; ")}}`;
      }
      lines.push(`${depth}rule ${css(text)}`);
      if (rule.cssRules?.length > 0) rules(rule, `${depth}  `);
    }
  };

  // In the view one stands for a template and the like; on both sides it shows nothing.
  const isStandIn = ({ localName, attributes, firstChild }) =>
    localName === "div" && !firstChild && attributes.length === 1 && attributes.style?.value === GONE;

  const stateOf = (node, state) => (node.hasAttribute("rr_fullscreen") ? ":modal" : state);

  const isReplayers = (style) =>
    [...(style.sheet?.cssRules ?? [])].some((rule) => rule.selectorText === "glance-cobrowse-widget");

  const element = (node, depth) => {
    const name = node.localName;
    if (SKIPPED.has(name) || isStandIn(node)) return;
    if ((name === "link" && !node.sheet) || node.sheet?.disabled || node.sheet?.media.mediaText === "not all")
      return;
    if (name === "style" && side === "viewer" && isReplayers(node)) return;
    if (name === "style" || name === "link") {
      const at = lines.push(`${depth}sheet`);
      // No page may look into a sheet of another site; its rules show in the pixels.
      if (node.sheet && !("far" in node.dataset)) rules(node.sheet, `${depth}  `);
      // One that is off, and one without rules, are the same.
      if (lines.length === at) lines.pop();
      return;
    }
    const attributes = [];
    // A picture of a plug-in is one, and all else of it a place in the view.
    const isPlugin = name === "object" || name === "embed";
    const isPicture = isPlugin && !node.type.startsWith("application/");
    for (const { name: key, value } of attributesOf(node)) {
      // What fills the screen is a popover in the view.
      if (key === "popover" && node.hasAttribute("rr_fullscreen")) continue;
      if (DROPPED.test(key) || (name === "iframe" && key === "src")) continue;
      if (key === "data" && node.hasAttribute("src")) continue;
      // What plays from a script's object has an address in the view only.
      if (key === "src" && value === "blob:") continue;
      // A hidden field is masked, and its name with it.
      if (key === "name" && name === "input" && node.type === "hidden") continue;
      if (key === "srcset" && (value === "" || value.includes("/private/"))) continue;
      if (key === "class") {
        const kept = value.split(/\s+/).filter((one) => one && one !== ":hover" && one !== "rrweb-paused");
        if (kept.length > 0) attributes.push(`class=${[...new Set(kept)].join(" ")}`);
      } else if (key === "href" && (name === "a" || name === "area")) {
        attributes.push(`href=${link(value, node.baseURI)}`);
      } else
        attributes.push(
          `${isPicture && key === "data" ? "src" : key.replace("xlink:", "")}=${ADDRESS.test(key) ? tail(value) : value}`,
        );
    }
    if (node.style?.cssText) attributes.push(`style=${css(node.style.cssText)}`);
    if (name === "input" || name === "textarea") {
      if (node.type !== "password" && node.type !== "hidden") attributes.push(`:value=${node.value}`);
      // Its browser then says what it does.
      if (/^(submit|reset)$/.test(node.type) && !node.hasAttribute("value")) attributes.push(":unnamed");
      if (node.checked) attributes.push(":checked");
      if (node.type === "checkbox" && node.indeterminate) attributes.push(":indeterminate");
    }
    if (name === "option" && node.selected) attributes.push(":selected");
    if (name === "progress" || name === "meter") attributes.push(`:at=${node.value}`);
    for (const state of [":modal", ":popover-open"])
      if (Element.prototype.matches.call(node, state)) attributes.push(stateOf(node, state));
    if (node.scrollTop || node.scrollLeft)
      attributes.push(`:scroll=${Math.round(node.scrollLeft)},${Math.round(node.scrollTop)}`);
    const kind = isPlugin ? (isPicture ? "img" : "div") : name;
    const space = (node.namespaceURI ?? "").split("/").at(-1);
    lines.push(
      `${depth}<${space === "xhtml" ? "" : `${space}:`}${kind} ${[...new Set(attributes)].sort().join(" ")}>`,
    );
    if (name === "textarea") return;
    const deeper = `${depth}  `;
    const root = rootOf(node);
    if (root) {
      lines.push(`${deeper}#shadow`);
      for (const sheet of root.adoptedStyleSheets) {
        lines.push(`${deeper}  adopted`);
        rules(sheet, `${deeper}    `);
      }
      children(root, `${deeper}  `);
    }
    if (name === "iframe") {
      let inside = null;
      try {
        inside = node.contentDocument;
      } catch {
        inside = null;
      }
      if (inside?.documentElement && !("cobrowsePlaceholder" in inside.documentElement.dataset))
        whole(inside, deeper);
      // Another origin's page stands here when it was asked by itself.
      if (!inside) lines.push(`${deeper}#foreign ${node.id}`);
      return;
    }
    children(node, deeper);
  };

  const children = (parent, depth) => {
    let text = "";
    const flush = () => {
      const words = parent.localName === "pre" ? text : text.replace(/\s+/g, " ").trim();
      if (words) lines.push(`${depth}"${words}"`);
      text = "";
    };
    for (const child of childNodesOf(parent)) {
      if (child.nodeType === 3 || child.nodeType === 4) text += child.data;
      else if (child.nodeType === 1) {
        flush();
        element(child, depth);
      }
    }
    flush();
  };

  const whole = (document, depth) => {
    lines.push(`${depth}#document ${document.compatMode}`);
    for (const sheet of document.adoptedStyleSheets ?? []) {
      lines.push(`${depth}  adopted`);
      rules(sheet, `${depth}    `);
    }
    if (document.documentElement) element(document.documentElement, `${depth}  `);
  };
  whole(doc, "");
  return lines;
}

/** The first lines that differ, for a person to read. */
export function differences(one, other, max = 8) {
  const found = [];
  const left = new Map();
  for (const line of one) left.set(line, (left.get(line) ?? 0) + 1);
  for (const line of other) {
    const count = left.get(line) ?? 0;
    if (count > 0) left.set(line, count - 1);
    else found.push(`viewer only: ${line.trim().slice(0, 500)}`);
  }
  for (const [line, count] of left) if (count > 0) found.push(`visitor only: ${line.trim().slice(0, 500)}`);
  if (found.length === 0 && one.join("\n") !== other.join("\n"))
    found.push("the same lines in another order");
  return found.slice(0, max);
}
