/**
 * The visitor's side looks at privileges itself, whatever the server let through: every kind of frame, under every set of
 * privileges, with every payload.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { createAssist } from "../src/assist/main.js";
import { readTag } from "../src/loader/tag.js";
import type { Answer } from "../src/protocol/commands.js";
import { KINDS, type Frame, type Kind } from "../src/protocol/frame.js";
import { PRIVILEGES, type Participant, type Privilege } from "../src/protocol/payloads.js";
import type { Assist } from "../src/visitor/parts.js";
import { Visitor } from "../src/visitor/visitor.js";
import { Widget } from "../src/visitor/widget.js";
import { widget as english } from "../src/words/en.js";

// Of a whole visitor's script only pointers are of interest here: the part for all else does not load.
vi.mock("../src/loader/parts.js", () => ({ HASHES: {}, loadModule: () => Promise.reject(new Error()) }));

// A dialog takes the visitor's own hands alone; where a test says so, they have said yes.
const visitor = vi.hoisted(() => ({ saysYes: false }));
vi.mock("../src/assist/dialog.js", async (load) => {
  const real = await load<typeof import("../src/assist/dialog.js")>();
  const ask: typeof real.ask = (...args) =>
    visitor.saysYes ? { answer: Promise.resolve(true), close: () => undefined } : real.ask(...args);
  return { ...real, ask };
});

const AGENT = 7;
const FIELD_ID = 12;
const NAMES = Object.keys(PRIVILEGES) as Privilege[];

/** Every set of privileges. */
const SETS = Array.from({ length: 2 ** NAMES.length }, (_, bits) =>
  NAMES.filter((_name, at) => ((bits >> at) & 1) === 1),
);

/** Payloads of every kind, good and bad. */
const rows = JSON.parse(readFileSync(join(__dirname, "../../protocol/vectors/commands.json"), "utf8")) as {
  good: string[];
  bad: string[];
}[];
const PAYLOADS = ["", ...new Set(rows.flatMap(({ good, bad }) => [...good, ...bad]))].filter(
  (text) => text.length < 1_000,
);
/** One good payload of each kind. */
const TYPICAL = rows.map(({ good }) => good[0] as string);
const ALL_KINDS = Object.keys(KINDS) as Kind[];

const frame = (kind: Kind, text: string, source = AGENT): Frame => ({
  kind,
  flags: 0,
  source,
  epoch: 1,
  sequence: 1,
  payload: new TextEncoder().encode(text),
});

const agentWith = (privileges: readonly string[], agent = AGENT): Participant => ({
  agent,
  name: "Ada",
  privileges,
});

/** A page with the part that carries out commands; each thing that it does is noted. */
function assisted(at = { session: "demo:1:0", home: 1 }): {
  assist: Assist;
  done: string[];
  answers: Answer[];
  widget: Widget;
} {
  document.body.innerHTML = '<input id="field">';
  const field = document.querySelector<HTMLInputElement>("#field") as HTMLInputElement;
  const done: string[] = [];
  const answers: Answer[] = [];
  for (const name of ["click", "input", "keydown"])
    field.addEventListener(name, () => done.push(`${name} on the page`));
  // jsdom lays nothing out.
  field.getClientRects = () => [new DOMRect(0, 0, 10, 10)] as unknown as DOMRectList;
  field.scrollIntoView = () => done.push("the page scrolls");
  const widget = new Widget(document, english, { onEnd: () => undefined, onPause: () => undefined });
  const reach = {
    find: () => {
      done.push("a target is looked for");
      return field;
    },
    idOf: () => FIELD_ID,
    isOpen: () => true,
    parentsOf: (node: Node) => (node.parentNode ? [node.parentNode] : []),
    nodeOf: () => field,
    foreign: () => null,
  };
  const assist = createAssist({
    page: window,
    shell: widget.shell,
    at: () => at,
    words: null,
    refuses: () => [],
    reach: () => reach,
    isPaused: () => false,
    say: (control, told) => {
      if (control) done.push(`control is ${control.state}`);
      answers.push(...told);
    },
    sayInk: () => done.push("ink is told"),
    emit: (name) => done.push(name),
  });
  return { assist, done, answers, widget };
}

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  class Sheet {
    replaceSync(): void {
      // jsdom has no constructed style sheets.
    }
  }
  vi.stubGlobal("CSSStyleSheet", Sheet);
  document.documentElement.querySelectorAll("glance-cobrowse-widget").forEach((one) => {
    one.remove();
  });
  sessionStorage.clear();
  visitor.saysYes = false;
});

