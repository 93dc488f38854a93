/**
 * Bounds between a page and the frames of other origins that join it. Each frame is a stranger to the page: what it sends is
 * bounded in size and pace, and who passes a bound is shown as a placeholder.
 */

/** Frames that have joined at once. More are shown as placeholders. */
export const FRAMES_MAX = 8;

/** Characters of one message: a style sheet of half a megabyte in a single attribute, twice. Longer: the frame is dropped. */
export const MESSAGE_CHARS_MAX = 1024 * 1024;

/** Characters of one message that a frame aims at; a longer tree is cut. Some milliseconds of the page's time. */
export const MESSAGE_CHARS_SOFT = 128 * 1024;

/** Characters of a part of a tree: deflated it fits into a frame of the wire, whatever it holds. */
export const PIECE_CHARS_SOFT = 32 * 1024;

/** Characters that a frame may send at once, as long as a large page; then so many in a second. More: the frame is dropped. */
export const CHARS_BURST = 16 * 1024 * 1024;
export const CHARS_PER_S = 2 * 1024 * 1024;

/** Messages that a frame may send at once, and in a second: a diff for each of a page's tasks. More: the frame is dropped. */
export const MESSAGES_BURST = 4_000;
export const MESSAGES_PER_S = 500;

/** Snapshots that a frame may send unasked at once, and the time after which it may send one more. */
export const PAGES_BURST = 10;
export const PAGE_MS = 2_000;

/** How often a frame is asked whether it is there. */
export const PING_MS = 5_000;

/** Questions without an answer after which a frame counts as gone. */
export const PINGS_MAX = 3;

/** Shortest time between two handshakes with one frame. */
export const HANDSHAKE_MS_MIN = 500;

/** A frame that was let in and shows nothing for so long is let go. */
export const SHOW_MS_MAX = 15_000;

/** Handshakes in a row that a frame may refuse: another replica of the web tier may know the code. */
export const REFUSALS_MAX = 4;

/** How long a frame that broke a rule stays a placeholder, unless it navigates. */
export const BROKEN_MS = 30_000;

/** How often is looked whether the line is free again. */
export const LINE_CHECK_MS = 100;

/** Nodes of a frame that agents highlight and that are followed. With more the whole frame is highlighted. */
export const MARKS_MAX = 16;

/** Codes that a frame asks its web tier about for one page. More are not asked about. */
export const CODES_MAX = 200;
