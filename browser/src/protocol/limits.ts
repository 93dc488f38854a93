/**
 * Bounds that more than one part must know: PROTOCOL.md section 9, the part that browsers need.
 *
 * Equal to `protocol/src/limits.rs`; a test over `protocol/vectors/limits.json` keeps them so.
 * Bounds of one script stand in `visitor/limits.ts` and `viewer/limits.ts`.
 */

/** Bytes of a frame's header. Shorter messages are `bad_frame`. */
export const FRAME_HEADER_BYTES = 12;

/** Payload of one frame: a keyframe is cut at this size. Longer: `too_long`. */
export const FRAME_PAYLOAD_BYTES_MAX = 61_440;

/** Payload of an agent's frame. Longer: `too_long`. */
export const AGENT_PAYLOAD_BYTES_MAX = 4_096;

/** What a page says of itself outside a session, and what is offered to it. Longer: `too_long`. */
export const PRESENCE_BYTES_MAX = 1_024;

/** All chunks of one keyframe. Longer: `too_long`. */
export const KEYFRAME_BYTES_MAX = 8_388_608;

/** What the viewer inflates of one epoch. The visitor begins a new epoch well before. */
export const EPOCH_INFLATED_BYTES_MAX = 67_108_864;

/** Frames of one agent in a second, with a burst of twice as many. More: `flooding`. */
export const AGENT_FRAMES_PER_S_MAX = 120;

/** Shortest time between two keyframe requests that the CServer passes on. */
export const KEYFRAME_REQUEST_INTERVAL_MS = 2_000;

/** Body of a request that carries frames where WebSockets are blocked. Longer: `too_long`. */
export const POST_BODY_BYTES_MAX = 65_536;
