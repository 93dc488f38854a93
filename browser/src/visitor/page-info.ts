/**
 * What a page has to know of its group before a session: terms, look, trusted origins. PROTOCOL.md section 7.2.
 *
 * Owns the question and the reading of its answer, and its short memory.
 */

import { isRecord, readTheme, type Theme } from "../protocol/payloads.js";
import { REQUEST_MS_MAX } from "./limits.js";

/** The answer. */
export interface PageInfo {
  readonly terms: { readonly text: string; readonly url: string | null } | null;
  readonly theme: Theme;
  readonly chatOrigins: readonly string[];
  readonly origins: readonly string[];
}

/** Asks; an error's name when the answer is another. */
export function pageInfo(origin: string, group: string): Promise<PageInfo | string> {
  const url = `${origin}/api/v1/page?group=${encodeURIComponent(group)}`;
  const known = asked.get(url);
  if (known) return known;
  const answer = askOnce(url);
  asked.set(url, answer);
  return answer;
}

/** An error is asked for again. */
async function askOnce(url: string): Promise<PageInfo | string> {
  const info = await ask(url);
  if (typeof info === "string") asked.delete(url);
  return info;
}

async function ask(url: string): Promise<PageInfo | string> {
  try {
    const response = await fetch(url, {
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const body: unknown = await response.json();
    if (response.ok) return read(body) ?? "unreachable";
    return isRecord(body) && typeof body.error === "string" ? body.error : "unreachable";
  } catch {
    return "unreachable";
  }
}

function read(value: unknown): PageInfo | null {
  if (!isRecord(value)) return null;
  const { terms, theme, chat_origins: chatOrigins, origins } = value;
  if (!isTexts(chatOrigins) || !isTexts(origins)) return null;
  const text = isRecord(terms) && typeof terms.text === "string" ? terms.text : null;
  // Terms that cannot be read are no terms that were accepted.
  if (text === null && terms !== null) return null;
  const url =
    isRecord(terms) && typeof terms.url === "string" && terms.url.startsWith("https:") ? terms.url : null;
  return { terms: text === null ? null : { text, url }, theme: readTheme(theme), chatOrigins, origins };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

const asked = new Map<string, Promise<PageInfo | string>>();
