/**
 * Reads resources that agents' browsers cannot reach: a part that is loaded only where a group allows it.
 *
 * Owns the reading, its bounds and its memory, which outlives a connection and ends with the page. The visitor's browser
 * asks as the page itself would, with its cookies, and gets what it may: CORS and the page's policy hold.
 */

import { guarded, launch } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import {
  RESOURCE_BYTES_MAX,
  RESOURCES_CHARS_MAX,
  UPLOAD_EPOCH_MS,
  UPLOAD_LOOK_MS,
  UPLOADS_AT_ONCE,
} from "../visitor/limits.js";
import type { Resource, Resources } from "./resources.js";

export { Resources } from "./resources.js";
import { dataOf } from "./data.js";

/** What this part needs from the recorder. */
export interface UploadHost {
  readonly resources: Resources;
  /** Something was read: what names it has to be sent anew. */
  onRead(): void;
}

/** Begins to read what is asked for; gives the way to end. */
export function readResources(page: Window & typeof globalThis, host: UploadHost): () => void {
  let isStopped = false;
  const go = async (): Promise<void> => {
    const { resources } = host;
    let isNew = false;
    while (!isStopped) {
      const urls = [...resources.asked].slice(0, UPLOADS_AT_ONCE);
      // All are asked for at once; none is ever rejected.
      const readings = urls.map((url) => known(page, url));
      for (const [at, url] of urls.entries()) {
        const resource = (await readings[at]) ?? null;
        resources.asked.delete(url);
        resources.add(url, resource);
        isNew ||= resource !== null;
      }
      // Once all that was met is read, so that one new epoch tells it.
      if (urls.length > 0 && resources.asked.size > 0) continue;
      if (isNew && !isStopped) host.onRead();
      const ms = isNew ? UPLOAD_EPOCH_MS : UPLOAD_LOOK_MS;
      isNew = false;
      await new OwnPromise((resolve) => page.setTimeout(guarded(resolve), ms));
    }
  };
  launch(go);
  return () => {
    isStopped = true;
  };
}

/** What an address holds, asked for once; `null` for what cannot be read, is too long or no picture or font. */
function known(page: Window & typeof globalThis, url: string): Promise<Resource | null> {
  const reading = memory.get(url) ?? readOrNone(page, url);
  memory.set(url, reading);
  return reading;
}

async function readOrNone(page: Window & typeof globalThis, url: string): Promise<Resource | null> {
  try {
    return await read(page, url);
  } catch {
    return null;
  }
}

async function read(page: Window & typeof globalThis, url: string): Promise<Resource | null> {
  const ask = (credentials: RequestCredentials): Promise<Response> =>
    page.fetch(url, { credentials, cache: "force-cache" });
  // Another origin may allow the reading only without cookies.
  let answer: Response;
  try {
    answer = await ask("include");
  } catch {
    answer = await ask("same-origin");
  }
  const type = typeOf(answer.headers.get("content-type") ?? "", url);
  if (!answer.ok || !type || Number(answer.headers.get("content-length")) > RESOURCE_BYTES_MAX) return null;
  const bytes = await answer.arrayBuffer();
  if (bytes.byteLength > RESOURCE_BYTES_MAX) return null;
  if (type === STYLE) {
    if (chars + bytes.byteLength > RESOURCES_CHARS_MAX) return null;
    chars += bytes.byteLength;
    return { hash: "", data: "", css: wholeAddresses(new TextDecoder().decode(bytes), answer.url || url) };
  }
  const data = await dataOf(page, new page.Blob([bytes], { type }));
  if (chars + data.length > RESOURCES_CHARS_MAX) return null;
  chars += data.length;
  const digest = new Uint8Array(await page.crypto.subtle.digest("SHA-256", bytes));
  return { hash: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""), data };
}

/** A sheet's addresses are those of its own folder. */
function wholeAddresses(css: string, base: string): string {
  return css.replace(CSS_ADDRESS, (all, before: string, quote: string, url: string) => {
    if (/^(?:#|data:)/i.test(url)) return all;
    try {
      return `${before}${quote}${new URL(url, base).href}${quote}`;
    } catch {
      return all;
    }
  });
}

/** Pictures and style sheets by what the server says, fonts also by their name: many servers do not know them. */
function typeOf(said: string, url: string): string | null {
  const type = said.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (PICTURES.includes(type) || type === STYLE) return type;
  const font = /\.(woff2?|ttf|otf)(?:[?#]|$)/.exec(url)?.[1] ?? /^font\/(woff2?|ttf|otf)$/.exec(type)?.[1];
  return font && !type.startsWith("text/") ? `font/${font}` : null;
}

const STYLE = "text/css";
const CSS_ADDRESS = /(url\(\s*|@import\s+)(["']?)([^"'()\s;]+)\2/gi;
const PICTURES = "png jpeg gif webp avif svg+xml".split(" ").map((name) => `image/${name}`);

const memory = new Map<string, Promise<Resource | null>>();
let chars = 0;
