/**
 * A raw deflate stream (RFC 1951) that can be flushed to a byte boundary and go on: what epochs need and no more.
 *
 * Owns matching, Huffman codes and bits. It writes blocks with fixed or fitted codes, never stored ones: JSON is not random.
 * Sizes are those of zlib at its usual level. Only the writing side is here; the viewer reads with a library.
 */

/* eslint-disable @typescript-eslint/non-nullable-type-assertion-style -- tables are read within their bounds only */

/** One stream. */
export class Deflater {
  /** Position of the newest occurrence of a hash, and for each position of the window the one before it; -1 is none. */
  private readonly head = new Int32Array(1 << HASH_BITS).fill(-1);
  private readonly before = new Int32Array(WINDOW);
  private history = new Uint8Array(0);
  private out = new Uint8Array(0);
  private length = 0;
  private bits = 0;
  private bitCount = 0;
  private readonly symbols = new Uint16Array(BLOCK_SYMBOLS);
  private readonly distances = new Uint16Array(BLOCK_SYMBOLS);
  private count = 0;
  private literals = new Uint32Array(LITERALS);
  private spans = new Uint32Array(SPANS);

  /** `position` is how many bytes the stream has taken in: for a test, which does not write a gigabyte first. */
  constructor(private position = 0) {}

  /** Takes bytes in and gives what is complete; with `isFlushed` a reader can then read all of them. */
  write(raw: Uint8Array, isFlushed: boolean): Uint8Array {
    if (this.position + raw.length > POSITION_MAX) this.forget();
    const data = new Uint8Array(this.history.length + raw.length);
    data.set(this.history);
    data.set(raw, this.history.length);
    // Nine bits a byte at most, and some for the ends of blocks.
    this.out = new Uint8Array(raw.length + (raw.length >> 3) + (raw.length >> 10) + 64);
    this.length = 0;
    this.match(data, this.history.length);
    if (this.count > 0) this.endBlock();
    if (isFlushed) {
      // An empty stored block: its length stands at a byte's boundary.
      this.put(0, 3);
      if (this.bitCount > 0) this.put(0, 8 - this.bitCount);
      this.put(0, 16);
      this.put(0xffff, 16);
    }
    this.position += raw.length;
    this.history = data.slice(Math.max(0, data.length - WINDOW));
    return this.out.subarray(0, this.length);
  }

  /** Positions begin anew: what follows repeats nothing from before, which every reader understands. */
  private forget(): void {
    this.head.fill(-1);
    this.before.fill(-1);
    this.history = new Uint8Array(0);
    this.position = 0;
  }

  /** Finds repetitions from `start` on. A longer one that begins at the next byte is preferred. */
  private match(data: Uint8Array, start: number): void {
    const { head, before } = this;
    const base = this.position - start;
    const end = data.length;
    let heldLength = 0;
    let heldDistance = 0;
    let isHeld = false;
    for (let at = start; at < end; at += 1) {
      let length = 0;
      let distance = 0;
      if (at + MATCH_MIN <= end) {
        const hash = hashAt(data, at);
        const absolute = base + at;
        let candidate = head[hash] as number;
        before[absolute & MASK] = candidate;
        head[hash] = absolute;
        const longest = Math.min(MATCH_MAX, end - at);
        const oldest = Math.max(absolute - WINDOW + 1, base);
        // A good match is at hand already: a short look is enough.
        let tries = heldLength >= GOOD ? TRIES >> 2 : TRIES;
        length = Math.max(heldLength, MATCH_MIN - 1);
        while (candidate >= oldest && tries > 0 && heldLength < LAZY) {
          tries -= 1;
          const from = candidate - base;
          if (data[from + length] === data[at + length] && data[from] === data[at]) {
            let same = 1;
            while (same < longest && data[from + same] === data[at + same]) same += 1;
            if (same > length) {
              length = same;
              distance = absolute - candidate;
              if (same >= NICE || same === longest) break;
            }
          }
          const next = before[candidate & MASK] as number;
          if (next >= candidate) break;
          candidate = next;
        }
        if (distance === 0 || (length === MATCH_MIN && distance > FAR)) length = distance = 0;
      }
      if (heldLength >= MATCH_MIN && distance === 0) {
        this.add(heldLength, heldDistance);
        // This byte and the one before it are known to the table already.
        const last = at + heldLength - 2;
        while (at < last) {
          at += 1;
          if (at + MATCH_MIN <= end) {
            const hash = hashAt(data, at);
            before[(base + at) & MASK] = head[hash] as number;
            head[hash] = base + at;
          }
        }
        isHeld = false;
        heldLength = 0;
      } else {
        if (isHeld) this.add(data[at - 1] as number, 0);
        isHeld = true;
        heldLength = length;
        heldDistance = distance;
      }
    }
    if (heldLength >= MATCH_MIN) this.add(heldLength, heldDistance);
    else if (isHeld) this.add(data[end - 1] as number, 0);
  }

