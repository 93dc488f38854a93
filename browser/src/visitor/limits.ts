/**
 * Bounds of the visitor's script. Bounds of the wire stand in `protocol/limits.ts`.
 */

import { EPOCH_INFLATED_BYTES_MAX } from "../protocol/limits.js";

/** Bytes of changes that may wait behind a keyframe: what agents may be behind at the CServer. Beyond it nothing is sent until the line is empty again, then a new epoch begins. */
export const BUFFERED_BYTES_MAX = 512 * 1024;

/** What may still wait when a new epoch begins after that: it should reach the agent soon. */
export const BUFFERED_BYTES_RESUME = 64 * 1024;

/** How often the wait for the WebSocket is looked at. */
export const BUFFERED_CHECK_MS = 100;

/** Raw bytes of an epoch after which a new one begins by itself, well before a viewer refuses to inflate more. */
export const EPOCH_RAW_BYTES_MAX = EPOCH_INFLATED_BYTES_MAX / 2;

/** Time of one task that reads the page for a keyframe: a display shows its next frame meanwhile. */
export const READ_SLICE_MS = 8;

/** Readings that a changing page may disturb. The next one is a single task. */
export const READINGS_MAX = 3;

/** Raw bytes of a keyframe that are deflated in one task: some milliseconds on a slow device. */
export const EPOCH_SLICE_RAW_BYTES = 64 * 1024;

/** Nodes that are asked in one task how far they are scrolled. */
export const SCROLLED_SLICE_NODES = 500;

/** Raw JSON of one diff. A longer batch is cut between its events, so that each part, deflated, fits into a frame. */
export const DIFF_RAW_BYTES_SOFT = 128 * 1024;

/** The same where nothing is deflated: three bytes a character fit into a frame. */
export const DIFF_PLAIN_CHARS_SOFT = 16 * 1024;

/** Faults of this script's own within so long, of which each begins the picture anew. More: the page is shown no longer. */
export const FAULTS_MAX = 5;
export const FAULTS_MS = 10_000;

/** Shortest time between epochs that this script begins because a change was too long or failed: a page that makes such changes all the time is not read all the time. A purge and a request never wait. */
export const EPOCH_INTERVAL_MS = 500;

/** Closes in a row that say that this script broke the protocol. Reached: the session ends here, instead of reconnecting for ever. */
export const PEER_FAULTS_MAX = 5;

/** Attempts in a row that do not reach the CServer, from which on it is named to the web tier as out of reach: it may be well for everybody else. */
export const UNREACHABLE_MAX = 3;

/** How long an attempt that was given up may still be under way: TCP sends what was lost again after pauses that double. */
export const STRAY_MS_MAX = 60_000;

/** Time without any server before the session is given up: the longest grace period. */
export const OFFLINE_MS_MAX = 600_000;

/** Time for the goodbye to leave. */
export const BYE_MS = 500;

/** How long the widget says that the session is over. */
export const ENDED_SHOWN_MS = 8_000;

/** An answer of the web tier or of a status question, and the part that deflates. Longer: counts as unreachable, and is done without. */
export const REQUEST_MS_MAX = 10_000;

/** How long the first picture waits for what completes the mirror. Longer: it is shown without, and another follows when that has come. */
export const MIRROR_MS_MAX = 2_000;

/** Characters of a title in the facts. Longer titles are cut. */
export const TITLE_CHARS_MAX = 512;

/** Characters of a URL in the facts. Longer ones are cut. */
export const URL_CHARS_MAX = 2_048;

/** Characters of one blob picture as data: it has to leave within a keyframe. Longer: the agent sees its place only. */
export const PICTURE_CHARS_MAX = 512 * 1024;

/** Characters of all blob pictures that are remembered. Beyond it the oldest is forgotten, and read again when it is needed. */
export const PICTURES_CHARS_MAX = 4 * 1024 * 1024;

/** Longer side of a blob picture, in pixels, twice a usual viewport's half. Larger ones are made smaller. */
export const PICTURE_SIDE_MAX = 1_600;

/** Pixels of a blob picture that travels as it is. Larger ones lose what no eye sees, so that they stay short. */
export const PICTURE_EXACT_PIXELS_MAX = 65_536;

/** Canvases that are read in one round. More take turns. */
export const CANVASES_MAX = 8;

/** Characters of a canvas's picture that travels as it is. Longer ones lose what no eye sees. */
export const CANVAS_EXACT_CHARS_MAX = 32 * 1024;

/** Characters of a canvas's picture: three quarters of them stay when they are deflated, and that has to fit into one frame. Longer: it is made smaller. */
export const CANVAS_CHARS_MAX = 72 * 1024;

/** Characters of canvases in a second, a small part of a slow line; the next round waits for what the last one took. */
export const CANVAS_CHARS_PER_S = 96 * 1024;

