/**
 * Resources that travel along because agents' browsers cannot reach them: pictures and fonts of the origins that the group
 * names (`upload_origins`), PROTOCOL.md section 4; and what is written in their style sheets, where the page may not look.
 *
 * Owns the names that stand for addresses, and what an epoch has yet to be told. Reading them is `uploads.ts`'s. An
 * address gets here only when it is about to leave, so nothing is read for what is masked.
 */

import { RESOURCES_ASKED_MAX } from "../visitor/limits.js";

/** A resource: the hash of its bytes, and its bytes as a `data:` address. */
export interface Resource {
  readonly hash: string;
  readonly data: string;
  /** A style sheet instead: what is written in it, with whole addresses. It has no name and stands where the sheet does. */
  readonly css?: string;
}

/** The resources of one page and connection. Its code comes with `uploads.js`. */
export class Resources {
  /** Addresses that were met and nobody has read yet. */
  readonly asked = new Set<string>();
  /** What was read, by its address; `null` could not be. */
  private readonly known = new Map<string, Resource | null>();
  private readonly told = new Set<string>();
  private fresh: Resource[] = [];

  constructor(private readonly origins: readonly string[]) {}

  /** What stands for an address; `null` leaves it as it is. */
  nameOf(url: string): string | null {
    const [file = "", part] = url.split("#", 2);
    const known = this.look(file);
    if (!known || known.css !== undefined) return null;
    if (!this.told.has(known.hash)) this.fresh.push(known);
    this.told.add(known.hash);
    return `${RESOURCE_SCHEME}${known.hash}${part && DRAWING.test(`${file}#${part}`) ? `#${part}` : ""}`;
  }

  /** What is written in a style sheet; `null` leaves it where it is. */
  sheetOf(url: string): string | null {
    return this.look(url)?.css ?? null;
  }

  /** Whether an address, or one in a list, is of an origin whose resources travel along, or of what a page of such an origin holds. */
  covers(urls: string): boolean {
    const known = this.origins.flatMap((origin) => [`${origin}/`, `blob:${origin}/`]);
    return urls.split(/[\s,]+/).some((url) => known.some((start) => url.startsWith(start)));
  }

  /** Takes what was read of an address. */
  add(url: string, resource: Resource | null): void {
    this.known.set(url, resource);
  }

  private look(url: string): Resource | null | undefined {
    const known = this.known.get(url);
    if (known === undefined && this.covers(url) && this.asked.size < RESOURCES_ASKED_MAX) this.asked.add(url);
    return known;
  }

  /** An epoch begins: its agents know nothing yet. */
  begin(): void {
    this.told.clear();
    this.fresh = [];
  }

  /** What was named since the last call and has to be told before it. */
  take(): Resource[] {
    const { fresh } = this;
    this.fresh = [];
    return fresh;
  }
}

/** An address that is a resource's name. */
const RESOURCE_SCHEME = "resource:";

/** A part of a drawing, by its name there. No other fragment leaves. */
const DRAWING = /\.svg(?:\?.*)?#[\w.:-]+$/;
