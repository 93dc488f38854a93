/** What leaves of a page that is recorded: choices that are masked, links to scripts, texts that are wrapped and moved. */

// @vitest-environment jsdom

import { record } from "@rrweb/record";
import { EventType, IncrementalSource } from "@rrweb/types";
import { afterEach, describe, expect, it } from "vitest";

import { MASK } from "../src/protocol/masked.js";
import { Recording } from "./recording.js";

let recording: Recording | null = null;

function recorded(html: string): Recording {
  document.body.innerHTML = html;
  recording = new Recording({ masks: [], mask_default: "passwords" });
  return recording;
}

const at = (name: string): Element => document.querySelector(name) as Element;
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

afterEach(() => {
  recording?.end();
  recording = null;
});

describe("what leaves of a page", () => {
  it("does not tell whether a masked box is ticked, which of several is picked, or what is chosen", async () => {
    const { sent } = recorded(
      '<p class="glance_masked"><input type="CHECKBOX"><input type="radio" name="r"><input type="Radio" name="r"></p>' +
        '<select class="glance_masked"><option>a<option>b</select>',
    );
    for (const box of document.querySelectorAll("input")) {
      box.checked = true;
      box.dispatchEvent(new Event("change", { bubbles: true }));
    }
    const choice = document.querySelector("select") as HTMLSelectElement;
    choice.value = "b";
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    await rest();
    const inputs = sent.flatMap((event) =>
      event.type === EventType.IncrementalSnapshot && event.data.source === IncrementalSource.Input
        ? [event.data]
        : [],
    );
    expect(inputs).toMatchObject([{ id: record.mirror.getId(choice), text: MASK, isChecked: false }]);
  });

  it("shows a link to a script as one that leads nowhere", () => {
    const { json } = recorded('<a href="javascript:x()">link</a><form action="javascript:x()"></form>');
    expect(json).not.toContain("javascript");
    expect(json).toContain('"tagName":"a","attributes":{"href":"about:blank"}');
    expect(json).toContain('"tagName":"form","attributes":{}');
  });

  /** Puts what an element holds into a new one, and the element to the end of a place. */
  function wrap(element: Element, place: Element): void {
    const box = document.createElement("b");
    box.append(...element.childNodes);
    element.append(box);
    place.append(element);
  }

  it("tells a text that is put into a new element while what stands around both is moved", async () => {
    const { sent } = recorded("<section><p>WORD</p></section>");
    sent.length = 0;
    wrap(at("p"), document.body);
    await rest();
    expect(JSON.stringify(sent)).toContain("WORD");
  });

  it("tells it also where that is moved again with more around it", async () => {
    const { sent } = recorded("<section><p>c<i>WORD</i></p></section><div></div>");
    sent.length = 0;
    wrap(at("i"), at("p"));
    wrap(at("p"), at("div"));
    await rest();
    expect(JSON.stringify(sent)).toContain("WORD");
  });
});
