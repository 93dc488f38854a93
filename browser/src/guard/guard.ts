/**
 * The boundary: whatever the browser or the page calls of ours goes through here, and no error of ours reaches the page.
 *
 * Owns what becomes of such an error: it is said on the console as a warning, and told to whoever records the page, which begins
 * anew or shows nothing. Uses nothing that a page can replace. That nothing is handed to the browser unguarded is held by a
 * rule of `eslint.config.mjs`.
 */

/** Gets every error of ours that was kept from the page. */
type Hear = (error: unknown) => void;

let hear: Hear = () => undefined;

/** Whoever records the page hears of errors; one at a time. */
export function hearFaults(then: Hear): void {
  hear = then;
}

/** Says something to whoever looks at the page's console. */
export function warn(...words: unknown[]): void {
  try {
    console.warn("Cobrowse:", ...words);
  } catch {
    // The page has broken that too.
  }
}

/** For what is known to fail, and was said where it failed. */
export const quiet = (): void => undefined;

/** Takes an error of ours; gives nothing. */
export function fault(error: unknown): unknown {
  warn(error);
  try {
    hear(error);
  } catch {
    // What ends there has ended.
  }
  return undefined;
}

declare const isGuarded: unique symbol;

/** A call that may be handed to the browser. Only {@link guarded} makes them. */
export type Guarded<W extends unknown[], R = unknown> = ((...words: W) => R) & { readonly [isGuarded]: true };

/**
 * The same call, for the browser or the page to make: what fails inside is none of theirs. It takes three words at most: to hand
 * on a list of them takes what a page can replace.
 */
export const guarded = ((call: (one: unknown, two: unknown, three: unknown) => unknown) =>
  (one: unknown, two: unknown, three: unknown) => {
    try {
      return call(one, two, three);
    } catch (error) {
      return fault(error);
    }
  }) as unknown as <W extends unknown[], R>(call: (...words: W) => R) => Guarded<W, R>;

/** Does work that nobody waits for. `await` takes the browser's own promises, whatever stands in their place. */
export const launch = (async (work, then = fault) => {
  try {
    await work();
  } catch (error) {
    guarded(then)(error);
  }
}) as (work: () => Promise<unknown>, then?: Hear) => void;

/** Listens; gives the way to end it. The same listener twice is one. */
export function on<E extends Event>(
  target: EventTarget,
  name: string,
  listener: Guarded<[E]> | Guarded<[]>,
  options?: AddEventListenerOptions,
): () => void {
  const ours = listener as unknown as (event: Event) => void;
  target.addEventListener(name, ours, options);
  return () => {
    target.removeEventListener(name, ours, options);
  };
}
