/**
 * The agent's side of a random page: the product's stage beside the page that it shows, and the comparison of both.
 *
 * Owns no change. Nodes are compared as everywhere in this suite; besides that each element's place and looks, and the proof.
 */

import { Proof } from "../../../browser/src/protocol/proof.ts";
import { Stage } from "../../../browser/src/viewer/stage.ts";
import { validateDiff, validateKeyframe } from "../../../browser/src/viewer/validate.ts";
import { differences, normalise } from "../support/normalise.mjs";

const REST_MS_MAX = 2_500;
const LOAD_MS_MAX = 10_000;
const LOOKS =
  "display visibility color background-color margin-left padding-left border-left-width outline-style letter-spacing font-weight opacity text-transform direction zoom content".split(
    " ",
  );

class View {
  constructor(visitor) {
    this.visitor = visitor;
    this.faults = [];
    this.isFresh = true;
    this.stage = new Stage(document.getElementById("stage"), {
      onSize: (width, height) => {
        const inner = document.querySelector("#stage .layer:last-child iframe");
        inner.width = width;
        inner.height = height;
      },
      onDrift: () => this.faults.push("something was not found"),
      onUnshown: () => undefined,
    });
  }

  get page() {
    return this.visitor.randomPage;
  }

  take() {
    for (const { keyframe, diff } of this.page.take()) {
      try {
        if (keyframe) this.stage.show(validateKeyframe(JSON.parse(keyframe)));
        else this.stage.apply(validateDiff(JSON.parse(diff), this.stage.tagOf));
      } catch (error) {
        this.faults.push(`view: ${error.message}`);
      }
    }
  }

  differences() {
    const shown = document.querySelector("#stage .layer:last-child iframe")?.contentDocument;
    if (!shown) return ["nothing is shown"];
    const found = differences(normalise(this.visitor.document, "visitor"), normalise(shown, "viewer"), 40);
    if (found.length > 0) return found;
    found.push(...this.looks(shown));
    const proof = this.page.proof();
    if (proof === null) found.push("not at rest");
    else found.push(...this.proofs(proof));
    return found;
  }

  proofs(proof) {
    const proven = [];
    const { add } = Proof.prototype;
    Proof.prototype.add = function (node) {
      const { id, parent, isShadow, tag, text } = node;
      proven.push(`${id} in ${parent}${isShadow ? "#" : ""} ${tag.toLowerCase()} ${text.slice(0, 60)}`);
      add.call(this, node);
    };
    const { hash } = this.stage.proof();
    Proof.prototype.add = add;
    if (hash === proof) return [];
    const at = this.page.proven.findIndex((word, index) => word !== proven[index]);
    return [`the proofs differ: ${this.page.proven[at]} | ${proven[at]}`];
  }

  /** Elements that look otherwise, or stand elsewhere. */
  looks(shown) {
    const found = [];
    for (const element of shown.querySelectorAll("*")) this.look(element, found);
    return found.slice(0, 6);
  }

  look(element, found) {
    const live = this.page.nodeOf(this.stage.idOf(element));
    if (!live || !live.isConnected || UNSEEN.has(live.localName)) return;
    for (const pseudo of [undefined, "::before"]) {
      const [ours, theirs] = [styleOf(live, pseudo), styleOf(element, pseudo)];
      for (const name of LOOKS) {
        if (!isSame(ours[name], theirs[name]))
          found.push(
            `${live.localName}.${live.className}${pseudo ?? ""} ${name}: ${ours[name]} | ${theirs[name]}`,
          );
      }
    }
    const [ours, theirs] = [live.getBoundingClientRect(), element.getBoundingClientRect()];
    // What was changed where it stood is laid out otherwise here and there than what is new: by the browser itself.
    for (const name of this.isFresh ? ["left", "top", "width", "height"] : [])
      if (Math.abs(ours[name] - theirs[name]) > 1)
        found.push(`${live.localName}.${live.className} ${name}: ${ours[name]} | ${theirs[name]}`);
    const root = element.shadowRoot;
    for (const inner of root?.querySelectorAll("*") ?? []) this.look(inner, found);
    for (const inner of element.localName === "iframe"
      ? (element.contentDocument?.querySelectorAll("*") ?? [])
      : [])
      this.look(inner, found);
  }

  /** Waits until both sides are equal; gives what differs in the end. */
  async equal(restMs = REST_MS_MAX) {
    const until = performance.now() + restMs;
    for (;;) {
      await pause(16);
      this.take();
      const found = this.faults.length + this.page.faults.length > 0 ? [] : this.differences();
      const faults = [...this.page.faults, ...this.faults];
      if (faults.length > 0) return faults;
      if (found.length === 0) return [];
      if (performance.now() > until) return found;
    }
  }

  end() {
    this.stage.clear();
    document.getElementById("stage").replaceChildren();
  }
}

const UNSEEN = new Set([
  "head",
  "style",
  "link",
  "title",
  "option",
  "optgroup",
  "base",
  "meta",
  "script",
  "noscript",
  "template",
]);

/** What a number of steps in between has come to is rounded here and there. */
function isSame(one, other) {
  if (one === other || !one.startsWith("rgb") || !other.startsWith("rgb")) return one === other;
  const [ours, theirs] = [one, other].map((color) => color.match(/[\d.]+/g).map(Number));
  return ours.length === theirs.length && ours.every((part, at) => Math.abs(part - theirs[at]) <= 2);
}

const styleOf = (element, pseudo) => element.ownerDocument.defaultView.getComputedStyle(element, pseudo);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let visitor = null;

/** The visitor's window, which is none of this one's frames: what stands in a page that is not the visitor's is masked. */
async function visit(seed) {
  const address = `/random/page?seed=${seed}&at=${performance.now()}`;
  visitor ??= window.open("about:blank");
  visitor.location.href = address;
  const is = () =>
    visitor.document.URL.endsWith(address) &&
    visitor.document.readyState === "complete" &&
    visitor.randomPage;
  for (const until = performance.now() + LOAD_MS_MAX; !is(); await pause(4))
    if (performance.now() > until) throw new Error("the page does not load");
  return visitor;
}

/** Opens a page, changes it in bursts, and says at which point what differs. `bursts` are lists of numbers of changes. */
window.tryPage = async ({ seed, bursts, restMs }) => {
  const view = new View(await visit(seed));
  const steps = [];
  try {
    view.page.begin();
    let found = await view.equal(restMs);
    if (found.length > 0) return { at: "keyframe", steps, found };
    view.isFresh = false;
    for (const burst of bursts) {
      for (const number of burst) {
        steps.push(`${number}: ${await view.page.change(seed, number)}`);
        // Some changes come in tasks of their own.
        if (number % 3 === 0) await pause(0);
      }
      found = await view.equal(restMs);
      if (found.length > 0) return { at: "live", steps, found };
    }
    view.page.renew();
    await pause(0);
    found = await view.equal(restMs);
    return found.length > 0 ? { at: "late", steps, found } : { at: null, steps, found };
  } catch (error) {
    return { at: "error", steps, found: [error.stack ?? String(error)] };
  } finally {
    view.end();
  }
};
