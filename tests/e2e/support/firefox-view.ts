/**
 * The agent's view in a Firefox: what a test does in it and looks for, in the frame or page that it has entered.
 */

import type { Firefox } from "./firefox.js";
import { element, page } from "./heavy.js";
import { expect } from "./people.js";
import type { RawVisitor } from "./raw-visitor.js";
import { account } from "./stack.js";

/** Logs an agent in. */
export async function logIn(firefox: Firefox, name: string): Promise<void> {
  await firefox.fill("input[name=name]", name);
  await firefox.fill("input[type=password]", account(name).password);
  await firefox.click("main button");
}

/** What the view says of itself. */
export function stateOf(firefox: Firefox): Promise<unknown> {
  return ask(firefox, "return document.body.dataset.state");
}

/** Whether the mirrored page has such an element. */
export function shows(firefox: Firefox, selector: string): Promise<unknown> {
  const mirrored = `document.querySelector("#stage iframe").contentDocument`;
  return ask(firefox, `return !!${mirrored}.querySelector("${selector}")`);
}

/** The view that came back holds the page; the visitor goes on to one like any other, and the agent asks for it. */
export async function goesOn(firefox: Firefox, visitor: RawVisitor): Promise<void> {
  const message = await firefox.run("return document.querySelector('#message').textContent");
  expect(message).toContain("stopped the view");
  visitor.show(page(element("p", { id: "second" })));
  await expect.poll(() => firefox.run("return document.querySelector('#show').hidden")).toBe(false);
  await firefox.click("#show");
  await expect.poll(() => shows(firefox, "#second")).toBe(true);
}

/** Whatever hangs there, or is on its way, does not answer. */
function ask(firefox: Firefox, script: string): Promise<unknown> {
  return firefox.run(script).catch(() => "on its way");
}