describe("the visitor's side", () => {
  it("does nothing for a frame whose privilege its agent does not have, whatever the payload", () => {
    const { assist, done, answers, widget } = assisted();
    const take = (set: readonly Privilege[], kinds: readonly Kind[], payloads: readonly string[]): void => {
      assist.setAgents([agentWith(set)]);
      done.length = 0;
      for (const kind of kinds) for (const text of payloads) assist.take(frame(kind, text));
      expect(done, `${kinds.join()} with ${set.join()}`).toEqual([]);
    };
    const needs = (kind: Kind): Privilege | null => KINDS[kind].needs;
    // Under every set the kinds that it leaves out; with all but its own privilege every payload.
    for (const set of SETS) {
      const left = ALL_KINDS.filter((kind) => !set.includes(needs(kind) as Privilege));
      take(set, left, TYPICAL);
    }
    for (const kind of ALL_KINDS) {
      const others = NAMES.filter((name) => name !== needs(kind));
      take(others, [kind], PAYLOADS);
    }
    expect(widget.shell.host.dataset).toMatchObject({ marks: "0", strokes: "0" });
    expect(new Set(answers.map(({ refused }) => refused))).toEqual(new Set(["not_allowed"]));
  });

  it("does nothing for an agent whom nobody has named, or who has gone", () => {
    const { assist, done } = assisted();
    assist.setAgents([agentWith(NAMES)]);
    done.length = 0;
    for (const kind of ALL_KINDS) for (const text of PAYLOADS) assist.take(frame(kind, text, AGENT + 1));
    assist.setAgents([]);
    for (const kind of ALL_KINDS) for (const text of PAYLOADS) assist.take(frame(kind, text));
    expect(done).toEqual([]);
  });

  it.each([
    ["pointer", "point", '{"x":1,"y":1,"node":12}', "a target is looked for"],
    ["draw", "draw", '{"stroke":3,"points":[10,20,14,26]}', null],
    ["scroll", "scroll", '{"n":1,"node":12}', "the page scrolls"],
    ["control", "control", '{"n":1,"ask":true}', "control is asked"],
  ] as const)("does what a %s asks of an agent with the privilege %s", (kind, privilege, text, seen) => {
    const { assist, done, answers, widget } = assisted();
    assist.setAgents([agentWith(["view", privilege])]);
    assist.take(frame(kind, text));
    if (seen) expect(done).toContain(seen);
    else expect(widget.shell.host.dataset.strokes).toBe("1");
    expect(answers).toEqual([]);
    assist.stop();
  });

  it.each([
    ["click", '{"n":1,"node":12}'],
    ["type", '{"n":1,"node":12,"value":"x"}'],
    ["navigate", '{"n":1,"go":"reload"}'],
  ] as const)("does what a %s asks only of the agent who has control", (kind, text) => {
    const { assist, done, answers } = assisted();
    assist.setAgents([agentWith(NAMES)]);
    done.length = 0;
    assist.take(frame(kind, text));
    expect(done).toEqual([]);
    expect(answers).toEqual([{ agent: AGENT, n: 1, refused: "not_in_control" }]);
    assist.stop();
  });

  it("lets nobody act at another home, nor on its next page, who only has the number of one who might", async () => {
    const at = { session: "demo:1:0", home: 1 };
    const { assist, done, answers } = assisted(at);
    visitor.saysYes = true;
    assist.setAgents([agentWith(NAMES)]);
    assist.take(frame("control", '{"n":1,"ask":true}'));
    await vi.waitFor(() => {
      expect(done).toContain("control is active");
    });
    const act = (on: Assist, n: number): void => {
      on.take(frame("type", `{"n":${String(n)},"node":12,"value":"${String(n)}"}`));
    };
    act(assist, 2);
    expect(done).toContain("input on the page");
    // The connection is lost and comes back: at the same home it is the same agent.
    assist.rest();
    assist.setAgents([]);
    assist.setAgents([agentWith(NAMES)]);
    act(assist, 3);
    expect(answers).toEqual([]);
    // So it is on the next page.
    const same = assisted({ ...at });
    same.assist.setAgents([agentWith(NAMES)]);
    act(same.assist, 4);
    expect(same.answers).toEqual([]);
    const kept = sessionStorage.getItem("glance_cobrowse_control") ?? "";
    at.home = 2;
    assist.setAgents([]);
    assist.setAgents([agentWith(NAMES)]);
    act(assist, 5);
    expect(answers).toEqual([{ agent: AGENT, n: 5, refused: "not_in_control" }]);
    sessionStorage.setItem("glance_cobrowse_control", kept);
    const next = assisted({ ...at });
    next.assist.setAgents([agentWith(NAMES)]);
    act(next.assist, 6);
    expect(next.answers).toEqual([{ agent: AGENT, n: 6, refused: "not_in_control" }]);
    for (const one of [assist, same.assist, next.assist]) one.stop();
  });

  it("shows the pointer of an agent who may point, and of nobody else", async () => {
    document.body.innerHTML = `<meta id="glance-cobrowse" data-server="https://www.example" data-groupid="demo">`;
    const answer = {
      session: `demo:471113:${"0".repeat(32)}`,
      key: "471113",
      ticket: "T",
      server: "wss://s1.example/visitor",
      status: "https://s1.example/visitor/status",
      resume: "R",
      home: 1,
    };
    vi.stubGlobal("fetch", () => Promise.resolve(Response.json(answer, { status: 201 })));
    vi.stubGlobal("WebSocket", vi.fn());
    const read = (): ReturnType<typeof readTag> => readTag(document, "", String);
    const script = new Visitor(read(), read);
    await script.startSession();
    const shown = (): string | undefined =>
      document.querySelector<HTMLElement>("glance-cobrowse-widget")?.dataset.pointer;
    for (const set of SETS) {
      script.onAgents([agentWith(set)]);
      script.onPointer(AGENT + 1, { x: 3, y: 4 });
      expect(shown(), set.join()).toBeUndefined();
      script.onPointer(AGENT, { x: 3, y: 4 });
      expect(shown(), set.join()).toBe(set.includes("point") ? "3,4" : undefined);
      script.onAgents([]);
      expect(shown()).toBeUndefined();
    }
  });
});