  /** A literal has no distance. */
  private add(symbol: number, distance: number): void {
    this.symbols[this.count] = symbol;
    this.distances[this.count] = distance;
    this.count += 1;
    bump(this.literals, distance === 0 ? symbol : lengthCode(symbol));
    if (distance > 0) bump(this.spans, spanCode(distance));
    if (this.count === BLOCK_SYMBOLS) this.endBlock();
  }

  private endBlock(): void {
    const { literals, spans } = this;
    literals[END] = 1;
    const fitted = { literals: codeLengths(literals, 15), spans: codeLengths(spans, 15) };
    const told = tell(fitted.literals, fitted.spans);
    const fittedBits = told.bits + cost(literals, fitted.literals) + cost(spans, fitted.spans);
    const isFixed = cost(literals, FIXED.literals) + cost(spans, FIXED.spans) <= fittedBits;
    const used = isFixed ? FIXED : fitted;
    this.put(isFixed ? 2 : 4, 3);
    if (!isFixed) this.putCodes(told);
    this.putSymbols(used.literals, used.spans);
    literals.fill(0);
    spans.fill(0);
    this.count = 0;
  }

  private putCodes({ literalCount, spanCount, entries, lengths }: Told): void {
    const codes = codesOf(lengths);
    let count = ORDER.length;
    while (count > 4 && lengths[ORDER[count - 1] as number] === 0) count -= 1;
    this.put(literalCount - 257, 5);
    this.put(spanCount - 1, 5);
    this.put(count - 4, 4);
    for (const symbol of ORDER.slice(0, count)) this.put(lengths[symbol] as number, 3);
    for (const [symbol, extra] of entries) {
      this.put(codes[symbol] as number, lengths[symbol] as number);
      if (symbol >= 16) this.put(extra, REPEAT_BITS[symbol - 16] as number);
    }
  }

  private putSymbols(literalLengths: Uint8Array, spanLengths: Uint8Array): void {
    const literals = codesOf(literalLengths);
    const spans = codesOf(spanLengths);
    const code = (codes: Uint16Array, lengths: Uint8Array, symbol: number): void => {
      this.put(codes[symbol] as number, lengths[symbol] as number);
    };
    for (let at = 0; at < this.count; at += 1) {
      const symbol = this.symbols[at] as number;
      const distance = this.distances[at] as number;
      if (distance === 0) {
        code(literals, literalLengths, symbol);
        continue;
      }
      code(literals, literalLengths, lengthCode(symbol));
      if (symbol < MATCH_MAX) this.putExtra(symbol - MATCH_MIN, 2);
      code(spans, spanLengths, spanCode(distance));
      this.putExtra(distance - 1, 1);
    }
    code(literals, literalLengths, END);
  }

  /** What a code leaves open: of a number all bits but its highest ones, of which `known` follow the first. */
  private putExtra(value: number, known: number): void {
    const open = 31 - Math.clz32(value) - known;
    if (open > 0) this.put(value & ((1 << open) - 1), open);
  }

  private put(value: number, bits: number): void {
    this.bits |= value << this.bitCount;
    this.bitCount += bits;
    while (this.bitCount >= 8) {
      this.out[this.length] = this.bits & 0xff;
      this.length += 1;
      this.bits >>>= 8;
      this.bitCount -= 8;
    }
  }
}

/** Codes as a block's head tells them: lengths, with repetitions in short. */
interface Told {
  readonly literalCount: number;
  readonly spanCount: number;
  readonly entries: readonly (readonly [symbol: number, extra: number])[];
  /** Lengths of the codes of those entries. */
  readonly lengths: Uint8Array;
  readonly bits: number;
}

function tell(literals: Uint8Array, spans: Uint8Array): Told {
  let literalCount = LITERALS;
  while (literalCount > 257 && literals[literalCount - 1] === 0) literalCount -= 1;
  let spanCount = SPANS;
  while (spanCount > 1 && spans[spanCount - 1] === 0) spanCount -= 1;
  const all = [...literals.subarray(0, literalCount), ...spans.subarray(0, spanCount)];
  const entries: [number, number][] = [];
  const counts = new Uint32Array(ORDER.length);
  let bits = 14;
  const add = (symbol: number, extra: number): void => {
    entries.push([symbol, extra]);
    bump(counts, symbol);
    if (symbol >= 16) bits += REPEAT_BITS[symbol - 16] as number;
  };
  for (let at = 0; at < all.length;) {
    const length = all[at] as number;
    let run = 1;
    while (at + run < all.length && all[at + run] === length) run += 1;
    at += run;
    if (length > 0) {
      add(length, 0);
      run -= 1;
    }
    while (run >= 3) {
      const taken = Math.min(run, length > 0 ? 6 : 138);
      if (length > 0) add(16, taken - 3);
      else if (taken < 11) add(17, taken - 3);
      else add(18, taken - 11);
      run -= taken;
    }
    for (; run > 0; run -= 1) add(length, 0);
  }
  const lengths = codeLengths(counts, 7);
  return { literalCount, spanCount, entries, lengths, bits: bits + 3 * ORDER.length + cost(counts, lengths) };
}

