/**
 * Copies of masked values are found in other clothes, and styles are left alone.
 */

import { describe, expect, it } from "vitest";

import { Addresses } from "../src/visitor/addresses.js";
import { MASK } from "../src/protocol/masked.js";
import { wordlessCss } from "../src/visitor/attributes.js";
import { Copies } from "../src/visitor/copies.js";

/** What becomes of a text beside a masked field with that value. */
function scrubbed(value: string, text: string, isName = false): string {
  const field = document.createElement("input");
  field.value = value;
  const copies = new Copies();
  copies.note(field);
  return copies.scrub(text, isName);
}

describe("a copy of a masked value", () => {
  it.each([
    ["with other gaps", "Ann Lee Brook", "for Ann  Lee\u00a0Brook!"],
    ["as a form writes it", "Ann Lee Brook", "/find/Ann+Lee+Brook"],
    ["as a URL writes it", "Zoë Müller & Co", "/find/Zo%C3%AB%20M%C3%BCller%20%26%20Co"],
    ["as markup writes it", "Lee & Sons", "<b>Lee &amp; Sons</b>"],
    ["as JSON writes it", 'Lee "Q" Sons', '{"v":"Lee \\"Q\\" Sons"}'],
    ["in another normal form", "José Brook", "for Jose\u0301 Brook"],
    ["without its accents", "José Brook", "jose-brook"],
    ["in another case", "Ann Brook", "ANN BROOK"],
    ["in groups", "GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19"],
    ["without its groups", "GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"],
    ["as a telephone number", "5551234567", "(555) 123-4567"],
    ["as a bare number", "(555) 123-4567", "5551234567"],
    ["as an amount", "7654321", "7,654,321"],
    ["as a short amount", "85601", "$85,601.00"],
    ["as a day of another country", "1980-05-17", "born 17/05/1980"],
    ["as a day with the month first", "1980-05-17", "born 05.17.1980"],
    ["as a day without noughts", "1980-05-07", "born 7/5/1980"],
    ["as a day of its own country", "07.05.1980", "born 1980-05-07"],
    ["as the day of a time", "1980-05-17T09:30", "born 5/17/1980"],
    ["as a month", "1980-05", "since 05/1980"],
    ["as an amount without its last nought", "45601.50", "$45,601.5"],
    ["as a number without its first", "0045601", "No. 45601"],
    ["as a bare amount", "$45,601.00", "45601 in all"],
    ["in capitals that are two letters", "Weiß & Brook", "WEISS & BROOK"],
    ["with what nobody sees between", "quartzfield", "quartz\u00adfie\u200bld"],
    ["in markup that parts it", "4111456601601980", "<b>4111</b> <b>4566</b> <b>0160</b> <i>1980</i>"],
    ["as JSON of other letters", "Zoë Brook", '{"n":"Zo\\u00eb Brook"}'],
    ["as markup names its letters", "Zoë Brook", "Zo&euml; Brook"],
    ["as an old URL writes it", "Zoë Brook", "/find/Zo%EBl".replace("l", "%20Brook")],
    ["in a URL of a URL", "Ann Brook", "/next/%252Ffind%252FAnn%2520Brook"],
    ["in a URL of a URL, with an accent", "Zoë Brook", "/next/Zo%25C3%25AB%2520Brook"],
    ["in letters for its letters", "Jörg Brook", "JOERG BROOK"],
    ["cut at its end", "Bartholomew Quartz of Brook", "Bartholomew Quar…"],
    ["over many gaps", "Ann Brook", "Ann\n            Brook"],
    ["as a German amount", "1456.01", "1.456,01 €"],
    ["in cents", "1456.01", '{"cents":145601}'],
    ["as an amount with another nought", "1456.5", "1.456,50 €"],
    ["at home, where it was typed for abroad", "+49 171 5456601", "0171 5456601"],
    ["with its signs apart", "19/80", "until 19 / 80"],
    ["with a printer's sign", "O'Brook", "Mr O’Brook"],
    ["before a currency", "85601", "85601EUR"],
    ["behind a currency", "85601", "EUR85601"],
  ])("%s does not leave", (_, value, text) => {
    const left = scrubbed(value, text);
    expect(left).toContain(MASK);
    expect(left.replace(/[^\p{L}\p{N}]/gu, "")).not.toMatch(/brook|quartz|m.*ller|sons|456|601|1980/i);
  });

  it("that is a plain word or a short number is looked for as a whole, and not in what styles go by", () => {
    expect(scrubbed("White", "white paper")).toBe(`${MASK} paper`);
    expect(scrubbed("White", "a whitepaper, offwhite")).toBe("a whitepaper, offwhite");
    expect(scrubbed("White", "btn white", true)).toBe("btn white");
    expect(scrubbed("1000", "z-index: 1000; width: 100px", true)).toBe("z-index: 1000; width: 100px");
    expect(scrubbed("1000", "PIN 1000")).toBe(`PIN ${MASK}`);
    expect(scrubbed("4111222233334444", "is-4111222233334444", true)).toBe(`is-${MASK}`);
    expect(scrubbed("85222", "852220 or 185222")).toBe("852220 or 185222");
    expect(scrubbed("11/29", "col-11-29", true)).toBe("col-11-29");
    expect(scrubbed("11/29", "111/29, 11/290")).toBe("111/29, 11/290");
  });

  it("that is cut is none of an address, whose beginning stands in many", () => {
    expect(scrubbed("https://shop.example/ann", "https://shop.example/bob")).toBe("https://shop.example/bob");
    expect(scrubbed("Bartholomew Quartz", "bartholomew-quar", true)).toBe("bartholomew-quar");
  });

  it("is found among hundreds of values", () => {
    const copies = new Copies();
    for (let at = 0; at < 400; at += 1) {
      const field = Object.assign(document.createElement("input"), {
        value: `Quartz ${String(at)} of Brook`,
      });
      copies.note(field);
    }
    expect(copies.scrub("it is quartz-77-of-brook")).toBe(`it is ${MASK}`);
    // However a text is written, it is compared with those alone that begin as something in it does.
    expect(copies.scrub("/find/quartz%2077%20of%20brook?a&amp;b")).toBe(`/find/${MASK}?a&amp;b`);
    expect(copies.scrub('{"q":"<i>Qu</i>artz 77 of Brook"}')).toBe(`{"q":"<i>${MASK}"}`);
  });
});

