/**
 * What a case of the leak suite is, and how its page is filled.
 *
 * Owns the canaries and the placeholders. Cases stand in `cases/`, running them is `runner.ts`'s.
 *
 * Placeholders, in markup, scripts and files:
 *
 *  - `{c}`, `{c1}` ... `{c9}`: canaries, letters and digits; `{d}`: seven digits. All have to arrive in the control.
 *  - `{web}`: origin of the web tier; `{folder}`: path of the case's files, which every host of a frame has.
 *  - `{m}`: the attribute `glance_masked`, nothing in the control. `{M}`: the class, another one in the control.
 *  - `{masked|control}`: the first in the masked run, the second in the control.
 */

import type { Page } from "playwright-core";

/** Groups of the stack that cases run in. */
export type GroupName =
  | "plain"
  | "inputs"
  | "text"
  | "selectors"
  | "broken"
  | "canvas"
  | "canvas-text"
  | "uploads"
  | "queries"
  | "frames";

/** One attack on the mask. */
export interface Case {
  readonly name: string;
  /** Group of the masked run; the control runs in `controlGroup`. Both `plain` when not given. */
  readonly group?: GroupName;
  readonly controlGroup?: GroupName;
  readonly head?: string;
  readonly html: string;
  /** Attributes of the tag besides; it then stands before all scripts of the page. */
  readonly tag?: string;
  /** What kind of document it is; an ordinary one when not given. */
  readonly kind?: "xhtml" | "quirks";
  /** Markup of the control where the rule is not a matter of `{m}`: the same text in an open place of its kind. */
  readonly control?: string;
  /** Digits of canaries that no mirror shows, masked or not: no control can demand them. */
  readonly unseen?: string;
  /** What happens once the page is shown: a script in the page, or what a person does. */
  readonly act?: string | ((page: Page, fill: Fill, seen: () => string) => Promise<void>);
  /** Query and fragment of the page's address. */
  readonly address?: string;
  /** More files of the site, by path below the page. */
  readonly files?: Readonly<Record<string, string>>;
  /** Everything is masked in the masked run, so that no mark arrives either. */
  readonly isBlind?: boolean;
  /** Judged by what an agent receives who comes only afterwards. */
  readonly isLate?: boolean;
  /** What has to have arrived before the case is judged, where it comes in its own time. */
  readonly until?: (text: string, fill: Fill) => boolean;
  /** Hears, besides, what an agent receives who comes only afterwards. */
  readonly foundLate?: (text: string) => void;
  /** Looks for something else than the canaries. */
  readonly found?: (text: string, fill: Fill) => boolean;
}

/** One of several attacks that share a page: it writes its canary as `{c}`, and its ids are its own. */
export interface Part {
  /** What it tries; the place of a canary that leaked tells which one it was. */
  readonly what: string;
  readonly html: string;
  readonly act?: string;
}

/** Lets the recorder tell what a script has done before it does more: a step of `act`. */
export const PAUSE = "await new Promise((done) => setTimeout(done, 60));";

/** Up to ten attacks on one page, each with a canary of its own: a page that loads costs more than what is on it. */
export function together(name: string, parts: readonly Part[], more: Partial<Case> = {}): Case {
  const own = (text: string, at: number): string => text.replaceAll("{c}", `{c${String(at)}}`);
  const act = parts.map((part, at) => `await (async () => { ${own(part.act ?? "", at)} })();`);
  return {
    name: `${name}: ${parts.map((part, at) => `${String(at)} ${part.what}`).join(", ")}`,
    html: parts.map((part, at) => own(part.html, at)).join(""),
    act: act.join("\n"),
    found: (text, fill) => {
      if (fill.isMasked) return fill.isIn(text);
      const blunt = parts.filter((_, at) => !text.includes(fill.canaries[at] ?? "?"));
      if (blunt.length > 0)
        console.log(`        no canary of: ${blunt.map((part) => part.what).join(", ")}`);
      return blunt.length === 0;
    },
    ...more,
  };
}

