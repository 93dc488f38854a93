/**
 * What an agent may do on the visitor's page, by privilege and with the visitor's consent; and what nobody may.
 *
 * Ada may everything, Bob only point, Eve has no control. The visitor answers by the keyboard, as anybody could.
 */

import { clickOn, placeOf } from "../support/hands.js";
import { element, page } from "../support/heavy.js";
import { expect, Shopper, shoot, test, Viewer } from "../support/people.js";
import { RawAgent } from "../support/raw-agent.js";
import { RawVisitor } from "../support/raw-visitor.js";

/** Codes of agents' kinds, from PROTOCOL.md. */
const CLICK = 0x84;
const CONTROL = 0x87;
const END = 0x88;

/** Those that an agent who may only look and point may not send. */
const PRIVILEGED = {
  ...{ draw: 0x82, scroll: 0x83, click: CLICK, type: 0x85, navigate: 0x86 },
  ...{ control: CONTROL, end: END },
};

async function wheelOver(viewer: Viewer, turn: number, ...path: string[]): Promise<void> {
  const { x, y } = await placeOf(viewer, path);
  await viewer.page.mouse.move(x, y);
  await viewer.page.mouse.wheel(0, turn);
}

/** The visitor presses the dialog's first button (yes) or its second (no). */
async function answer(shopper: Shopper, isYes: boolean): Promise<void> {
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  await shopper.page.keyboard.press("Tab");
  if (!isYes) await shopper.page.keyboard.press("Tab");
  await shopper.page.keyboard.press("Enter");
  await expect(shopper.widget).not.toHaveAttribute("data-dialog", /.*/);
}

/** The visitor's own key presses suspend control for a moment. */
async function control(shopper: Shopper, viewer: Viewer): Promise<void> {
  await viewer.page.click("[data-tool=control]");
  await answer(shopper, true);
  await expect(shopper.widget).toHaveAttribute("data-control", "active");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
}

/** The page opens a modal dialog with a button that counts its clicks. */
function openModal(shopper: Shopper): Promise<void> {
  return shopper.page.evaluate(() => {
    const modal = document.body.appendChild(document.createElement("dialog"));
    modal.innerHTML = '<button id="in-modal">0</button>';
    const button = modal.firstElementChild as Element;
    button.addEventListener(
      "click",
      () => (button.textContent = `${Number(button.textContent) + 1}`),
    );
    modal.style.inset = "auto 0 0 auto";
    modal.showModal();
  });
}

const said = (shopper: Shopper) => shopper.page.locator("#said");
const refused = (viewer: Viewer) => viewer.page.locator("body");

