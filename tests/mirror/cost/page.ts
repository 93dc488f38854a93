/**
 * What a page pays for the mask: the same recorder with and without the choke point, over the same changes.
 *
 * Owns the pages and the changes; runs inside a browser, bundled from the product's own sources, with rrweb cut down as in the
 * visitor's script on both sides. Both write what they tell as JSON; with the mask rrweb asks it about every text and value
 * besides. The clock is the runner's: it reads the thread's CPU time before and after.
 */

import { record } from "../../../browser/node_modules/@rrweb/record/dist/record.js";
import { Masker } from "../../../browser/src/visitor/mask.js";
import { MaskMemory, Rules } from "../../../browser/src/visitor/rules.js";
import type { Walk } from "../../../browser/src/visitor/walk.js";

/** Rules of an ordinary group: a few selectors, and what is masked by default. */
const SETTINGS = { masks: ["#card", ".secret", "[data-private] input"], mask_default: "passwords" as const };

const CHANGES = 1_000;
/** Changes that a page makes at once, as a framework's render does. */
const BATCH = 20;

const whole = { mode: "off" as "off" | "recorded" | "masked", bytes: 0, stop: (): void => undefined };

/** Builds a page: rows of five nodes each, or fields, masked ones too. Not laid out: that would drown what is measured. */
function build(rows: number, fields: number, mask = ""): void {
  const parts: string[] = [];
  for (let at = 0; at < rows; at += 1)
    parts.push(`<li class="row"><b>Row</b> <span title="t${String(at)}">of number ${String(at)}</span></li>`);
  for (let at = 0; at < fields; at += 1)
    parts.push(`<label>f <input class="${mask}" name="f${String(at)}" value="v${String(at)}"></label>`);
  document.body.innerHTML = `<ul hidden>${parts.join("")}</ul>`;
}

/** Begins to record; `off` records nothing, so that the changes' own cost can be taken away. */
function begin(mode: typeof whole.mode): void {
  whole.stop();
  whole.bytes = 0;
  whole.mode = mode;
  whole.stop = () => undefined;
  if (mode === "off") return;
  const memory = new MaskMemory();
  const masker =
    mode === "masked"
      ? new Masker(new Rules(SETTINGS, document, memory), record.mirror, document, memory)
      : null;
  const stop = record({
    maskTextFn: masker?.inner.text ?? asItIs,
    maskInputFn: masker?.inner.input ?? asItIs,
    emit: (event) => {
      if (event.type === FULL_SNAPSHOT) {
        read(event.data.node as unknown as Walk, masker);
        return;
      }
      const sent = masker ? masker.event(event) : event;
      if (sent) whole.bytes += JSON.stringify(sent).length;
    },
  });
  whole.stop = () => {
    stop?.();
    masker?.stop();
  };
}

/** The cut-down recorder gives the way through the page in the place of a tree. It is gone before anything is measured. */
function read(walk: Walk, masker: Masker | null): void {
  if (masker) walk.go(masker.parts().put, () => false);
  else
    walk.go(
      (node) => ("childNodes" in node ? node.childNodes : null),
      () => false,
    );
}

const asItIs = (text: string): string => text;
const FULL_SNAPSHOT = 2;

/** A thousand changes of every kind; each batch is recorded before the next begins. */
async function change(): Promise<number> {
  const rows = [...document.querySelectorAll("li, label")];
  for (let done = 0; done < CHANGES; done += BATCH) {
    for (let at = done; at < done + BATCH; at += 1) changeOne(rows[(at * 37) % rows.length] as Element, at);
    // Observers run when the task's own code is over.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return whole.bytes;
}

function changeOne(row: Element, at: number): void {
  const field = row.querySelector("input");
  if (at % 4 === 0) row.classList.toggle("on");
  else if (at % 4 === 1)
    row.append(Object.assign(document.createElement("i"), { textContent: `i${String(at)}` }));
  else if (at % 4 === 2 && field) {
    field.value = `typed ${String(at)}`;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (at % 4 === 2) row.setAttribute("title", `t${String(at)}`);
  else (row.firstChild as Node).textContent = `text ${String(at)}`;
}

Object.assign(window, { maskCost: { build, begin, change } });