describe("what masked texts and lists show", () => {
  const told = (...texts: string[]): Copies => {
    const copies = new Copies();
    for (const text of texts) copies.noteText(document.createTextNode(text));
    return copies;
  };

  it("is found where it is a number, and no word, no short number and no option blackens the page", () => {
    const copies = told(" $81,234.56 ", "Total", "42", "Show 3 more", "2026", "Ada Lovelace", "x".repeat(99));
    expect(copies.scrub("Balance: 81,234.56!")).toBe(`Balance: ${MASK}!`);
    for (const text of ["Total", "42", "Show 3 more", "© 2026", "Ada Lovelace"])
      expect(copies.scrub(text)).toBe(text);
    expect(copies.scrub("m81,234 56", true)).toBe("m81,234 56");
    document.body.innerHTML = "<select><option>No. 4711-12</option></select>";
    const option = document.querySelector("option")?.firstChild as Text;
    copies.noteText(option);
    expect(copies.scrub("No. 4711-12")).toBe("No. 4711-12");
  });

  it("is known once, however often it is looked at, and forgotten behind many others", () => {
    const copies = new Copies();
    const text = document.createTextNode("No. 555-000");
    copies.noteText(text);
    copies.noteText(text);
    expect(copies.version).toBe(1);
    for (let at = 1; at <= 200; at += 1)
      copies.noteText(document.createTextNode(`No. 555-${String(1000 + at)}`));
    expect(copies.scrub("No. 555-000")).toBe("No. 555-000");
    expect(copies.scrub("No. 555-1200")).toBe(MASK);
  });

  it("is found of several choices in a row, where one among other words is the page's own", () => {
    document.body.innerHTML =
      "<select multiple><option selected>Visa</option><option selected>Amex</option><option selected>Red</option></select>";
    const copies = new Copies();
    copies.note(document.body.firstElementChild as Element);
    expect(copies.scrub("Visa, Amex")).toBe(`${MASK}, ${MASK}`);
    expect(copies.scrub("You chose Amex and Red.")).toBe(`You chose ${MASK} and ${MASK}.`);
    expect(copies.scrub("We take Visa here, and of course Amex")).toBe(
      "We take Visa here, and of course Amex",
    );
    expect(copies.scrub("a red visage")).toBe("a red visage");
  });
});