/** Characters of a style sheet that is read for what its author wrote. Longer: its rules stay as the browser writes them. */
export const SOURCE_CHARS_MAX = 4 * 1024 * 1024;

/** Rules that are remembered as they were written. Full: others stay as the browser writes them. */
export const WRITTEN_RULES_MAX = 2_000;

/** Addresses that wait to be read. More are not read; the agent sees their place. */
export const RESOURCES_ASKED_MAX = 300;

/** Bytes of one resource that is read for agents who cannot reach it: a large photo, a font of many languages. Longer: the agent sees its place only. */
export const RESOURCE_BYTES_MAX = 1024 * 1024;

/** Characters of all of them: with the page they have to fit into one keyframe. More are not read. */
export const RESOURCES_CHARS_MAX = 6 * 1024 * 1024;

/** Requests at once: as many as a browser has to one server. */
export const UPLOADS_AT_ONCE = 6;

/** How often is looked whether something is to be read. */
export const UPLOAD_LOOK_MS = 250;

/** Shortest time between epochs that tell what was read. */
export const UPLOAD_EPOCH_MS = 3_000;

/** Rules whose style a script has taken and that are looked at for changes. Beyond it the oldest is let go. */
export const RULES_WATCHED_MAX = 200;

/** How long a rule is looked at after a script has taken its style. */
export const RULE_WATCH_MS = 10_000;

/** How often animations of scripts are looked for: one that ends sooner is seen by what it holds. */
export const ANIMATIONS_LOOK_MS = 250;

/** Trees in which one look asks for animations, each in some microseconds. More take turns. */
export const ANIMATIONS_ROOTS_MAX = 500;

/** How often rules and lists of style sheets are looked at. */
export const STYLE_CHECK_MS = 250;

/** Pause between two proofs of a page. */
export const PROOF_INTERVAL_MS = 4_000;

/** How long an unchanged proof of an unchanged page is not sent again. */
export const PROOF_REST_MS = 12_000;

/** Time of one slice of a proof: far below what a person notices. */
export const PROOF_SLICE_MS = 6;

/** Pause between a walk and its proof: rrweb tells of fields that scripts have set in a task of its own. */
export const PROOF_SETTLE_MS = 30;

/** Nodes of a page that is proven. Larger ones are not, and the viewer says nothing about them. */
export const PROOF_NODES_MAX = 30_000;

/** Masked fields whose values are looked at for each event. With more, only those that had an event are, and all at a keyframe. */
export const COPIES_FIELDS_MAX = 1_000;

/** Values of masked fields that are looked for elsewhere on the page. Full: the oldest is forgotten. */
export const COPIES_VALUES_MAX = 500;

/** Numbers of other masked elements that are looked for. Full: the oldest is forgotten. A masked table has thousands, which hardly stand elsewhere. */
export const COPIES_NUMBERS_MAX = 200;

/** Characters between two choices in one line: a comma, a word such as "and". */
export const COPY_LIST_CHARS_MAX = 5;

/** Characters from which a value is found inside a longer text; shorter ones would be found in every word. */
export const COPY_CHARS_MIN = 4;

/** Characters from which a value is hidden where a text is that and nothing else: a security code has three. */
export const COPY_SHORT_CHARS_MIN = 3;

/** Letters and digits from which a value is found with anything between them; shorter ones would be found in clock times. */
export const COPY_LETTERS_MIN = 6;

/** And up to which: a name, a number, an address of the post. Longer ones are found by their words. */
export const COPY_LETTERS_MAX = 64;

/** Letters of a value from which it is found where its end is cut off: the beginning of another is hardly ever as long. */
export const COPY_CUT_LETTERS = 12;

/** Fields beside one another whose values are one: a code, a day, a card in groups of four. More are a table. */
export const COPY_PARTS_MAX = 8;

/** Characters of a text of many elements that can be edited and is one value: a longer one is a document. */
export const COPY_TEXT_CHARS_MAX = 400;

/** Beginnings of typed values that stay known for a while: a preview lags some keys behind. Full: the oldest is forgotten. */
export const COPY_BEGINNINGS_MAX = 16;

/** Lines of a typed text that are looked for one by one: an address of the post, and no letter. A text of more paragraphs that can be edited is a document, and not looked for. */
export const COPY_TEXT_LINES_MAX = 12;

/** Characters of an element's text in which a copy is looked for that is spread over neighbours: a sentence or two around a number. */
export const COPY_SPREAD_CHARS_MAX = 400;

/** How far above a text. */
export const COPY_SPREAD_DEPTH = 6;

/** Changed elements below which the mask's selectors are looked for one by one. More in one task: the whole page is looked at, once. */
export const WATCHED_TARGETS_MAX = 64;

/** Shadow roots and frames that are kept before removed ones are looked for, then half as many more than there are: a frame takes 0.4 MB. */
export const ROOTS_LOOK_AT = 8;

/** Names of states of custom elements that are asked for: no page has so many. */
export const STATES_MAX = 200;