test("an agent highlights an element and draws, and the visitor sees it with nothing of it mirrored", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.page.click("[data-tool=mark]");
  await clickOn(viewer, "h1");
  await expect(shopper.widget).toHaveAttribute("data-marks", "1");
  // Another agent is there: what is drawn is told to it by the visitor's page, as is to one who comes later.
  const other = await RawAgent.join("bob", await shopper.key());
  await other.expectFrame(0xe1);
  await viewer.page.keyboard.press("Alt+3");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-tool", "draw");
  const { x, y } = await placeOf(viewer, ["#said"]);
  await viewer.page.mouse.move(x, y);
  await viewer.page.mouse.down();
  await viewer.page.mouse.move(x + 60, y + 20, { steps: 6 });
  await viewer.page.mouse.up();
  await expect(shopper.widget).toHaveAttribute("data-strokes", "1");
  await shoot(shopper.page, "11-visitor-with-drawing");
  await shoot(viewer.page, "12-agent-drawing");
  // The widget's own elements are in no frame: a later agent sees none of them.
  const late = await RawAgent.join("eve", await shopper.key());
  await expect.poll(() => late.received.text()).toContain("Made for you");
  expect(late.received.text()).not.toContain("polyline");
  for (const agent of [other, late]) {
    await expect
      .poll(() => agent.received.text())
      .toMatch(/"ink":\[{"agent":1,"stroke":1,"points":\[/);
  }
  // In a new picture elements have other numbers, and what is drawn and highlighted is told again by these.
  const { epoch } = await shopper.position();
  other.resync();
  await expect.poll(async () => (await shopper.position()).epoch).toBeGreaterThan(epoch);
  const later = await RawAgent.join("bob", await shopper.key());
  await expect
    .poll(() => later.received.text())
    .toMatch(/"ink":\[{"agent":1,"stroke":1,"points":\[[^\]]*\]},{"agent":1,"mark":\d+}\]/);
  await expect(viewer.page.locator("body")).toHaveAttribute("data-epoch", String(epoch + 1));
  await expect(viewer.page.locator("body")).toHaveAttribute("data-marks", "1");
  for (const agent of [other, late, later]) agent.close();
  await viewer.page.click("#erase");
  await expect(shopper.widget).toHaveAttribute("data-strokes", "0");
  await expect(shopper.widget).toHaveAttribute("data-marks", "0");
  expect(viewer.faults).toEqual([]);
  expect(shopper.faults).toEqual([]);
});

test("read aloud: the visitor's screen reader is told what an agent highlights, who watches and what is asked", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  const told = (): Promise<string> => shopper.announced().then((all) => all.join("\n"));
  await expect.poll(told).toContain("Screen shared with Ada Lovelace");
  await shopper.page.evaluate(() => {
    type Api = { Cobrowse: { Visitor: { addEventListener(name: string, on: object): void } } };
    const { Visitor } = (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse;
    const heard: boolean[] = [];
    Object.assign(window, { heard });
    Visitor.addEventListener("accessibility", (event: { enabled: boolean }) =>
      heard.push(event.enabled),
    );
  });
  // Without the agent's wish a highlight is only shown.
  await viewer.page.click("[data-tool=mark]");
  await clickOn(viewer, "h1");
  await expect(shopper.widget).toHaveAttribute("data-marks", "1");
  expect(await told()).not.toContain("points out");
  await viewer.page.check("#aloud");
  await clickOn(viewer, "#send");
  await expect(shopper.widget).toHaveAttribute("data-spoken", "Send the wish");
  expect(await told()).toContain("status : Ada Lovelace points out: Send the wish");
  await clickOn(viewer, "#wish-text");
  await expect.poll(told).toContain("Ada Lovelace points out: Your wish");
  await viewer.page.uncheck("#aloud");
  const heard = () => shopper.page.evaluate(() => (window as unknown as { heard: unknown }).heard);
  await expect.poll(heard).toEqual([true, false]);
  // A question takes the focus and says itself; its answer, and the end of control, are told too.
  await viewer.page.click("[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-dialog", "control");
  expect(await told()).toMatch(/alertdialog Ada Lovelace asks to control this page: .*Allow/);
  await answer(shopper, true);
  await expect.poll(told).toContain("Ada Lovelace controls this page");
  await shopper.takeBack();
  await expect.poll(told).toContain("You have control again.");
});

test("scroll to brings an element before the visitor, and the agent's view can stop following", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "eve", await shopper.key());
  await expect(viewer.page.locator("[data-tool=control]")).toBeHidden();
  await viewer.page.uncheck("#follow");
  const { x, y } = await placeOf(viewer, ["h1"]);
  await viewer.page.mouse.move(x, y);
  await viewer.page.mouse.wheel(0, 3_000);
  await expect.poll(() => viewer.scrolled()).toBeGreaterThan(400);
  expect(await shopper.page.evaluate(() => window.scrollY)).toBe(0);
  await viewer.page.click("[data-tool=show]");
  await clickOn(viewer, "#deep");
  await expect.poll(() => shopper.page.evaluate(() => window.scrollY)).toBeGreaterThan(400);
  await expect(shopper.page.locator("#deep")).toBeInViewport();
});

