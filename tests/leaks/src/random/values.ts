/**
 * What somebody types that a page repeats in other clothes: days, amounts, names, numbers in groups, lines.
 *
 * Owns the values and the clothes in which a copy can be known: `docs/SECURITY.md` says which those are.
 */

import type { Dice } from "./dice.js";

/** A typed value and how a page shows it. */
export interface Echo {
  readonly name: string;
  readonly value: string;
  readonly shown: string;
  /** Type of the field; `textarea` for one of lines. */
  readonly type: string;
}

/** One by chance. */
export function echoOf(dice: Dice): Echo {
  return dice.pick(ECHOES)(dice);
}

const digits = (dice: Dice, count: number): string =>
  String(1 + dice.below(9)) +
  Array.from({ length: count - 1 }, () => String(dice.below(10))).join("");

const two = (number: number): string => String(number).padStart(2, "0");

const grouped = (text: string, size: number, sign: string): string =>
  text.replace(new RegExp(`.{${String(size)}}(?=.)`, "g"), (part) => part + sign);

const thousands = (text: string, sign: string): string => text.replace(/\B(?=(\d{3})+$)/g, sign);

function day(dice: Dice): Echo {
  const [year, month, date] = [1_930 + dice.below(100), 1 + dice.below(12), 1 + dice.below(28)];
  const sign = dice.pick(["/", ".", "-", " ", ". "]);
  const bare = [String(month), String(date)] as const;
  const [m, d] = dice.chance(0.5) ? bare : ([two(month), two(date)] as const);
  const shown = dice.pick([
    [d, m, String(year)],
    [m, d, String(year)],
    [String(year), m, d],
  ]);
  const value = `${String(year)}-${two(month)}-${two(date)}`;
  const type = dice.pick(["date", "text", "datetime-local"]);
  return {
    name: "day",
    value: type === "datetime-local" ? `${value}T09:30` : value,
    shown: `on ${shown.join(sign)}!`,
    type,
  };
}

function typedDay(dice: Dice): Echo {
  const [year, month, date] = [1_930 + dice.below(100), 1 + dice.below(12), 1 + dice.below(28)];
  const sign = dice.pick(["/", ".", "-"]);
  return {
    name: "typed day",
    value: [date, month, year].join(sign),
    shown: `on ${String(year)}-${two(month)}-${two(date)}!`,
    type: "text",
  };
}

function amount(dice: Dice): Echo {
  const whole = digits(dice, 5 + dice.below(4));
  const cents = dice.pick(["", ".50", ".07", ".00"]);
  const sign = dice.pick([",", " ", "'", "\u202f"]);
  const shownCents = cents === "" ? dice.pick(["", ".00"]) : cents.replace(/\.?0+$/, "");
  return {
    name: "amount",
    value: whole + cents,
    shown: `${dice.pick(["$", "€ ", ""])}${thousands(whole, sign)}${shownCents} in all`,
    type: dice.pick(["number", "text"]),
  };
}

function number(dice: Dice): Echo {
  const plain = digits(dice, 9 + dice.below(7));
  const size = 2 + dice.below(3);
  const shown = grouped(plain, size, dice.pick([" ", "-", "\u00a0", " - ", "."]));
  const [value, other] = dice.chance(0.5) ? [plain, shown] : [shown, plain];
  return { name: "number", value, shown: `No. ${other};`, type: dice.pick(["text", "tel"]) };
}

function person(dice: Dice): Echo {
  const name = `${dice.pick(["José", "Zoë", "Ann", "Weiß", "Łuk"])} q${dice.letters(6)} ${dice.pick(["Müller", "O'Hara", "Brook-Lee"])}`;
  const guise = dice.pick<(text: string) => string>([
    (text) => JSON.stringify({ text }).replace(/[^ -~]/g, escaped),
    (text) => text.replace(/[^ -~]/g, (sign) => `&#${String(sign.charCodeAt(0))};`),
    (text) => encodeURIComponent(encodeURIComponent(text)),
    (text) =>
      text
        .split(" ")
        .map((word) => `<b>${word}</b>`)
        .join(" "),
    (text) => text.replaceAll(" ", "\n          "),
    (text) => `${text.slice(0, -2)}…`,
    (text) => text.toUpperCase(),
    (text) => text.toLowerCase(),
    (text) => text.normalize("NFD"),
    (text) => text.normalize("NFD").replace(/\p{M}/gu, ""),
    (text) => encodeURIComponent(text),
    (text) => text.replaceAll(" ", "+"),
    (text) => text.replaceAll(" ", "-"),
    (text) => text.replaceAll(" ", "&nbsp;").replace("'", "&#39;"),
    (text) => JSON.stringify({ text }),
    (text) => text.replaceAll(" ", "\u200b \u200b"),
    (text) => `\u202a${text}\u202c`,
    (text) => text.replaceAll(" ", "  "),
    (text) => text.replaceAll(" ", ""),
  ]);
  return { name: "name", value: name, shown: guise(name), type: "text" };
}

function line(dice: Dice): Echo {
  const own = `${String(1 + dice.below(99))} q${dice.letters(7)} Road`;
  return {
    name: "line",
    value: `Ann Brook of ${dice.letters(6)}\n${own}\nat ${dice.letters(8)}`,
    shown: `lives at ${own} now`,
    type: dice.pick(["textarea", "paragraphs"]),
  };
}

/** As JSON of servers writes what is not ASCII. */
const escaped = (sign: string): string => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;

function german(dice: Dice): Echo {
  const whole = digits(dice, 4 + dice.below(4));
  const cents = `.${String(1 + dice.below(9))}${String(1 + dice.below(9))}`;
  const shown = dice.pick([
    `${thousands(whole, ".")},${cents.slice(1)} €`,
    `{"amount":${whole}${cents.slice(1)}}`,
    `${thousands(whole, ",")}${cents}EUR`,
    `CHF${whole}${cents}`,
  ]);
  return { name: "amount of a country", value: whole + cents, shown, type: "text" };
}

function phone(dice: Dice): Echo {
  const own = digits(dice, 9);
  const [abroad, home] = [`+${dice.pick(["49", "1", "420"])} ${own}`, grouped(own, 3, " ")];
  const [value, shown] = dice.chance(0.5) ? [abroad, `0${home}`] : [home, abroad];
  return { name: "phone", value, shown: `call ${shown};`, type: "tel" };
}

function expiry(dice: Dice): Echo {
  const [month, year] = [two(1 + dice.below(12)), String(28 + dice.below(60))];
  const signs = dice.pick(["/", " / ", "-", ""]);
  return {
    name: "expiry",
    value: `${month}/${year}`,
    shown: `until ${month}${signs}${year} it is`,
    type: "text",
  };
}

const ECHOES = [
  german,
  phone,
  expiry,
  day,
  day,
  typedDay,
  amount,
  amount,
  number,
  person,
  person,
  line,
] as const;
