/**
 * What stands in an address's path and is no path: parameters, among them a session's number as servers write it that do
 * without cookies.
 *
 * Owns how they are written. Who cuts them, and which may stay, is up to whoever tells an address.
 */

/** Parameters of a path, each with its name and value as a group. */
export const PARAMETERS = /(?:;|%3b)([^/;=]*=[^/;]*)/gi;