describe("what other fields say", () => {
  const noted = (html: string, then: (field: HTMLElement, copies: Copies) => void): Copies => {
    document.body.innerHTML = html;
    const copies = new Copies();
    const field = document.body.firstElementChild as HTMLElement;
    copies.note(field);
    then(field, copies);
    copies.refresh();
    return copies;
  };

  it("is found in scripts that leave no gap between words, where a sign is worth a syllable", () => {
    expect(scrubbed("李小龙", "您好李小龙先生")).toBe(`您好${MASK}先生`);
    expect(scrubbed("王明", "您好王明先生")).toBe(`您好${MASK}先生`);
    expect(scrubbed("Ann", "Annual")).toBe("Annual");
    expect(scrubbed("👍", "good 👍")).toBe("good 👍");
  });

  it("is one where each part has a field, also where they are noted from the last", () => {
    document.body.innerHTML = '<input maxlength="1">'.repeat(6) + "<input>";
    const fields = [...document.querySelectorAll("input")];
    for (const order of [fields, fields.slice().reverse()]) {
      const copies = new Copies();
      for (const field of order) copies.note(field);
      fields.forEach((field, at) => (field.value = "618034"[at] ?? "x"));
      copies.refresh();
      const { version } = copies;
      copies.refresh();
      expect(copies.scrub("your code 618-034")).toBe(`your code ${MASK}`);
      expect(copies.version).toBe(version);
    }
  });

  it("of a text of some lines is each of them, and an empty field says nothing", () => {
    const text = noted("<textarea></textarea>", (field, copies) => {
      const area = field as HTMLTextAreaElement;
      for (const value of [
        "",
        "x",
        "",
        `${"a line that somebody has typed\n".repeat(3)}12 Long Road\nTown`,
      ]) {
        area.value = value;
        copies.refresh();
      }
    });
    expect(text.scrub("lives at 12 Long Road")).toBe(`lives at ${MASK}`);
  });

  it("of a list is hidden where a text is that and nothing else: its words are the page's own", () => {
    const copies = noted(
      "<select><option value=''>Please choose</option><option value='de' selected>Germany</option></select>",
      () => undefined,
    );
    expect(copies.scrub(" Germany ")).toBe(MASK);
    expect(copies.scrub("Made in Germany")).toBe("Made in Germany");
    expect(copies.scrub("Please choose")).toBe("Please choose");
  });

  it("of a short text that can be edited is a copy, of a document it is not", () => {
    const line = noted("<p contenteditable>Ann Lee Brook</p>", () => undefined);
    expect(line.scrub("for Ann Lee Brook")).toBe(`for ${MASK}`);
    const some = noted("<li contenteditable><div><p>Ann Lee</p><p>Long Road</p></div></li>", () => undefined);
    expect(some.scrub("at Long Road")).toBe(`at ${MASK}`);
    const page = noted(`<div contenteditable>${"<p>one</p>".repeat(13)}</div>`, () => undefined);
    expect(page.isEmpty).toBe(true);
  });

  it("of a colour is hidden where a text is that and nothing else: styles go by it", () => {
    const colour = noted('<input type="color" value="#c0ffe7">', () => undefined);
    expect(colour.scrub("#c0ffe7")).toBe(MASK);
    expect(colour.scrub("color: #c0ffe7", true)).toBe("color: #c0ffe7");
  });

  it("is known by its beginnings for some keys, since a preview may lag behind", () => {
    const value = "quartz-field-number-77";
    const copies = noted("<input>", (field, copies) => {
      for (let at = 1; at <= value.length; at += 1) {
        (field as HTMLInputElement).value = value.slice(0, at);
        copies.refresh();
      }
    });
    expect(copies.scrub(value.slice(0, -4))).toBe(MASK);
    expect(copies.scrub("quar")).toBe("quar");
  });
});

