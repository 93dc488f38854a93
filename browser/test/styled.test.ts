/** Which addresses a computed style names. That they are found on a page, whatever names them, is tried on real pages by the mirror suite. */

import { describe, expect, it } from "vitest";

import { addressesOf, PAINTED } from "../src/viewer/styled.js";

const A = "https://shop.example/a.png";
const B = "https://shop.example/b.png";

describe("the addresses of a value", () => {
  it.each<[string, string, string[]]>([
    ["none", "none", []],
    ["one picture", `url("${A}")`, [A]],
    ["several layers", `linear-gradient(red, blue), url("${A}"), url("${B}")`, [A, B]],
    ["a picture and words", `url("${A}") / "url(\\"${B}\\")"`, [A]],
    ["words alone", `"url(${B})"`, []],
    ["what is there already", `url("data:image/png;base64,AAAA")`, []],
    ["a part of the page", `url("#clip")`, []],
    ["a part of a drawing", `url("https://shop.example/d.svg#c")`, ["https://shop.example/d.svg#c"]],
    ["signs that are escaped", `url("https://shop.example/\\"a\\".png")`, ['https://shop.example/"a".png']],
    ["a picture of the page's memory", `url("blob:https://shop.example/1")`, ["blob:https://shop.example/1"]],
    ["a worklet's drawing", `paint(lines), url("${A}")`, [PAINTED, A]],
    [
      "an address that looks like one",
      `url("https://shop.example/paint(1).png")`,
      ["https://shop.example/paint(1).png"],
    ],
  ])("%s", (_, value, expected) => {
    expect(addressesOf(value, 1)).toEqual(expected);
  });

  it.each<[number, string]>([
    [1, A],
    [1.5, B],
    [2, B],
    [3, B],
  ])("of a set are those that a screen of %f takes", (density, expected) => {
    const set = `image-set(url("${B}") 2x, url("${A}") 1x type("image/png"))`;
    expect(addressesOf(`${set}, url("${A}")`, density)).toEqual([expected, A]);
  });
});