test("with the visitor's yes an agent clicks, types, chooses and sends; a framework sees it", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await control(shopper, viewer);
  await clickOn(viewer, "#wish-text");
  await expect(shopper.page.locator("#wish-text")).toBeFocused();
  await viewer.page.keyboard.type("a blue lampp");
  await viewer.page.keyboard.press("Backspace");
  await expect(said(shopper)).toHaveText("You wish for a blue lamp");
  await viewer.page.keyboard.press("Enter");
  await expect(said(shopper)).toHaveText("Sent: a blue lamp");
  await clickOn(viewer, "#wrap");
  await expect(said(shopper)).toHaveText("Wrapped");
  await clickOn(viewer, "#shade");
  await viewer.page.locator("#chooser select").selectOption({ index: 2 });
  await expect(said(shopper)).toHaveText("In Kelp");
  await clickOn(viewer, "#day");
  await viewer.page.locator("#chooser input").fill("2026-12-24");
  await viewer.page.locator("#chooser input").dispatchEvent("change");
  await expect(said(shopper)).toHaveText("On 2026-12-24");
  await clickOn(viewer, "#rich");
  await viewer.page.keyboard.type("!");
  // The click was far behind the text: there the caret stands.
  await expect(said(shopper)).toHaveText("Notes: Notes!");
  await shoot(shopper.page, "13-visitor-controlled");
  await shoot(viewer.page, "14-agent-in-control");
  expect(viewer.faults).toEqual([]);
  expect(shopper.faults).toEqual([]);
});

test("control reaches shadow trees and frames, scrolls, and goes on over the pages that it opens", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await control(shopper, viewer);
  await clickOn(viewer, "#knob", "#turn");
  await expect(said(shopper)).toHaveText("The knob was turned");
  await expect(shopper.page.frameLocator("#inner").locator("#size")).toHaveText("3");
  await clickOn(viewer, "#inner", "#bigger");
  await expect(shopper.page.frameLocator("#inner").locator("#size")).toHaveText("4");
  await clickOn(viewer, "#safe", "#unlock");
  await expect(said(shopper)).toHaveText("The safe was unlocked");
  // The wheel scrolls the innermost thing that can scroll: a box, a box in a frame, then the page.
  const scroller = shopper.page.locator("#scroller");
  await scroller.evaluate((box) => box.scrollIntoView({ block: "end" }));
  const before = await shopper.page.evaluate(() => window.scrollY);
  await expect.poll(() => viewer.scrolled()).toBe(before);
  await wheelOver(viewer, 60, "#scroller");
  await expect.poll(() => scroller.evaluate((box) => box.scrollTop)).toBeGreaterThan(30);
  await wheelOver(viewer, 30, "#inner", "#inner-scroller");
  const inner = shopper.page.frameLocator("#inner").locator("#inner-scroller");
  await expect.poll(() => inner.evaluate((box) => box.scrollTop)).toBeGreaterThan(10);
  expect(await shopper.page.evaluate(() => window.scrollY)).toBe(before);
  const { x, y } = await placeOf(viewer, ["h1"]);
  await viewer.page.mouse.move(x, y);
  await viewer.page.mouse.wheel(0, 400);
  await expect.poll(() => shopper.page.evaluate(() => window.scrollY)).toBeGreaterThan(300);
  await viewer.page.mouse.wheel(0, -400);
  await expect.poll(() => shopper.page.evaluate(() => window.scrollY)).toBeLessThan(100);
  await clickOn(viewer, ".brand");
  await viewer.expectText("h1", "Quiet things");
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await clickOn(viewer, "[data-id=lamp] .add");
  await expect(shopper.page.locator("#cart-count")).toHaveText("1");
  await viewer.page.click("#back");
  await viewer.expectText("h1", "Made for you");
  // The frame carries the tag too, and the session stays the page's.
  await expect(shopper.page.frameLocator("#inner").locator("glance-cobrowse-widget")).toHaveCount(
    0,
  );
});

test("a visitor who says no is not controlled, and the agent is told", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await viewer.page.click("[data-tool=control]");
  await expect(shopper.widget).toHaveAttribute("data-control", "asked");
  await shoot(shopper.page, "15-visitor-asked-for-control");
  await answer(shopper, false);
  await expect(refused(viewer)).toHaveAttribute("data-refused", "denied");
  await expect(shopper.widget).not.toHaveAttribute("data-control", /.*/);
  await clickOn(viewer, "#wrap");
  await expect(shopper.page.locator("#wrap")).not.toBeChecked();
});