describe("an address in an attribute", () => {
  const page = { URL: "https://shop.example/x" };
  const addresses = new Addresses(["next"], page);
  const cleaned = (name: string, value: string): string => addresses.attribute("p", name, value);

  it("leaves without its query wherever it stands, also relative, in lists and in JSON", () => {
    expect(cleaned("data-url", "a.png?token=1")).toBe("a.png");
    expect(cleaned("hx-get", "?token=1&next=2")).toBe("?next=2");
    expect(cleaned("values", "/a?token=1;/b?token=2")).toBe("/a;/b");
    expect(cleaned("data-props", '{"a":"/x?token=1\\u0026b=2","b":"#t=3"}')).toBe('{"a":"/x","b":""}');
    expect(addresses.clean("mailto:a@shop.example?body=1")).toBe("mailto:a@shop.example");
    expect(addresses.clean("https://ann:secret@shop.example/y")).toBe("https://shop.example/y");
  });

  it("leaves without the parameters of its path, but those that the group names", () => {
    expect(addresses.clean("/a;jsessionid=1/b;v=2;next=3/c;d?x=4")).toBe("/a/b;next=3/c;d");
    expect(addresses.clean("https://shop.example/a%3Bsid=1")).toBe("https://shop.example/a");
    expect(cleaned("data-props", '{"a":"/x;JSESSIONID=1","b":"c;d=2"}')).toBe('{"a":"/x","b":"c;d=2"}');
    expect(cleaned("srcset", "/a;w=1.png 1x, /b;t=2 2x")).toBe("/a 1x, /b 2x");
  });

  it("is not looked for in words and classes", () => {
    expect(cleaned("title", "why?x=1")).toBe("why?x=1");
    expect(cleaned("class", "w-[a?b=1]")).toBe("w-[a?b=1]");
  });

  it("is looked for once in long data, where looking from every letter on would take minutes", () => {
    const data = `${"x".repeat(2_000_000)}?${"?a".repeat(100_000)}`;
    expect(cleaned("data-x", data)).toBe(data);
  });
});

describe("a style sheet without words", () => {
  it("has no comments, in which words may stand, or what makes a word look like a name", () => {
    expect(wordlessCss('/* ab */p::after{/* font: */content:"cd"}')).toBe(' p::after{ content:""}');
    expect(wordlessCss('p::after{content:"/*"}q::after{content:"*/ ab"}')).toBe(
      'p::after{content:"/*"}q::after{content:""}',
    );
  });

  it("has no markup that somebody wrote into it", () => {
    expect(wordlessCss("<b title='ab' x=\"cd\">")).toBe('<b title="" x="">');
    expect(wordlessCss("a[ href ~= \"b\"][c='d']{}")).toBe("a[ href ~= \"b\"][c='d']{}");
  });

  it("keeps names and loses what it says", () => {
    const kept = `@import "a.css";@font-face{font-family:"Open Sans";src:url("a.woff2") format("woff2")}a[href="b c"]{grid-template:"a b" "c d";content:"\\e900"}`;
    expect(wordlessCss(kept)).toBe(kept);
    expect(
      wordlessCss(
        `@counter-style x{symbols:"ab";suffix:"cd"}@property --z{syntax:"<string>";initial-value:"ef"}p{quotes:"gh" "ij";text-emphasis:"kl";hyphenate-character:"mn";--k:"op"}`,
      ),
    ).toBe(
      `@counter-style x{symbols:"";suffix:""}@property --z{syntax:"<string>";initial-value:""}p{quotes:"" "";text-emphasis:"";hyphenate-character:"";--k:""}`,
    );
  });
});
