/**
 * States that only the visitor's browser has, and what stands for them in the view.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { EventType, IncrementalSource, MouseInteractions, type eventWithTime } from "@rrweb/types";
import { beforeEach, describe, expect, it } from "vitest";

import { Focus, Hover, standIns } from "../src/viewer/stand-ins.js";

// @ts-expect-error -- a script of the build, without types
import { fit } from "../replay.mjs";

describe("a selector", () => {
  it.each([
    ["a:hover", "a.\\:hover"],
    ["a:not(:hover)", "a:not(.\\:hover)"],
    ["input:focus, .on:focus-within b", "input[rr_focus], .on[rr_focus_within] b"],
    ["button:focus-visible", "button[rr_focus_visible]"],
    [":host(:state(on)) b, i:state( half-way )", ':host([rr_states~="on"]) b, i[rr_states~="half-way"]'],
    ["i:user-invalid, i:user-valid", 'i[rr_states~=":user-invalid"], i[rr_states~=":user-valid"]'],
    ["my-box:not(:defined)", 'my-box:not(:not([rr_states~=":undefined"]))'],
    ["p:fullscreen, :-webkit-full-screen::backdrop", "p[rr_fullscreen], [rr_fullscreen]::backdrop"],
    ["form:has(:focus) label", "form:has([rr_focus]) label"],
    // Names that look like states.
    [".hover\\:on:hover", ".hover\\:on.\\:hover"],
    ['[title=":hover"]:hover', '[title=":hover"].\\:hover'],
    ["my-box:focused", "my-box:focused"],
    ["a:focus-ring", "a:focus-ring"],
    // Nothing but a state may stand behind a part of an element.
    ["i::-webkit-scrollbar-thumb:hover, b", "i::-webkit-scrollbar-thumb:hover, b"],
    ["a:active", "a:active"],
  ])("%s asks for %s", (selector, expected) => {
    expect(standIns(selector)).toBe(expected);
  });
});

describe("the player", () => {
  it("of the pinned version has every place that is changed", () => {
    const path = createRequire(import.meta.url)
      .resolve("@rrweb/replay")
      .replace(/\.c?js$/, ".js");
    const text = (fit as (source: string) => string)(readFileSync(path, "utf8"));
    expect(text).toContain("withStandIns(rule2)");
    expect(() => (fit as (source: string) => string)("another version")).toThrow(/rrweb's player/);
  });
});

describe("the pointer", () => {
  it("is over the hosts of a shadow tree too, until it is elsewhere", () => {
    document.body.innerHTML = "<div id='outer'><div id='host'></div></div><p id='other'></p>";
    const host = document.querySelector("#host") as HTMLElement;
    host.attachShadow({ mode: "open" }).innerHTML = "<b><i></i></b>";
    const hover = new Hover();
    hover.mark(host.shadowRoot?.querySelector("i") as Element);
    const marked = (): string[] =>
      [...document.querySelectorAll(".\\:hover")].map((element) => element.id || element.localName);
    expect(marked()).toEqual(["html", "body", "outer", "host"]);
    hover.mark(document.querySelector("#other") as Element);
    expect(marked()).toEqual([]);
  });
});

describe("the focus", () => {
  let focus: Focus;
  let now = 0;
  const press = (type: MouseInteractions, on: string, atMs = now): void => {
    const data = { source: IncrementalSource.MouseInteraction as const, type, id: ids.indexOf(on) };
    focus.follow({ type: EventType.IncrementalSnapshot, data, timestamp: atMs } as eventWithTime, nodeOf);
  };
  const ids = ["", "#field", "#go", "#inside"];
  const nodeOf = (id: number): Node | null =>
    id === 3
      ? (document.querySelector("#host")?.shadowRoot?.querySelector("#inside") ?? null)
      : document.querySelector(ids[id] ?? "none");
  const having = (name: string): string[] =>
    [...document.querySelectorAll(`[${name}]`)].map((element) => element.id || element.localName);

  beforeEach(() => {
    document.body.innerHTML =
      '<form id="form"><input id="field"><button id="go"></button></form><div id="host"></div>';
    const root = document.querySelector("#host")?.attachShadow({ mode: "open" });
    if (root) root.innerHTML = '<button id="inside"></button>';
    focus = new Focus();
    now = 10_000;
  });

  it("is marked with what is around it, and goes where it goes", () => {
    press(MouseInteractions.Focus, "#field");
    expect(having("rr_focus")).toEqual(["field"]);
    expect(having("rr_focus_within")).toEqual(["html", "body", "form", "field"]);
    press(MouseInteractions.Blur, "#field");
    expect(having("rr_focus")).toEqual([]);
    expect(having("rr_focus_within")).toEqual([]);
    press(MouseInteractions.Focus, "#go");
    press(MouseInteractions.Focus, "#inside");
    expect(having("rr_focus")).toEqual([]);
    expect(having("rr_focus_within")).toEqual(["html", "body", "host"]);
  });

  it("shows its ring where one writes, and elsewhere when no press has brought it", () => {
    press(MouseInteractions.MouseDown, "#go");
    press(MouseInteractions.Focus, "#go", now + 5);
    expect(having("rr_focus_visible")).toEqual([]);
    press(MouseInteractions.Focus, "#field", now + 10);
    expect(having("rr_focus_visible")).toEqual(["field"]);
    press(MouseInteractions.Focus, "#go", now + 5_000);
    expect(having("rr_focus_visible")).toEqual(["go"]);
    // A script that clicks has pressed nothing.
    press(MouseInteractions.Blur, "#go", now + 5_001);
    press(MouseInteractions.Click, "#go", now + 5_002);
    press(MouseInteractions.Focus, "#go", now + 5_003);
    expect(having("rr_focus_visible")).toEqual(["go"]);
  });

  it("shows no ring where the visitor's page says that there is none", () => {
    const data = {
      source: IncrementalSource.MouseInteraction as const,
      type: MouseInteractions.Focus,
      id: 2,
    };
    const event = { type: EventType.IncrementalSnapshot, data: { ...data, x: 0, y: 0 }, timestamp: now };
    focus.follow(event as eventWithTime, nodeOf);
    expect([having("rr_focus"), having("rr_focus_visible")]).toEqual([["go"], []]);
  });

  it("is nobody's once its element has gone", () => {
    press(MouseInteractions.Focus, "#field");
    document.querySelector("#field")?.remove();
    const data = { source: IncrementalSource.Mutation, texts: [], attributes: [], removes: [], adds: [] };
    focus.follow(
      { type: EventType.IncrementalSnapshot, data, timestamp: now } as unknown as eventWithTime,
      nodeOf,
    );
    expect(having("rr_focus_within")).toEqual([]);
  });
});
