/**
 * The page whose built-ins are broken: its markup, and what its scripts do.
 *
 * Owns the scripts that run inside the page. They use nothing that another script of the page could have broken: what they need
 * they take before anything else runs. Running it is `broken.ts`'s.
 */

/** How a built-in is broken. */
export type How = "throws" | "returns undefined";

/** What is tried on one page. */
export interface Trial {
  /** Path of the built-in from `window` on: `Array.prototype.map`, or `Node.prototype.firstChild` with its getter. */
  readonly path: string;
  readonly how: How;
  /** Whether it is broken before our scripts come, or during a session. */
  readonly isEarly: boolean;
}

/** The page of a trial. The canaries stand where a mask is; `open` does not. */
export function documentOf(tag: string, canary: string, trial: Trial): string {
  const words = JSON.stringify({ ...trial, canary });
  return `<!doctype html><html><head><title>Broken</title>
<style id="sheet">p { color: black } @media print { p { color: red } }</style>
<script>(${inPage.toString()})(${words});</script>${tag}</head><body>
<h1>Open words</h1><p glance_masked id="masked">${canary}a</p><div class="glance_masked"><b>${canary}b</b></div>
<form id="form"><input id="name" name="name"><input type="password" id="secret" value="${canary}c">
<textarea glance_masked id="note">${canary}d</textarea><select id="list"><option>one<option>two</select></form>
<div id="host"></div><dialog id="dialog"><p glance_masked>${canary}e</p></dialog>
<iframe srcdoc="<p glance_masked>${canary}f</p><input type=password value=${canary}g>"></iframe><ul id="rows"></ul>
</body></html>`;
}

/** Runs in the page, before all else. */
function inPage(trial: Trial & { readonly canary: string }): void {
  const { apply } = Reflect;
  const { getOwnPropertyDescriptor, defineProperty } = Object;
  const { setTimeout, String, Error, document } = window;
  const find = document.getElementById.bind(document);
  const steps: [string, () => unknown][] = [];
  const state = { calls: "", done: "" };
  defineProperty(window, "cobrowseTrial", { value: state });

  /** Puts the broken one in its place; gives the way back. */
  const breakIt = (): (() => void) => {
    const names = trial.path.split(".");
    let owner: object = window;
    for (let at = 0; at < names.length - 1; at += 1)
      owner = (owner as Record<string, object>)[names[at] as string] as object;
    let name: string | symbol = names[names.length - 1] as string;
    if (name === "@@iterator") name = Symbol.iterator;
    const own = getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
    const broken = function (): void {
      if (trial.how === "throws") throw new Error("this page has broken it");
    };
    const isCall = "value" in own;
    defineProperty(
      owner,
      name,
      isCall
        ? { ...own, value: broken }
        : { ...own, get: broken, ...(own.set ? { set: broken } : {}) },
    );
    return () => void defineProperty(owner, name, own);
  };

  const said = (call: () => unknown): string => {
    try {
      const result = call();
      return typeof result === "object" && result ? "an object" : String(result);
    } catch (error) {
      return "threw";
    }
  };
  /** What the page's own calls give. */
  const callAll = (): string => {
    let all = "";
    for (let at = 0; at < steps.length; at += 1) {
      const [name, call] = steps[at] as [string, () => unknown];
      all += name + ": " + said(call) + "\n";
    }
    return all;
  };
  const step = (name: string, call: () => unknown): void => {
    steps[steps.length] = [name, call];
  };
  const field = (): HTMLInputElement => find("name") as HTMLInputElement;
  const sheet = (): CSSStyleSheet => (find("sheet") as HTMLStyleElement).sheet as CSSStyleSheet;
  step("value", () => (field().value = "typed"));
  step("checked", () => (field().checked = false));
  step("selectedIndex", () => ((find("list") as HTMLSelectElement).selectedIndex = 1));
  step("insertRule", () => sheet().insertRule("i { color: red }", 0));
  step("deleteRule", () => sheet().deleteRule(0));
  step("setProperty", () =>
    (sheet().cssRules[0] as CSSStyleRule).style.setProperty("color", "blue"),
  );
  step("media", () => (sheet().cssRules[1] as CSSMediaRule).insertRule("b { color: red }", 0));
  step("replaceSync", () => new CSSStyleSheet().replaceSync("u { color: red }"));
  step("adopt", () => (document.adoptedStyleSheets = []));
  step("attachShadow", () => document.createElement("div").attachShadow({ mode: "open" }));
  step("attachShadow of none", () => document.createElement("img").attachShadow({ mode: "open" }));
  step("cloneNode", () => (find("masked") as Node).cloneNode(true));
  step("importNode", () => document.importNode(find("masked") as Node, true));
  step("setRangeText", () => field().setRangeText("x"));
  step("indeterminate", () => (field().indeterminate = true));

  /** The page goes on: fields are filled, rows come and go, a dialog opens. */
  const change = (): void => {
    for (let at = 0; at < changes.length; at += 1) said(changes[at] as () => unknown);
  };
  const changes = [
    (): unknown => (field().value = "typed more"),
    (): unknown => field().dispatchEvent(new Event("input", { bubbles: true })),
    (): unknown => field().focus(),
    (): unknown => ((find("secret") as HTMLInputElement).value = trial.canary + "h"),
    (): unknown => ((find("note") as HTMLTextAreaElement).value = trial.canary + "i"),
    (): unknown => ((find("masked") as HTMLElement).textContent = trial.canary + "j"),
    (): unknown =>
      ((find("rows") as HTMLElement).innerHTML =
        `<li>open<li glance_masked>${trial.canary}k<li><input type=password value=${trial.canary}l>`),
    (): void => {
      const more = document.createElement("section");
      more.innerHTML = `<b class="glance_masked">${trial.canary}m</b>`;
      (find("rows") as HTMLElement).after(more);
    },
    (): unknown =>
      ((find("host") as HTMLElement).attachShadow({ mode: "open" }).innerHTML =
        `<p glance_masked>${trial.canary}n</p><slot></slot>`),
    (): unknown => (find("dialog") as HTMLDialogElement).showModal(),
    (): unknown => (find("name") as HTMLElement).click(),
    (): unknown => (find("dialog") as HTMLDialogElement).close(),
    (): unknown => window.dispatchEvent(new Event("resize")),
    (): unknown => (find("form") as HTMLFormElement).reset(),
    (): unknown => window.scrollTo(0, 10),
  ];

  if (trial.isEarly) breakIt();
  defineProperty(window, "cobrowseAct", {
    value: () => {
      // What the page's own calls give without us is known before a session, and with us during one.
      const mend = trial.isEarly ? null : breakIt();
      state.calls = callAll();
      change();
      apply(setTimeout, window, [
        () => {
          change();
          mend?.();
          state.done = "done";
        },
        120,
      ]);
    },
  });
}
