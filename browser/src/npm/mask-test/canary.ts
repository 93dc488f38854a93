/**
 * What the mask test fills in: for each kind of field something that fits, and that stands nowhere else.
 *
 * Owns the making. What a slider really holds only the page can say.
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