test("masked, refused and disabled targets stay the visitor's alone", async ({ browser }) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await control(shopper, viewer);
  for (const [target, reason] of [
    ["#secret", "masked"],
    ["#secret-label", "masked"],
    ["#pay", "refused"],
    ["#off", "disabled"],
  ] as const) {
    await clickOn(viewer, target);
    await expect(refused(viewer)).toHaveAttribute("data-refused", reason);
    await clickOn(viewer, "h1");
    await expect(refused(viewer)).not.toHaveAttribute("data-refused", /.*/);
  }
  await expect(shopper.page.locator("#secret-box")).not.toBeChecked();
  await expect(said(shopper)).toHaveText("Nothing yet");
  // In a modal dialog is what the visitor could click.
  await openModal(shopper);
  await clickOn(viewer, "#in-modal");
  await expect(shopper.page.locator("#in-modal")).toHaveText("1");
  await shopper.page.evaluate(() => document.querySelector("dialog")?.remove());
  // What becomes masked just now is masked for the next command.
  await shopper.page.locator("#wish").evaluate((form) => form.classList.add("glance_masked"));
  // The picture changes meanwhile: who has hit something else looks again.
  await expect(async () => {
    await clickOn(viewer, "#wrap");
    await expect(refused(viewer)).toHaveAttribute("data-refused", /masked|stale/, {
      timeout: 3_000,
    });
  }).toPass({ timeout: 20_000 });
  await expect(shopper.page.locator("#wrap")).not.toBeChecked();
});

test("a click while nothing may be shown is answered, not lost", async ({ browser }) => {
  const visitor = await RawVisitor.start();
  const control = { control: { agent: 1, state: "active" } };
  visitor.show(page(element("p", { id: "first" })), control);
  const viewer = await Viewer.join(browser, "ada", visitor.key);
  await expect(viewer.page.locator("body")).toHaveAttribute("data-control", "active");
  await viewer.page.click("[data-tool=control]");
  visitor.purge(control);
  await expect.poll(() => viewer.count("#first")).toBeNull();
  await viewer.page.click("#shield");
  await expect(refused(viewer)).toHaveAttribute("data-refused", "stale");
  visitor.end();
});

test("a command whose target has changed or gone since the agent looked is refused", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await control(shopper, viewer);
  const raw = await RawAgent.join("ada", await shopper.key());
  await raw.expectFrame(0xe1);
  await viewer.page.click("#leave");
  await expect(shopper.widget).toHaveAttribute("data-agents", "1");
  raw.send(CONTROL, { n: 1, ask: true });
  await answer(shopper, true);
  await expect(shopper.widget).toHaveAttribute("data-control", "active");
  const before = await shopper.position();
  const id = await raw.idOf("moody");
  await shopper.page.locator("#moody").evaluate((button) => (button.textContent = "Delete it"));
  await expect
    .poll(async () => (await shopper.position()).sequence)
    .toBeGreaterThan(before.sequence);
  raw.send(CLICK, { n: 2, node: id }, before);
  await expect.poll(() => raw.answers()).toContainEqual({ n: 2, refused: "stale" });
  raw.send(CLICK, { n: 3, node: 999_999 }, await shopper.position());
  await expect.poll(() => raw.answers()).toContainEqual({ n: 3, refused: "gone" });
  raw.send(CLICK, { n: 4, node: "x" }, await shopper.position());
  await expect.poll(() => raw.answers()).toContainEqual({ n: 4, refused: "malformed" });
  await expect(said(shopper)).toHaveText("Nothing yet");
  // The same click, aimed at what is there now, is done.
  raw.send(CLICK, { n: 5, node: id }, await shopper.position());
  await expect(said(shopper)).toHaveText("Moody: Delete it");
  // Behind a modal dialog is nothing that the visitor could click either. A view would show the dialog there: this agent asks anyway.
  await said(shopper).evaluate((line) => (line.textContent = "Nothing yet"));
  await openModal(shopper);
  const inside = await raw.idOf("in-modal");
  raw.send(CLICK, { n: 6, node: id }, await shopper.position());
  await expect.poll(() => raw.answers()).toContainEqual({ n: 6, refused: "disabled" });
  await expect(said(shopper)).toHaveText("Nothing yet");
  raw.send(CLICK, { n: 7, node: inside }, await shopper.position());
  await expect(shopper.page.locator("#in-modal")).toHaveText("1");
  await shopper.page.evaluate(() => document.querySelector("dialog")?.remove());
  await expect(async () => {
    raw.send(CLICK, { n: 8, node: id }, await shopper.position());
    await expect(said(shopper)).toHaveText("Moody: Delete it", { timeout: 2_000 });
  }).toPass({ timeout: 20_000 });
  raw.close();
});

