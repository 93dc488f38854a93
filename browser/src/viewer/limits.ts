/**
 * Bounds of the agent's viewer. Bounds of the wire stand in `protocol/limits.ts`.
 */

/** Failed epochs in a row after which the viewer says so. It still takes the next epoch that comes. */
export const FAILED_EPOCHS_MAX = 3;

/** Shortest time between two resync frames: the CServer passes no more on. */
export const RESYNC_INTERVAL_MS = 2_000;

/** Shortest time between two repairs for warnings of the replayer: a page that drifts all the time is not rebuilt all the time. */
export const REPAIR_INTERVAL_MS = 30_000;

/** Trips to the web tier for a new ticket, over page loads, are counted for so long. */
export const RENEW_INTERVAL_MS = 30_000;

/** So many of them within that time; more would be a loop. Several servers may die one after the other. */
export const RENEWS_MAX = 4;

/** The web tier is taken to be away when it says nothing for so long: the page is not left for it. */
export const REACH_MS_MAX = 3_000;

/** Shortest time between two moves of a view to plain HTTP, over page loads. More often would be a loop. */
export const FOLLOW_INTERVAL_MS = 3_000;

/** Pointer frames: a quarter of what the CServer lets through. */
export const POINTER_INTERVAL_MS = 33;

/** Answer to the status question. Longer counts as unreachable. */
export const STATUS_MS_MAX = 10_000;

/** Nodes of one message. A keyframe at its limit of bytes holds fewer; more is malice. */
export const NODES_MAX = 1_000_000;

/** Depth of a tree: parsers stop at 512, scripts rarely go further. Deeper is refused before it exhausts the stack. */
export const DEPTH_MAX = 1_500;

/** Keyframes asked for in a row because the picture differs. More would not help; the badge stays away. */
export const HEALS_MAX = 3;

/** How often a proven picture is looked at for changes that nobody sent. */
export const RECHECK_MS = 2_000;

/** Shortest time between two proofs that are looked at. */
export const VERIFY_INTERVAL_MS = 500;

/** Pieces of a stroke: as often as pointer frames. */
export const DRAW_INTERVAL_MS = 33;

/** Scroll commands: as often as pointer frames. */
export const SCROLL_INTERVAL_MS = 33;

/** How often the round trip to the server is measured. */
export const ASK_LATENCY_MS = 15_000;

/** Pause between a change of the page and the look at what could not be shown. */
export const UNSHOWN_LOOK_MS = 500;

/** So long the look goes on in one piece: a part of what one picture of the screen takes. */
export const UNSHOWN_SLICE_MS = 4;

/** Between two looks passes so many times what one took: a page that changes all the time costs a twentieth of the view's time at most. */
export const UNSHOWN_REST = 20;

/** So soon after an answer marks are there, however long a look takes; answers of that time are seen together. */
export const UNSHOWN_KNOWN_MS = 1_000;

/** The longest pause between two looks. */
export const UNSHOWN_REST_MS_MAX = 15_000;

/** Elements that are marked at once. More are listed or counted, not marked. */
export const MARKS_MAX = 400;

/** Addresses of a page whose pictures are asked for. Of pages with more the rest is taken to be shown. */
export const PROBES_MAX = 500;

/** As many as a browser asks of one site at once. */
export const PROBES_AT_ONCE = 6;

/** What is missing is asked for again after so long, then after thrice as long each time: a site that is deployed anew is away for seconds. */
export const PROBE_AGAIN_MS = 3_000;

/** The longest pause between two tries. */
export const PROBE_AGAIN_MS_MAX = 60_000;

/** A page that has not been laid out for so long stops its view: slow ones are done sooner, or answer in between. */
export const BURDEN_AGE_MS_MIN = 3_000;

/** After so long nobody remembers why; sessions rarely stay on one page that long. */
export const BURDEN_AGE_MS_MAX = 10 * 60_000;

/** How often a view says that it answers. */
export const ALIVE_EVERY_MS = 1_000;

/** A view that says nothing for so long is taken away: long pages of shops are laid out in a tenth of that. */
export const ALIVE_WAIT_MS = 10_000;

/** The same once the agent has asked for a page that stopped a view before. */
export const ASKED_WAIT_MS = 60_000;

/** Entries of the list of what could not be shown. More are marked, not listed. */
export const UNSHOWN_MAX = 100;

/** Characters of an address in that list; a data address can be long. */
export const UNSHOWN_URL_CHARS_MAX = 300;

/** After a page has been laid out anew, or has moved by itself, so long passes until it is put where the visitor's is: word of the visitor's own scrolling may be on its way. */
export const HOLD_MS = 250;

/** Time between a press and the focus that comes of it, by the visitor's clock. What comes later came by the keyboard, or a script. */
export const FOCUS_PRESS_MS_MAX = 500;
