/**
 * Bounds of the visitor's script. Bounds of the wire stand in `protocol/limits.ts`.
 */

import { EPOCH_INFLATED_BYTES_MAX } from "../protocol/limits.js";

/** Bytes that may wait in the WebSocket: some seconds of a slow line. Reached: nothing is sent until it is empty again, then a new epoch begins. */
export const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;

/** What may still wait when a new epoch begins after that: it should reach the agent soon. */
export const BUFFERED_BYTES_RESUME = 64 * 1024;

/** How often the wait for the WebSocket is looked at. */
export const BUFFERED_CHECK_MS = 100;

/** Raw bytes of an epoch after which a new one begins by itself, well before a viewer refuses to inflate more. */
export const EPOCH_RAW_BYTES_MAX = EPOCH_INFLATED_BYTES_MAX / 2;

/** Raw JSON of one diff. A longer batch is cut between its events, so that each part, deflated, fits into a frame. */
export const DIFF_RAW_BYTES_SOFT = 128 * 1024;

/** Shortest time between epochs that this script begins because a change was too long or failed: a page that makes such changes all the time is not read all the time. A purge and a request never wait. */
export const EPOCH_INTERVAL_MS = 500;

/** Closes in a row that say that this script broke the protocol. Reached: the session ends here, instead of reconnecting for ever. */
export const PEER_FAULTS_MAX = 5;

/** Attempts in a row that do not reach the CServer, before the web tier is asked for another. */
export const UNREACHABLE_MAX = 3;

/** Time without any server before the session is given up: the longest grace period. */
export const OFFLINE_MS_MAX = 600_000;

/** How long the widget says that the session is over. */
export const ENDED_SHOWN_MS = 8_000;

/** An answer of the web tier or of a status question. Longer: counts as unreachable. */
export const REQUEST_MS_MAX = 10_000;

/** Characters of a title in the facts. Longer titles are cut. */
export const TITLE_CHARS_MAX = 512;

/** Characters of a URL in the facts. Longer ones are cut. */
export const URL_CHARS_MAX = 2_048;
