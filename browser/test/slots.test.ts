/**
 * Components that show slots without shadow trees: what they say of themselves leaves out what stands between them and their
 * guests; and forms, which say their fields instead. Masks and proofs go by the tree that there is.
 */

// @vitest-environment jsdom

import { record } from "@rrweb/record";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { livingNodes } from "../src/mirror/living.js";
import { Recording } from "./recording.js";

let recording: Recording | null = null;

/** A component around its guest, who says that the component is right above it, as the component says that nobody else is below. */
function build(): { host: Element; inner: Element } {
  document.body.innerHTML = `<x-card><div class="inner"><b>OWN-WORDS</b><em>GUEST-WORDS</em></div></x-card>`;
  const at = (selector: string): Element => document.querySelector(selector) as Element;
  const [host, inner, guest] = [at("x-card"), at(".inner"), at("em")];
  Object.defineProperty(guest, "parentNode", { get: () => host });
  Object.defineProperty(host, "childNodes", { get: () => [guest] });
  Object.defineProperty(host, "firstChild", { get: () => guest });
  return { host, inner };
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

beforeEach(() => {
  document.body.innerHTML = "";
});

afterEach(() => {
  recording?.end();
  recording = null;
});

describe("a component that shows slots by itself", () => {
  it("is masked inside with its guests", () => {
    build();
    recording = new Recording({ masks: [".inner"], mask_default: "passwords" });
    expect(recording.sent.length).toBeGreaterThan(1);
    expect(recording.json).not.toContain("WORDS");
  });

  it("takes back what its own field has shown once that is masked", async () => {
    const { host, inner } = build();
    host.className = "glance_unmasked";
    inner.append(Object.assign(document.createElement("input"), { value: "OWN-VALUE" }));
    recording = new Recording({ masks: [], mask_default: "inputs" });
    expect(recording.json).toContain("OWN-VALUE");
    host.className = "";
    await rest();
    expect(recording.masker.mustPurge).toBe(true);
  });

  it("is proven with what stands inside", () => {
    build();
    recording = new Recording({ masks: [], mask_default: "passwords" });
    const known = { getId: (node: Node | null) => record.mirror.getId(node), rootOf: () => null };
    const names = [...livingNodes(document, known)].map(({ node }) => node.nodeName.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(["x-card", "div", "b", "em"]));
  });
});

describe("a form with fields of the names that the browser has for its own", () => {
  it("is recorded, masked and proven as every other", () => {
    document.body.innerHTML = `<form id="order" title="said"><input name="attributes" value="OPEN-VALUE"><p class="secret">OWN-WORDS</p></form>`;
    const form = document.getElementById("order") as HTMLFormElement;
    for (const name of ["attributes", "matches", "parentNode", "childNodes"])
      Object.defineProperty(form, name, { value: form.firstChild });
    recording = new Recording({ masks: ["form > .secret"], mask_default: "passwords" });
    expect(recording.json).toContain("OPEN-VALUE");
    expect(recording.json).toContain('"title":"said"');
    expect(recording.json).not.toContain("OWN-WORDS");
  });

  it("is masked by itself, whatever it says to be", () => {
    document.body.innerHTML = `<form class="secret"><input name="nodeType">OWN-WORDS</form><p>OPEN-WORDS</p>`;
    const form = document.forms[0] as HTMLFormElement;
    for (const name of ["nodeType", "textContent"])
      Object.defineProperty(form, name, { value: form.firstChild });
    recording = new Recording({ masks: [".secret"], mask_default: "passwords" });
    expect(recording.json).toContain("OPEN-WORDS");
    expect(recording.json).toContain('"tagName":"form"');
    expect(recording.json).not.toContain("OWN-WORDS");
  });
});
