/**
 * What the page knows of its visitor and wants agents to see: `window.GLANCE_COBROWSE`.
 *
 * Owns its bounds. It is the page's own word, not read from the page's content, so no mask is over it; what is too long is
 * left out whole, because half of an address or a number is a wrong one.
 */

import { warn } from "../guard/guard.js";
import type { VisitorIdentity } from "../loader/global.js";

/** What agents are told. */
export interface Identity {
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
}

/** Reads what the page says; what cannot be taken is named on the console. */
export function readIdentity(given: VisitorIdentity | undefined): Identity {
  const identity: Record<string, string> = {};
  for (const [name, charsMax] of Object.entries(IDENTITY_CHARS_MAX)) {
    const value: unknown = given?.[name as keyof typeof IDENTITY_CHARS_MAX];
    if (value === undefined || value === null || value === "") continue;
    if (typeof value === "string" && value.length <= charsMax) identity[name] = value;
    else warn(`GLANCE_COBROWSE.${name} is left out: it is a text of at most ${String(charsMax)} characters.`);
  }
  return identity;
}

/** Characters of each, as integrators know them. */
export const IDENTITY_CHARS_MAX = { name: 63, email: 127, phone: 31 } as const;
