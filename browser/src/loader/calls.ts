/**
 * Calls that come without code: buttons, keys and messages of other windows.
 *
 * Owns what they look like. Who answers them is the loader's queue or the visitor script, whichever is there.
 */

/** The calls that a button, a key or a chat window may make. */
export type PageCall = "startSession" | "showButton" | "toggleButton" | "showTerms" | "stopSession";

/** The call that a click makes, also inside an open shadow tree. */
export function callOfClick(event: Event): PageCall | null {
  let call: PageCall | null = null;
  for (const target of event.composedPath()) {
    if (!(target instanceof Element)) continue;
    if (target.matches(START_SELECTOR)) return "startSession";
    call ??= callNamed(target.getAttribute("data-glancebutton"));
  }
  return call;
}

/** The call that a key makes, by the tag's `data-inputevents`: `{"ctrl-13":"showButton"}`. */
export function callOfKey(event: KeyboardEvent, keys: Readonly<Record<string, PageCall>>): PageCall | null {
  const held = MODIFIERS.filter((name) => event[`${name}Key`]);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the attribute names keys by these numbers
  return keys[[...held, event.keyCode].join("-")] ?? null;
}

/** Reads the attribute. Throws a sentence that says what is wrong with it. */
export function readKeys(text: string): Record<string, PageCall> {
  const keys: Record<string, PageCall> = {};
  if (text === "") return keys;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  for (const [combination, name] of Object.entries(value ?? { "": 0 })) {
    const parts = combination.toLowerCase().split("-");
    const call = callNamed(name);
    const key = parts.pop() ?? "";
    if (!call || !/^\d+$/.test(key) || !parts.every((one) => (MODIFIERS as readonly string[]).includes(one)))
      throw new Error('data-inputevents has to be like {"ctrl-13":"showButton"}');
    keys[[...parts.sort(), key].join("-")] = call;
  }
  return keys;
}

/** Whether a message of another window is meant for us: `{glance_cobrowse:{call:"startSession"}}`. */
export function isCallMessage(data: unknown): boolean {
  return typeof data === "object" && data !== null && "glance_cobrowse" in data;
}

/** One of the calls by its name. */
export function callNamed(name: unknown): PageCall | null {
  return CALLS.includes(name as PageCall) ? (name as PageCall) : null;
}

/** What starts a session when it is clicked, besides buttons that name a call. */
const START_SELECTOR = "[data-glance-cobrowse-start],#glance_button,.glance_button,[glance_button]";

const CALLS: readonly PageCall[] = ["startSession", "showButton", "toggleButton", "showTerms", "stopSession"];

/** In the order of the alphabet. */
const MODIFIERS = ["alt", "ctrl", "meta", "shift"] as const;
