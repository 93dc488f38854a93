/**
 * The browser's own, whatever the page puts in its place.
 *
 * Owns what is taken for that before anything of ours runs.
 */

/** Calls a method of the browser's with its object. */
export const { apply } = Reflect;

/** What async functions give. */
export const OwnPromise = (async () => Promise.resolve())().constructor as PromiseConstructor;
