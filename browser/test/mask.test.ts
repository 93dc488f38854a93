/**
 * The choke point over a live DOM and the real recorder: no canary leaves, the control does.
 *
 * Canaries are texts that begin with CANARY and stand where nothing may leave. CONTROL stands where everything may.
 */

import { record } from "@rrweb/record";
import { EventType, IncrementalSource, NodeType, type eventWithTime } from "@rrweb/types";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { VisitorSettings } from "../src/protocol/payloads.js";
import { MASK } from "../src/protocol/masked.js";
import { Masker } from "../src/visitor/mask.js";
import { MaskMemory, Rules } from "../src/visitor/rules.js";
import { Recording } from "./recording.js";

const PASSWORDS: VisitorSettings = { masks: [], mask_default: "passwords" };

let recording: Recording | null = null;

beforeEach(() => {
  document.head.innerHTML = "<title>Shop</title>";
  document.body.innerHTML = "";
  for (const name of document.documentElement.getAttributeNames())
    document.documentElement.removeAttribute(name);
});

afterEach(() => {
  recording?.end();
  recording = null;
});

/** What leaves of a page as a snapshot. */
function snapshotOf(html: string, settings = PASSWORDS): string {
  document.body.innerHTML = `${html}<p>CONTROL</p>`;
  recording = new Recording(settings);
  const { json } = recording;
  expect(json).toContain(`"type":${String(EventType.FullSnapshot)}`);
  return json;
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

const MASKED_PAGES: [string, string][] = [
  [
    "attributes that mean a keyword or a size",
    '<p class="glance_masked" type="CANARY1" dir="CANARY2" hidden="CANARY3" width="9CANARY4" viewBox="0 CANARY5" open="CANARY6">x</p>',
  ],
  ["a text", '<p class="glance_masked">CANARY1</p>'],
  ["a text by attribute", "<p glance_masked>CANARY1</p>"],
  ["a text by attribute with any value", '<p glance_masked="false">CANARY1</p>'],
  ["a text deep below", '<div class="glance_masked"><ul><li><b>CANARY1</b></li></ul></div>'],
  ["a field's value", '<input class="glance_masked" value="CANARY1">'],
  [
    "a field's placeholder and labels",
    '<input class="glance_masked" placeholder="CANARY1" aria-label="CANARY2" title="CANARY3">',
  ],
  [
    "data attributes and values",
    '<div class="glance_masked" data-x="CANARY1" value="CANARY2" name="CANARY3"></div>',
  ],
  [
    "a picture and its words",
    '<img class="glance_masked" src="https://x.example/CANARY1.png" srcset="CANARY2.png 2x" alt="CANARY3">',
  ],
  ["a link", '<a class="glance_masked" href="/CANARY1" title="CANARY2">CANARY3</a>'],
  ["a textarea", '<textarea class="glance_masked">CANARY1</textarea>'],
  [
    "options and their values",
    '<select class="glance_masked"><option value="CANARY1">CANARY2</option><option selected label="CANARY3">CANARY4</option></select>',
  ],
  ["an editable text", '<div contenteditable class="glance_masked">CANARY1<b>CANARY2</b></div>'],
  ["a drawing", '<svg class="glance_masked"><path d="M0 0 CANARY1"/><text>CANARY2</text></svg>'],
  ["a style with a picture", '<div class="glance_masked" style="background-image:url(CANARY1.png)"></div>'],
  ["a style element", '<div class="glance_masked"><style>p::after{content:"CANARY1"}</style></div>'],
  ["a frame's address", '<iframe class="glance_masked" name="CANARY1" title="CANARY2"></iframe>'],
  [
    "a film",
    '<video class="glance_masked" src="CANARY1.mp4" poster="CANARY2.png"><track label="CANARY3"></video>',
  ],
  ["a password", '<input type="password" value="CANARY1">'],
  ["a hidden field", '<input type="hidden" name="csrf" value="CANARY1">'],
  ["a card number", '<input autocomplete="cc-number" value="CANARY1">'],
  ["a card number of a section", '<input autocomplete="section-a billing cc-csc" value="CANARY1">'],
  ["a new password", '<input autocomplete="new-password" value="CANARY1">'],
  ["a one-time code", '<input autocomplete="one-time-code" value="CANARY1">'],
];

describe("a snapshot", () => {
  it.each(MASKED_PAGES)("lets nothing leave of %s", (_, html) => {
    const json = snapshotOf(html);
    expect(json).not.toContain("CANARY");
    expect(json).toContain("CONTROL");
  });

  it("lets everything leave of what no rule masks", () => {
    const json = snapshotOf(
      '<input value="OPEN1" placeholder="OPEN2"><a href="/OPEN3" title="OPEN4">OPEN5</a>',
    );
    for (const text of ["OPEN1", "OPEN2", "OPEN3", "OPEN4", "OPEN5"]) expect(json).toContain(text);
  });

  it("keeps the layout of what is masked", () => {
    const json = snapshotOf(
      '<svg class="glance_masked" viewBox="0 -10.5 24 24" width="100%" height="24"></svg><input type="Checkbox" dir="rtl" glance_masked hidden="until-found">',
    );
    for (const kept of ["0 -10.5 24 24", "100%", "24", "Checkbox", "rtl", "until-found"])
      expect(json).toContain(`:"${kept}"`);
  });

  it("tells nothing about the length of what is masked", () => {
    const json = snapshotOf(
      '<p class="glance_masked">a</p><p class="glance_masked">a much longer text</p><input type="password" value="abc">',
    );
    expect(json.split(MASK).length - 1).toBe(3);
    expect(json).not.toMatch(/•{7,}|\*{2,}/);
  });

  it("masks what a selector of the group names, below it too", () => {
    const json = snapshotOf('<div id="card"><b>CANARY1</b></div><i class="x">CANARY2</i>', {
      masks: ["#card", "i.x, u"],
      mask_default: "passwords",
    });
    expect(json).not.toContain("CANARY");
    expect(json).toContain("CONTROL");
  });

  it.each(["#card[", "p >", "", "::::", ":is(", 'a[b="c', "#a/*", "#a\\", "a) , (b", "@media", "p::before"])(
    "masks everything when the selector %j cannot be read",
    (mask) => {
      const json = snapshotOf("<p>CANARY1</p><input value='CANARY2'>", {
        masks: ["#x", mask],
        mask_default: "passwords",
      });
      expect(json).not.toContain("CANARY");
      expect(json).not.toContain("CONTROL");
    },
  );

  it("masks a shadow tree whose host is masked, and what is masked inside an open one", async () => {
    document.body.innerHTML = '<x-a class="glance_masked"></x-a><x-b></x-b>';
    const inner = "<p>CANARY1</p><slot></slot>";
    (document.querySelector("x-a") as Element).attachShadow({ mode: "open" }).innerHTML = inner;
    (document.querySelector("x-b") as Element).attachShadow({ mode: "open" }).innerHTML =
      '<p>CONTROL</p><p glance_masked>CANARY2</p><input type="password" value="CANARY3">';
    recording = new Recording(PASSWORDS);
    await settled();
    expect(recording.json).not.toContain("CANARY");
    expect(recording.json).toContain("CONTROL");
  });

  it("masks what is slotted into a masked place of a shadow tree", () => {
    document.body.innerHTML = "<x-a><p>CANARY1</p></x-a><p>CONTROL</p>";
    (document.querySelector("x-a") as Element).attachShadow({ mode: "open" }).innerHTML =
      '<div class="glance_masked"><slot></slot></div>';
    recording = new Recording(PASSWORDS);
    expect(recording.json).not.toContain("CANARY");
    expect(recording.json).toContain("CONTROL");
  });

  it("masks every field where the group's default says so, but what is unmasked", () => {
    const html =
      '<input value="CANARY1"><textarea>CANARY2</textarea><select><option selected>CANARY3</option></select>' +
      '<div contenteditable>CANARY4</div><div class="glance_unmasked"><input value="OPEN1"><input type="password" value="CANARY5"></div>';
    const json = snapshotOf(html, { masks: [], mask_default: "inputs" });
    expect(json).not.toContain("CANARY");
    expect(json).toContain("OPEN1");
    expect(json).toContain("CONTROL");
  });

  it("masks every text where the group's default says so, but what is unmasked, and never what is masked", () => {
    const html =
      '<p title="CANARY1">CANARY2</p><img alt="CANARY3" src="https://x.example/OPEN1.png"><input placeholder="CANARY4">' +
      '<div glance_unmasked>OPEN2<p class="glance_masked">CANARY5</p></div><div class="glance_masked"><p class="glance_unmasked">CANARY6</p></div>';
    const json = snapshotOf(html, { masks: [], mask_default: "text" });
    expect(json).not.toContain("CANARY");
    expect(json).not.toContain("CONTROL");
    expect(json).not.toContain("Shop");
    expect(json).toContain("OPEN1");
    expect(json).toContain("OPEN2");
  });

  it("lets no script, handler, comment, noscript or script address leave", () => {
    const json = snapshotOf(
      '<script>CANARY1</script><noscript>CANARY2</noscript><!-- CANARY3 --><button onclick="CANARY4()">OPEN1</button>' +
        '<a href=" java&#10;script:CANARY5()">OPEN2</a><iframe srcdoc="CANARY6"></iframe><object data="x"><p>OPEN3</p></object>',
    );
    expect(json).not.toContain("CANARY");
    expect(json).not.toMatch(/"tagName":"(script|noscript|object)"/);
    for (const text of ["OPEN1", "OPEN2"]) expect(json).toContain(text);
  });

  it("has an address without query and fragment", () => {
    window.history.replaceState(null, "", "/cart?token=CANARY1#CANARY2");
    const json = snapshotOf("");
    expect(json).not.toContain("CANARY");
    expect(json).toContain("/cart");
    window.history.replaceState(null, "", "/");
  });
});

describe("a change", () => {
  async function changeOf(html: string, change: () => void, settings = PASSWORDS): Promise<Recording> {
    document.body.innerHTML = html;
    recording = new Recording(settings);
    const before = recording.sent.length;
    change();
    await settled();
    recording.sent.splice(0, before);
    return recording;
  }

  function find<T extends HTMLElement>(selector: string): T {
    const element = document.querySelector<T>(selector);
    if (!element) throw new Error(`the test lacks ${selector}`);
    return element;
  }

  it("of a masked text, an attribute or what is added below lets nothing leave", async () => {
    const { json, masker } = await changeOf(
      '<div class="glance_masked"><p>x</p></div><p id="open">x</p>',
      () => {
        const text = find("p").firstChild as Text;
        text.data = "CANARY1";
        find("p").setAttribute("title", "CANARY2");
        find(".glance_masked").append("CANARY3");
        find("p").insertAdjacentHTML("beforeend", '<b data-x="CANARY4">CANARY5</b>');
        find("#open").append("CONTROL");
      },
    );
    expect(json).not.toContain("CANARY");
    expect(json).toContain("CONTROL");
    expect(masker.mustPurge).toBe(false);
  });

  it("of a masked field's value lets only the mask leave, of an open one the value", async () => {
    const { json } = await changeOf(
      '<input id="a" class="glance_masked"><input id="b"><textarea id="c" class="glance_masked"></textarea>',
      () => {
        for (const [selector, value] of [
          ["#a", "CANARY1"],
          ["#b", "CONTROL"],
          ["#c", "CANARY2"],
        ] as const) {
          const field = find<HTMLInputElement>(selector);
          field.value = value;
          field.dispatchEvent(new Event("input", { bubbles: true }));
        }
      },
    );
    expect(json).not.toContain("CANARY");
    expect(json).toContain(MASK);
    expect(json).toContain("CONTROL");
  });

  it("that takes the mask away leaves the node masked", async () => {
    const { json } = await changeOf('<p class="glance_masked">x</p>', () => {
      find("p").classList.remove("glance_masked");
      find("p").append("CANARY1");
    });
    expect(json).not.toContain("CANARY");
  });

  it("that makes a password field a text field leaves it masked", async () => {
    const { json } = await changeOf('<input type="password">', () => {
      const field = find<HTMLInputElement>("input");
      field.type = "text";
      field.value = "CANARY1";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.setAttribute("value", "CANARY2");
    });
    expect(json).not.toContain("CANARY");
  });

  it("that adds a node and its mask in one go lets nothing leave", async () => {
    const { json, masker } = await changeOf("<div></div>", () => {
      find("div").innerHTML = "<p>CANARY1<b>CANARY2</b></p>";
      find("p").className = "glance_masked";
    });
    expect(json).not.toContain("CANARY");
    expect(masker.mustPurge).toBe(false);
  });

  it("that adds a noscript lets nothing of it leave", async () => {
    const { json } = await changeOf("<div></div>", () => {
      const element = document.createElement("noscript");
      element.append("CANARY1");
      find("div").append(element, "CONTROL");
    });
    expect(json).not.toContain("CANARY");
    expect(json).toContain("CONTROL");
  });

  it.each<[string, string, VisitorSettings, () => void]>([
    ["a class", "<p>SENT</p>", PASSWORDS, () => find("p").classList.add("glance_masked")],
    [
      "an attribute far above",
      "<div><ul><li><p>SENT</p></li></ul></div>",
      PASSWORDS,
      () => find("div").setAttribute("glance_masked", ""),
    ],
    [
      "a selector that matches now",
      '<p id="b">SENT</p>',
      { masks: ["[data-a] + #b"], mask_default: "passwords" },
      () => {
        find("p").insertAdjacentHTML("beforebegin", "<i data-a></i>");
      },
    ],
    [
      "a field that becomes a password",
      '<input value="SENT">',
      PASSWORDS,
      () => (find<HTMLInputElement>("input").type = "password"),
    ],
    [
      "a move below a mask",
      '<p>SENT</p><div class="glance_masked"></div>',
      PASSWORDS,
      () => find("div").append(find("p")),
    ],
    [
      "the loss of its unmask",
      '<div class="glance_unmasked"><p>SENT</p></div>',
      { masks: [], mask_default: "text" },
      () => (find("div").className = ""),
    ],
  ])(
    "that masks what was sent before, by %s, asks for a purge and lets nothing leave",
    async (_, html, settings, change) => {
      const { json, masker } = await changeOf(html, change, settings);
      expect(masker.mustPurge).toBe(true);
      expect(json).toBe("[]");
    },
  );

  it("of settings between two connections asks for a purge too, and keeps what was masked", () => {
    document.body.innerHTML = '<p id="a">SENT</p><p id="b" class="glance_masked">CANARY1</p>';
    const memory = new MaskMemory();
    recording = new Recording(PASSWORDS, memory);
    recording.end();
    (document.querySelector("#b") as Element).className = "";
    recording = new Recording({ masks: ["#a"], mask_default: "passwords" }, memory);
    expect(recording.masker.mustPurge).toBe(true);
    expect(recording.json).not.toContain("CANARY");
    expect(recording.json).not.toContain("SENT");
  });
});

describe("an event of another making", () => {
  function maskerOf(html: string): Masker {
    document.body.innerHTML = html;
    recording = new Recording(PASSWORDS);
    return recording.masker;
  }

  const timestamp = 1;

  it("is not let through when its type or source is not known", () => {
    const masker = maskerOf("");
    const events = [
      { type: EventType.Custom, data: { tag: "x", payload: "CANARY1" }, timestamp },
      { type: EventType.Plugin, data: { plugin: "x", payload: "CANARY1" }, timestamp },
      {
        type: EventType.IncrementalSnapshot,
        data: { source: IncrementalSource.Log, text: "CANARY1" },
        timestamp,
      },
      {
        type: EventType.IncrementalSnapshot,
        data: { source: IncrementalSource.CanvasMutation, id: 1 },
        timestamp,
      },
      { type: EventType.IncrementalSnapshot, data: { source: 99, text: "CANARY1" }, timestamp },
    ];
    for (const event of events) expect(masker.event(event as unknown as eventWithTime)).toBeNull();
  });

  it("loses fields that are not known", () => {
    const masker = maskerOf("<p>x</p>");
    const event = {
      type: EventType.IncrementalSnapshot,
      data: {
        source: IncrementalSource.MouseMove,
        positions: [{ x: 1, y: 2, id: 3, timeOffset: 0, note: "CANARY1" }],
        note: "CANARY2",
      },
      note: "CANARY3",
      timestamp,
    };
    expect(JSON.stringify(masker.event(event as unknown as eventWithTime))).not.toContain("CANARY");
  });

  it("counts as masked when its node does not live", () => {
    const masker = maskerOf("<p>x</p>");
    const id = 987_654;
    const node = {
      type: NodeType.Element,
      tagName: "p",
      id,
      attributes: { title: "CANARY1" },
      childNodes: [{ type: NodeType.Text, id: id + 1, textContent: "CANARY2" }],
    };
    const data = {
      source: IncrementalSource.Mutation,
      texts: [{ id: id + 1, value: "CANARY3" }],
      attributes: [{ id, attributes: { alt: "CANARY4" } }],
      removes: [],
      adds: [{ parentId: 1, nextId: null, node }],
    };
    const input = { source: IncrementalSource.Input, id, text: "CANARY5", isChecked: true };
    for (const part of [data, input]) {
      const masked = masker.event({
        type: EventType.IncrementalSnapshot,
        data: part,
        timestamp,
      } as unknown as eventWithTime);
      expect(JSON.stringify(masked)).not.toContain("CANARY");
    }
  });

  it("counts as masked when its node is detached, and no longer when it is back", () => {
    const masker = maskerOf("<input>");
    const field = document.querySelector("input") as Element;
    const id = record.mirror.getId(field);
    const type = (text: string): string =>
      JSON.stringify(
        masker.event({
          type: EventType.IncrementalSnapshot,
          data: { source: IncrementalSource.Input, id, text, isChecked: false },
          timestamp,
        }),
      );
    field.remove();
    expect(type("CANARY1")).not.toContain("CANARY");
    expect(masker.mustPurge).toBe(false);
    document.body.append(field);
    expect(type("CONTROL")).toContain("CONTROL");
  });

  it("of a selection inside a mask tells no offsets", () => {
    const masker = maskerOf('<p class="glance_masked">masked</p><i>open</i>');
    const idOf = (selector: string): number =>
      record.mirror.getId((document.querySelector(selector) as Element).firstChild as Node);
    const range = (id: number): object => ({ start: id, startOffset: 1, end: id, endOffset: 3 });
    const data = { source: IncrementalSource.Selection, ranges: [range(idOf("p")), range(idOf("i"))] };
    const masked = masker.event({
      type: EventType.IncrementalSnapshot,
      data,
      timestamp,
    } as unknown as eventWithTime);
    expect(masked?.data).toEqual({ source: IncrementalSource.Selection, ranges: [range(idOf("i"))] });
  });

  it("of a scrolled masked field does not leave, of the page it does", () => {
    const masker = maskerOf('<textarea class="glance_masked"></textarea>');
    const scroll = (node: Node): unknown =>
      masker.event({
        type: EventType.IncrementalSnapshot,
        data: { source: IncrementalSource.Scroll, id: record.mirror.getId(node), x: 0, y: 40 },
        timestamp,
      });
    expect(scroll(document.querySelector("textarea") as Node)).toBeNull();
    expect(scroll(document)).not.toBeNull();
  });
});

describe("an address", () => {
  const allowing: VisitorSettings = { masks: [], mask_default: "passwords", query_names: ["page"] };

  it.each([
    ["a link", '<a href="/OPEN?token=CANARY1#CANARY2">x</a>'],
    ["a picture", '<img src="/OPEN.png?token=CANARY1" srcset="/a.png?CANARY2 1x, /b.png?c=CANARY3 2x">'],
    ["a form", '<form action="/OPEN?CANARY1"><button formaction="?CANARY2">x</button></form>'],
    ["a film", '<video poster="/OPEN.png?CANARY1" src="/a.mp4?CANARY2"><source src="b.mp4?CANARY3"></video>'],
    ["a frame", '<iframe src="/x?token=CANARY1"></iframe><b>OPEN</b>'],
    ["a style", '<p style="background:url(/OPEN.png?t=CANARY1#CANARY2)">x</p>'],
    ["a style with escapes", '<p style="background:url(/OPEN.png\\3f t=CANARY1)">x</p>'],
    ["an import", '<style>@import "/OPEN.css?CANARY1"; p{background:url("/b.png?CANARY2")}</style>'],
    ["a drawing", '<svg><image href="/OPEN.png?CANARY1"/><rect fill="url(/d.svg?CANARY2#g)"/></svg>'],
    ["a data attribute", '<p data-next="https://shop.example/OPEN?code=CANARY1#CANARY2">x</p>'],
    ["a table", '<table background="/OPEN.png?CANARY1"><tr><td>x</td></tr></table>'],
    ["a refresh", '<meta http-equiv="refresh" content="9;url=/x?CANARY1"><b>OPEN</b>'],
  ])("of %s leaves without query and fragment", (_, html) => {
    const json = snapshotOf(html);
    expect(json).not.toContain("CANARY");
    expect(json).toContain("OPEN");
  });

  it("keeps the parameters that the group names, exactly, and the parts of drawings", () => {
    const json = snapshotOf(
      '<a href="/x?page=OPEN1&amp;Page=CANARY1&amp;pages=CANARY2&amp;page=OPEN2#CANARY3">x</a>' +
        '<svg><use href="/s.svg?v=CANARY4#OPEN3"/></svg><p style="mask:url(#OPEN4)">x</p><img src="data:,OPEN5?a#b">',
      allowing,
    );
    expect(json).not.toContain("CANARY");
    for (const text of ["page=OPEN1&page=OPEN2", "#OPEN3", "OPEN5?a#b"]) expect(json).toContain(text);
  });

  it("leaves a text alone that is no address", () => {
    expect(snapshotOf('<p title="Is it #1? Yes">What? #1</p>')).toContain("Is it #1? Yes");
  });
});

describe("the title", () => {
  it("leaves when it is open, and not when it or all is masked", () => {
    const masker = (settings: VisitorSettings): Masker => {
      const memory = new MaskMemory();
      return new Masker(new Rules(settings, document, memory), record.mirror, document, memory);
    };
    expect(masker(PASSWORDS).title()).toBe("Shop");
    expect(masker({ masks: ["title"], mask_default: "passwords" }).title()).toBe("");
    expect(masker({ masks: ["["], mask_default: "passwords" }).title()).toBe("");
    expect(masker({ masks: [], mask_default: "text" }).title()).toBe("");
  });
});

describe("a copy", () => {
  it("of a masked field's value does not leave from a text, an attribute or the title", () => {
    document.title = "CANARY1 typed";
    const json = snapshotOf('<p title="x CANARY1">CANARY1</p><input class="glance_masked" value="CANARY1">');
    expect(json).not.toContain("CANARY");
    expect(recording?.masker.title()).not.toContain("CANARY");
    expect(json).toContain("CONTROL");
  });

  it("of a number does not leave with other gaps, and a short code not where it stands alone", () => {
    const json = snapshotOf(
      '<input autocomplete="cc-number" value="4111111111111111"><p>4111 1111 1111-1111</p>' +
        '<input autocomplete="cc-csc" value="737"><b>737</b><i>route 7374</i>',
    );
    expect(json).not.toContain("4111 1111");
    expect(json).not.toContain('"737"');
    expect(json).toContain("route 7374");
  });
});

describe("what the leak suite found", () => {
  it("does not leave of a style: names that are free to choose", () => {
    const json = snapshotOf(
      '<p class="glance_masked" style="font-family: CANARY1; grid-area: CANARY2; width: 40px">x</p>',
    );
    expect(json).not.toContain("CANARY");
    expect(json).toContain("width: 40px");
  });

  it.each([
    ["a meta element's token", '<meta name="csrf-token" content="CANARY1">'],
    ["the proposals of a field", '<datalist id="d"><option value="CANARY1">CANARY2</option></datalist>'],
    ["the query of a link", '<a href="/x?token=CANARY1#CANARY2">x</a><form action="/y?CANARY3"></form>'],
    [
      "a masked option of an open list",
      '<select><option class="glance_masked" value="CANARY1" selected>x</option></select>',
    ],
    ["what a custom element of a payment token holds", '<x-c autocomplete="cc-csc"><b>CANARY1</b></x-c>'],
  ])("does not leave of %s", (_, html) => {
    expect(snapshotOf(html)).not.toContain("CANARY");
  });

  it("does not leave where a mask comes and goes within one task", async () => {
    document.body.innerHTML = "<p>x</p>";
    recording = new Recording(PASSWORDS);
    const text = document.querySelector("p") as HTMLElement;
    text.classList.add("glance_masked");
    text.textContent = "CANARY1";
    text.classList.remove("glance_masked");
    await settled();
    expect(recording.json).not.toContain("CANARY");
  });

  it("does not leave in the name of an attribute that a masked element loses", async () => {
    document.body.innerHTML = '<p class="glance_masked" data-canary1="">x</p>';
    recording = new Recording(PASSWORDS);
    (document.querySelector("p") as Element).removeAttribute("data-canary1");
    await settled();
    expect(recording.json).not.toContain("canary1");
  });
});
