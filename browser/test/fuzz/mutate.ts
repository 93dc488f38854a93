/**
 * New inputs from old ones: JSON values changed in their structure, and bytes changed blindly.
 *
 * The same seed makes the same inputs, so a number is all that is needed to see a finding again.
 */

/** Numbers from a seed (xorshift). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2654435761 + 1) >>> 0 || 1;
  }

  below(bound: number): number {
    this.state ^= this.state << 13;
    this.state >>>= 0;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % bound;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** One of the values with a few changes: as if it had come as text, so with nothing that JSON cannot say. */
export function mutatedValue(random: Random, seeds: readonly unknown[], words: readonly string[]): unknown {
  const box = [copy(random.of(seeds))];
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) change(random, box, seeds, words);
  // By text, so that "__proto__" becomes a field as it does on the wire.
  return JSON.parse(JSON.stringify(box[0]).replaceAll('"%proto%"', '"__proto__"'));
}

/** Bytes with a few changes. */
export function mutatedBytes(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes = Array.from(random.of(seeds));
  for (let changes = 1 + random.below(4); changes > 0; changes -= 1) {
    const at = random.below(bytes.length + 1);
    switch (random.below(6)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes.splice(at, random.below(8));
        break;
      case 2:
        bytes.splice(at, 0, ...Array.from({ length: random.below(6) }, () => random.below(256)));
        break;
      case 3:
        bytes.splice(at, 0, ...Array.from(random.of(seeds)).slice(0, 64));
        break;
      default:
        if (at < bytes.length) bytes[at] = random.of([0, 1, 0x7e, 0x7f, 0x80, 0xff, random.below(256)]);
    }
  }
  return Uint8Array.from(bytes);
}

function change(random: Random, box: Json[], seeds: readonly unknown[], words: readonly string[]): void {
  const { holder, at } = place(random, box);
  const value = get(holder, at);
  const put = (other: Json): void => {
    (holder as Record<string | number, Json>)[at] = other;
  };
  const isInner = Array.isArray(holder) && holder !== box;
  switch (random.below(8)) {
    case 0:
      if (isInner) holder.splice(Number(at), 1);
      else if (!Array.isArray(holder)) delete holder[at];
      break;
    case 1:
      if (isInner) holder.splice(Number(at), 0, copy(value));
      else put([value]);
      break;
    case 2:
      if (isObject(value)) value[random.of(words)] = odd(random, words);
      else put(odd(random, words));
      break;
    case 3: {
      // A piece of another seed in this one's place.
      const other = place(random, [copy(random.of(seeds))]);
      put(get(other.holder, other.at));
      break;
    }
    case 4: {
      let deep: Json = value;
      // Rarely so deep that the bound is passed: each such input costs as much as a hundred others.
      for (let depth = random.below(random.below(64) === 0 ? 700 : 4); depth > 0; depth -= 1)
        deep = nested(deep);
      put(deep);
      break;
    }
    case 5:
      if (typeof value === "string") put(random.of(words) + value);
      else if (typeof value === "number") put(value + random.of([-1, 1, 0.5, 1e9]));
      else put(odd(random, words));
      break;
    default:
      put(odd(random, words));
  }
}

/** An element with the value as its only child, so that depth has its bound tried. */
function nested(child: Json): Json {
  return { type: 2, id: 90, tagName: "div", attributes: {}, childNodes: [child] };
}

type Holder = Json[] | { [name: string]: Json };

function get(holder: Holder, at: string | number): Json {
  return (holder as Record<string | number, Json>)[at] ?? null;
}

/** A place in a value: any, the deeper the likelier, as there are more. */
function place(random: Random, box: Json[]): { holder: Holder; at: string | number } {
  let holder: Holder = box;
  let at: string | number = 0;
  for (;;) {
    const value: Json = get(holder, at);
    if (value === null || typeof value !== "object" || random.below(5) === 0) return { holder, at };
    const names: (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    if (names.length === 0) return { holder, at };
    holder = value;
    at = random.of(names);
  }
}

function odd(random: Random, words: readonly string[]): Json {
  const values: Json[] = [
    null,
    true,
    false,
    0,
    -1,
    -2,
    1,
    2,
    3,
    0.5,
    1e308,
    -1e308,
    2 ** 31,
    2 ** 53,
    "",
    [],
    {},
  ];
  return random.below(2) === 0 ? random.of(words) : copy(random.of(values));
}

/** jsdom's own copying takes longer. */
function copy(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function isObject(value: Json): value is { [name: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