/** One attack of several on a page; `@` is its number, `sign` what must not arrive. */
export interface Probe {
  readonly what: string;
  readonly html: string;
  readonly act?: string;
  /** `{c}` when not given. */
  readonly sign?: string;
}

/** Attacks of which each says what it looks for: none may arrive in the masked run, all in the control. */
export function probes(name: string, all: readonly Probe[], more: Partial<Case> = {}): Case {
  const own = (text: string, at: number): string =>
    text.replaceAll("@", String(at)).replaceAll("{c}", `{c${String(at % 10)}}`);
  const signOf = (one: Probe, at: number): string => own(one.sign ?? "{c}", at);
  return {
    name: `${name}: ${all.map(({ what }, at) => `${String(at)} ${what}`).join(", ")}`,
    html: all.map((one, at) => own(one.html, at)).join(""),
    act:
      all.map((one, at) => `await (async () => { ${own(one.act ?? "", at)} })();`).join("\n") +
      PAUSE,
    found: (text, fill) => {
      const low = text.toLowerCase();
      const isThere = (one: Probe, at: number): boolean =>
        low.includes(fill.text(signOf(one, at)).toLowerCase());
      if (fill.isMasked) {
        const there = all.filter(isThere);
        if (there.length > 0)
          console.log(
            `        repeated: ${there.map(({ what, sign }) => `${what} (${sign ?? ""})`).join(" | ")}`,
          );
        return there.length > 0;
      }
      const blunt = all.filter((one, at) => !isThere(one, at));
      if (blunt.length > 0)
        console.log(`        not shown: ${blunt.map(({ what }) => what).join(" | ")}`);
      return blunt.length === 0;
    },
    ...more,
  };
}

/** Fills the placeholders of one case and one run. */
export class Fill {
  readonly canaries: readonly string[];

  constructor(
    readonly number: number,
    readonly isMasked: boolean,
  ) {
    const base = `qz${letters(number)}`;
    this.canaries = [...Array(10).keys()].map((at) => `${base}${String(at)}kx`);
  }

  /** The canary that a control has to show. */
  get main(): string {
    return this.canaries[0] ?? "";
  }

  /** The canary of digits only. */
  get digits(): string {
    return String(6_180_000 + this.number * 7);
  }

  text(pattern: string): string {
    return pattern
      .replace(/\{([^{}|]*)\|([^{}|]*)\}/g, (_, masked: string, control: string) =>
        this.isMasked ? masked : control,
      )
      .replace(/\{c(\d?)\}/g, (_, at: string) => this.canaries[Number(at || "0")] ?? "")
      .replaceAll("{d}", this.digits)
      .replaceAll("{m}", this.isMasked ? "glance_masked" : "")
      .replaceAll("{M}", this.isMasked ? "glance_masked" : "of-no-rule");
  }

  /** Whether a canary stands in a text, as it is or in base64. */
  isIn(text: string): boolean {
    return this.forms().some((form) => text.includes(form));
  }

  /** Whether the canary of that number does. */
  has(text: string, number: number): boolean {
    return this.formsOf(this.canaries[number] ?? "?").some((form) => text.includes(form));
  }

  private forms(): string[] {
    return [this.digits, ...this.canaries.flatMap((canary) => this.formsOf(canary))];
  }

  private formsOf(canary: string): string[] {
    return [canary, ...[0, 1, 2].map((at) => base64(canary, at))];
  }
}

/** A number in letters, always as long, so that no canary is a part of another. */
function letters(number: number): string {
  const digit = (at: number): string => "bcdfghjklm"[Math.floor(number / 10 ** at) % 10] ?? "b";
  return digit(2) + digit(1) + digit(0);
}

/** The middle of a base64 text that holds the canary at that offset: what does not depend on its neighbours. */
export function base64(canary: string, offset: number): string {
  const text = Buffer.from("\0".repeat(offset) + canary).toString("base64");
  return text.slice(offset === 0 ? 0 : 4, text.length - 4);
}
