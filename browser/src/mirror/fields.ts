/**
 * Tells what fields hold where no event says so and no setter: libraries that have kept the browser's own setter since before
 * the session set by that one (React does, for each field that it controls).
 *
 * Owns the look, a few times in a second, by turns where there are many trees. What is told passes the choke point as what
 * somebody types does.
 */

import { guarded, on } from "../guard/guard.js";
import { EventType, IncrementalSource, type eventWithTime } from "@rrweb/types";

import { ANIMATIONS_LOOK_MS, ANIMATIONS_ROOTS_MAX } from "../visitor/limits.js";
import type { Known } from "./living.js";

type Root = Document | ShadowRoot;
type Field = HTMLElement & { readonly value: string; readonly checked?: boolean };

/** Looks until `isOver`, and tells of each field that holds something else than at the look before. */
export function tellFields(
  roots: () => Iterable<Root>,
  known: Pick<Known, "getId">,
  isOver: () => boolean,
  emit: (event: eventWithTime) => void,
): void {
  const held = new WeakMap<Field, string>();
  const watched = new WeakSet<Root>();
  const ended = new AbortController();
  let turn: Root[] = [];

  const hasChanged = (field: Field): boolean => {
    const before = held.get(field);
    const now = `${String(field.checked)} ${field.value}`;
    held.set(field, now);
    return before !== undefined && before !== now;
  };
  // What somebody types was told already.
  const onInput = (event: Event): void => {
    const target = event.composedPath()[0] as Partial<Field> | undefined;
    if (target?.localName === "input" || target?.localName === "textarea") hasChanged(target as Field);
    if (isOver()) ended.abort();
  };
  const lookAt = (root: Root): void => {
    if (!watched.has(root))
      on(root, "input", guarded(onInput), { capture: true, passive: true, signal: ended.signal });
    watched.add(root);
    for (const field of root.querySelectorAll<Field>(FIELDS)) {
      const id = known.getId(field);
      if (id < 1 || !hasChanged(field)) continue;
      const { value: text, checked } = field;
      const isChecked = checked === true;
      const data = { source: IncrementalSource.Input as const, id, text, isChecked };
      emit({ type: EventType.IncrementalSnapshot, data, timestamp: Date.now() });
    }
  };
  const look = (): void => {
    if (isOver()) {
      clearInterval(timer);
      return;
    }
    if (turn.length === 0) turn = [...roots()];
    for (const root of turn.splice(0, ANIMATIONS_ROOTS_MAX)) lookAt(root);
  };
  const timer = setInterval(guarded(look), ANIMATIONS_LOOK_MS);
  look();
}

/** Not those that are never shown. */
const FIELDS = "input:not([type=hidden i]),textarea";