/** Lengths of a prefix code for symbols that occur so often, none longer than `longest`. Two symbols have a code at least. */
function codeLengths(counts: Uint32Array, longest: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const leaves = [...counts.keys()].filter((symbol) => (counts[symbol] as number) > 0);
  for (let symbol = 0; leaves.length < 2; symbol += 1) if (!leaves.includes(symbol)) leaves.push(symbol);
  leaves.sort((one, other) => (counts[one] as number) - (counts[other] as number));
  // Two queues, both in rising order: leaves, then the pairs that were made of the two lightest.
  const weights = leaves.map((symbol) => counts[symbol] as number);
  const parents: number[] = [];
  let leaf = 0;
  let pair = leaves.length;
  const lightest = (): number => {
    const isLeaf = leaf < leaves.length && !((weights[pair] ?? Infinity) < (weights[leaf] as number));
    return isLeaf ? leaf++ : pair++;
  };
  while (weights.length < 2 * leaves.length - 1) {
    const [one, other] = [lightest(), lightest()];
    parents[one] = parents[other] = weights.length;
    weights.push((weights[one] as number) + (weights[other] as number));
  }
  const depths: number[] = [];
  depths[weights.length - 1] = 0;
  const sizes = new Uint16Array(longest + 1);
  for (let at = weights.length - 2; at >= 0; at -= 1) {
    const depth = (depths[parents[at] as number] as number) + 1;
    depths[at] = depth;
    if (at < leaves.length) bump(sizes, Math.min(longest, depth));
  }
  // What was too deep stands too high now: room is made by lengthening others until all codes fit.
  let room = sizes.reduce(
    (sum, size, length) => (length > 0 ? sum + size * 2 ** (longest - length) : sum),
    0,
  );
  for (; room > 2 ** longest; room -= 1) {
    let length = longest - 1;
    while (sizes[length] === 0) length -= 1;
    sizes[length] = (sizes[length] as number) - 1;
    sizes[length + 1] = (sizes[length + 1] as number) + 2;
    sizes[longest] = (sizes[longest] as number) - 1;
  }
  let at = 0;
  for (let length = longest; length > 0; length -= 1) {
    for (let left = sizes[length] as number; left > 0; left -= 1) lengths[leaves[at++] as number] = length;
  }
  return lengths;
}

/** The codes that follow from lengths, their first bit lowest. */
function codesOf(lengths: Uint8Array): Uint16Array {
  const codes = new Uint16Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= 15; length += 1) {
    for (let symbol = 0; symbol < lengths.length; symbol += 1) {
      if (lengths[symbol] !== length) continue;
      for (let bit = 0; bit < length; bit += 1) {
        if (code & (1 << bit)) codes[symbol] = (codes[symbol] as number) | (1 << (length - 1 - bit));
      }
      code += 1;
    }
    code <<= 1;
  }
  return codes;
}

function cost(counts: Uint32Array, lengths: Uint8Array): number {
  return counts.reduce((sum, count, symbol) => sum + count * (lengths[symbol] as number), 0);
}

function bump(counts: Uint32Array | Uint16Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}

function hashAt(data: Uint8Array, at: number): number {
  const three = ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function lengthCode(length: number): number {
  const rest = length - MATCH_MIN;
  if (length === MATCH_MAX) return 285;
  if (rest < 8) return 257 + rest;
  const top = 31 - Math.clz32(rest);
  return 253 + 4 * top + ((rest >> (top - 2)) & 3);
}

function spanCode(distance: number): number {
  const rest = distance - 1;
  if (rest < 4) return rest;
  const top = 31 - Math.clz32(rest);
  return 2 * top + ((rest >> (top - 1)) & 1);
}

const WINDOW = 32_768;
/** The tables hold 31 bits; an epoch ends long before, at `EPOCH_RAW_BYTES_MAX`. */
const POSITION_MAX = 2 ** 30;
const MASK = WINDOW - 1;
const HASH_BITS = 15;
const MATCH_MIN = 3;
const MATCH_MAX = 258;
const LITERALS = 286;
const SPANS = 30;
const END = 256;

/** Order in which a block's head tells the lengths of the codes that its lengths are told in. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Bits behind the symbols 16, 17 and 18. */
const REPEAT_BITS = [2, 3, 7];

/** Literals and matches of one block: codes fit them, and their head costs little. */
const BLOCK_SYMBOLS = 16_384;

/** How hard a match is looked for: the numbers of zlib's level 6. */
const TRIES = 128;
const GOOD = 8;
const LAZY = 16;
const NICE = 128;
/** Three bytes from further away than this are longer as a match than as literals. */
const FAR = 4_096;

/** The two last ones are never used, but the codes of others follow from them. */
const FIXED = {
  literals: Uint8Array.from({ length: LITERALS + 2 }, (_, symbol) =>
    symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
  ),
  spans: new Uint8Array(SPANS).fill(5),
};
