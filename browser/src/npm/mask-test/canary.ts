/**
 * What the mask test fills in: for each kind of field something that fits, and that stands nowhere else.
 *
 * Owns the making, and in which forms one is known again. What a slider really holds only the page can say.
 */

import { randomBytes, randomInt } from "node:crypto";

/** For the field of that number and kind. */
export function canaryOf(at: number, kind: string): string {
  const digits = (min: number, max: number, length = 2): string =>
    String(randomInt(min, max + 1)).padStart(length, "0");
  // Years in which nobody has an appointment.
  const year = digits(3_000, 8_999);
  const day = `${year}-${digits(1, 12)}-${digits(1, 28)}`;
  const time = `${digits(0, 23)}:${digits(0, 59)}`;
  switch (kind) {
    case "number":
    case "tel":
      return `${String(7_000 + at)}${digits(0, 999_999, 6)}`;
    case "date":
      return day;
    case "month":
      return day.slice(0, 7);
    case "week":
      return `${year}-W${digits(1, 52)}`;
    case "time":
      return `${time}:${digits(1, 59)}.${digits(101, 998)}`;
    case "datetime-local":
      return `${day}T${time}`;
    case "color":
      return `#${randomBytes(3).toString("hex")}`;
    case "range":
      // A place between the ends.
      return `0.${digits(100_000_000, 899_999_999)}`;
    default:
      return `cm${String(at)}x${randomBytes(5).toString("hex")}`;
  }
}

/** As what a canary could stand in something that left: as it is, or as a page's script may have written it. */
export function formsOf(canary: string): readonly string[] {
  // Other forms of a short one could stand there by chance.
  if (canary.length < LONG) return [canary];
  const bytes = Buffer.from(canary);
  const hex = bytes.toString("hex");
  return [
    canary,
    canary.toUpperCase(),
    Buffer.from(bytes).reverse().toString(),
    hex,
    hex.replaceAll(/../g, "%$&"),
    ...[0, 1, 2].map((offset) => base64Of(canary, offset)),
  ];
}

/** The middle of a base64 text that holds it at that offset: what does not depend on its neighbours. */
function base64Of(canary: string, offset: number): string {
  const text = Buffer.from("\0".repeat(offset) + canary).toString("base64");
  return text.slice(offset === 0 ? 0 : 4, text.length - 4);
}

const LONG = 10;