test("one agent controls at a time; the visitor's own input suspends it, and takes it back", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const key = await shopper.key();
  const ada = await Viewer.join(browser, "ada", key);
  await control(shopper, ada);
  const other = await Viewer.join(browser, "ada", key);
  await other.page.click("[data-tool=control]");
  await expect(refused(other)).toHaveAttribute("data-refused", "busy");
  // The visitor types: the agent waits, then goes on.
  await shopper.page.locator("#wish-text").pressSequentially("me first");
  await expect(ada.page.locator("body")).toHaveAttribute("data-control", "suspended");
  await expect(ada.page.locator("body")).toHaveAttribute("data-control", "active");
  await clickOn(ada, "#wrap");
  await expect(said(shopper)).toHaveText("Wrapped");
  // What one agent draws and highlights the other one sees, until it is taken away.
  const drawn = other.page.locator("body");
  await ada.page.click("[data-tool=mark]");
  await clickOn(ada, "h1");
  await expect(drawn).toHaveAttribute("data-marks", "1");
  await ada.page.click("[data-tool=draw]");
  await clickOn(ada, "#said");
  await expect(drawn).toHaveAttribute("data-strokes", "1");
  await ada.page.click("#erase");
  await expect(drawn).toHaveAttribute("data-strokes", "0");
  await expect(drawn).toHaveAttribute("data-marks", "0");
  await ada.page.click("[data-tool=control]");
  await shopper.takeBack();
  await expect(shopper.widget).not.toHaveAttribute("data-control", /.*/);
  await expect(ada.page.locator("body")).not.toHaveAttribute("data-control", /.*/);
  await clickOn(ada, "#wrap");
  await expect(shopper.page.locator("#wrap")).toBeChecked();
});

test("an agent who only points is offered no tool for more, and one who asks anyway is cut off", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser, "/custom");
  const bob = await Viewer.join(browser, "bob", await shopper.key());
  await expect(bob.page.locator("button[data-tool=point]")).toBeVisible();
  for (const tool of ["draw", "show", "control"])
    await expect(bob.page.locator(`[data-tool=${tool}]`)).toBeHidden();
  // Whatever needs a privilege: the server looks at the kind alone, and the session goes on.
  for (const [name, kind] of Object.entries(PRIVILEGED)) {
    const raw = await RawAgent.join("bob", await shopper.key());
    await raw.expectFrame(0xe1);
    raw.send(kind, kind === END ? null : { n: 1, node: 5 });
    await expect.poll(() => raw.closeCode(), { message: name }).toBe(4403);
  }
  await shopper.expectState("live");
  await expect(shopper.widget).toHaveAttribute("data-agents", "1");
  await expect(shopper.widget).not.toHaveAttribute("data-control", /.*/);
  await expect(said(shopper)).toHaveText("Nothing yet");
});

test("a paused session shows nothing until the visitor goes on, also on the next page", async ({
  browser,
}) => {
  const shopper = await Shopper.withSession(browser);
  const viewer = await Viewer.join(browser, "ada", await shopper.key());
  await shopper.page.evaluate(() => {
    type Api = { Cobrowse: { Visitor: { pauseSession(options: object): void } } };
    const { Visitor } = (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse;
    Visitor.pauseSession({ pause: true, message: "A moment, please" });
  });
  await expect(viewer.page.locator("#paused-note")).toContainText("A moment, please");
  await expect.poll(() => viewer.text("h1")).toBeNull();
  await shopper.page.fill("#search", "CANARY-PAUSED");
  await shopper.go("/product");
  await shopper.expectState("live");
  await expect(shopper.widget).toHaveAttribute("data-paused", "");
  const late = await RawAgent.join("bob", await shopper.key());
  await expect.poll(() => late.received.text()).toContain("paused");
  expect(late.received.text()).not.toContain("Harbour lamp");
  late.close();
  await shopper.page.evaluate(() => {
    type Api = { Cobrowse: { Visitor: { pauseSession(pause: boolean): void } } };
    (window as unknown as { GLANCE: Api }).GLANCE.Cobrowse.Visitor.pauseSession(false);
  });
  await viewer.expectText("h1", "Harbour lamp");
  await expect(viewer.page.locator("#paused-note")).toBeHidden();
  expect(viewer.received.text()).not.toContain("CANARY-PAUSED");
});
