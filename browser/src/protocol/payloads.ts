/**
 * JSON that travels in frames and in the web tier's answers: PROTOCOL.md sections 3.4, 4 and 7.
 *
 * Owns the types and their checks: what comes from outside passes a reader here before anybody uses it.
 * A reader gives `null` for what is not the type; its caller says what follows.
 */

import { isSessionKey, parseSessionId } from "./ids.js";
import { jsonOf } from "./json.js";

/** Bits of the privileges: section 2. */
export const PRIVILEGES = {
  view: 1,
  point: 2,
  draw: 4,
  scroll: 8,
  click: 16,
  type: 32,
  navigate: 64,
  control: 128,
  end: 256,
} as const;

/** Name of a privilege. */
export type Privilege = keyof typeof PRIVILEGES;

/** What is masked without any rule. */
export type MaskDefault = "passwords" | "inputs" | "text";

/** The visitor's part of a group's settings. */
export interface VisitorSettings {
  readonly masks: readonly string[];
  readonly mask_default: MaskDefault;
  /** Names of query parameters that addresses keep. */
  readonly query_names?: readonly string[];
  /** Pictures of each canvas in a second; none where it is 0 or absent. */
  readonly canvas_rate?: number;
  /** Origins whose pictures and fonts travel along. */
  readonly upload_origins?: readonly string[];
  /** What no agent may act upon; `null` is a list that cannot be read, and refuses everything. */
  readonly refuses?: readonly string[] | null;
  readonly theme?: Theme;
}

/** How the visitor's controls look. */
export interface Theme {
  readonly accent: string | null;
  readonly place: "bottom_right" | "bottom_left" | "top_right" | "top_left";
}

/** First frame on a visitor's connection. */
export interface Welcome {
  readonly session: string;
  readonly home: number;
  readonly last_epoch: number;
  readonly grace_ms: number;
  readonly settings: VisitorSettings;
}

/** One agent with a live connection. */
export interface Participant {
  readonly agent: number;
  readonly name: string;
  readonly privileges: readonly string[];
}

/** How the visitor is. */
export type VisitorPresence = "live" | "leaving" | "offline";

/** First frame on an agent's connection. */
export interface Joined extends Participant {
  readonly group: string;
  readonly visitor: VisitorPresence;
  readonly since_ms: number;
}

/** To an agent, on every change. */
export interface VisitorState {
  readonly visitor: VisitorPresence;
  readonly since_ms: number;
}

/** Facts of the visitor's page. */
export interface Facts {
  readonly url: string;
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly visible: boolean;
  /** What the agents are told while the session is paused; `null` while it is not. */
  readonly paused: string | null;
  /** Whether the page's own code hides the page. */
  readonly hides: boolean;
  /** What the page says of its visitor: name, address, number, as far as it knows them. */
  readonly visitor: readonly string[];
}

/** Where an agent points, in CSS pixels of the visitor's viewport; `null` hides it. */
export type Point = { readonly x: number; readonly y: number } | null;

/** The web tier's answer to start and continue. */
export interface StartAnswer {
  readonly session: string;
  readonly key: string;
  readonly server: string;
  readonly status: string;
  readonly ticket: string;
  readonly resume: string;
  readonly home: number;
}

/** Parses UTF-8 JSON; `null` for what is not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return null;
  }
}

/** JSON as UTF-8. */
export function toJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(jsonOf(value));
}

/** Settings without both fields are no settings: then nothing is sent. */
export function readSettings(value: unknown): VisitorSettings | null {
  if (!isRecord(value)) return null;
  const { masks, mask_default: masked } = value;
  if (!Array.isArray(masks) || !masks.every((mask) => typeof mask === "string")) return null;
  if (masked !== "passwords" && masked !== "inputs" && masked !== "text") return null;
  const refuses = value.refuses ?? [];
  const isList = Array.isArray(refuses) && refuses.every((one) => typeof one === "string");
  const list = (names: unknown): readonly string[] =>
    Array.isArray(names) && names.every((one) => typeof one === "string") ? names : [];
  return {
    masks,
    mask_default: masked,
    query_names: list(value.query_names),
    upload_origins: list(value.upload_origins),
    canvas_rate: readRate(value.canvas_rate),
    refuses: isList ? refuses : null,
    theme: readTheme(value.theme),
  };
}

/** What is no rate allows no picture. */
function readRate(value: unknown): number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= CANVAS_RATE_MAX
    ? (value as number)
    : 0;
}

/** A theme; what cannot be read of it is as usual. */
export function readTheme(value: unknown): Theme {
  const { accent, place } = isRecord(value) ? value : {};
  const isColour = typeof accent === "string" && /^#[0-9a-f]{6}$/i.test(accent);
  return { accent: isColour ? accent : null, place: PLACES.find((one) => one === place) ?? "bottom_right" };
}

/** Reads a `welcome` payload. */
export function readWelcome(value: unknown): Welcome | null {
  if (!isRecord(value)) return null;
  const settings = readSettings(value.settings);
  const { session, home, last_epoch, grace_ms } = value;
  if (!settings || !parseSessionId(session) || !isCount(home) || !isCount(last_epoch)) return null;
  if (!isCount(grace_ms)) return null;
  return { session: session as string, home, last_epoch, grace_ms, settings };
}

/** Reads a `participants` payload. */
export function readParticipants(value: unknown): Participant[] | null {
  if (!isRecord(value) || !Array.isArray(value.agents)) return null;
  const agents = value.agents.map(readParticipant);
  return agents.every((agent) => agent !== null) ? agents : null;
}

/** Reads a `joined` payload. */
export function readJoined(value: unknown): Joined | null {
  const participant = readParticipant(value);
  const state = readVisitorState(value);
  if (!participant || !state || !isRecord(value) || typeof value.group !== "string") return null;
  return { ...participant, ...state, group: value.group };
}

/** Reads a `visitor_state` payload. */
export function readVisitorState(value: unknown): VisitorState | null {
  if (!isRecord(value)) return null;
  const { visitor, since_ms } = value;
  if (visitor !== "live" && visitor !== "leaving" && visitor !== "offline") return null;
  return isCount(since_ms) ? { visitor, since_ms } : null;
}

/** Reads a `facts` payload. */
export function readFacts(value: unknown): Facts | null {
  if (!isRecord(value)) return null;
  const { url, title, width, height, visible } = value;
  if (typeof url !== "string" || typeof title !== "string" || typeof visible !== "boolean") return null;
  const paused = typeof value.paused === "string" ? value.paused.slice(0, PAUSED_CHARS_MAX) : null;
  if (!isPixels(width) || !isPixels(height)) return null;
  const [hides, visitor] = [value.hides === true, readVisitor(value.visitor)];
  return { url, title, width, height, visible, paused, hides, visitor };
}

function readVisitor(value: unknown): string[] {
  if (!isRecord(value)) return [];
  const known = [value.name, value.email, value.phone];
  return known.filter(
    (one) => typeof one === "string" && one !== "" && one.length <= IDENTITY_CHARS_MAX,
  ) as string[];
}

/** Reads an agent's `pointer` payload. `undefined` is no pointer at all. */
export function readPoint(value: unknown): Point | undefined {
  if (!isRecord(value)) return undefined;
  const { x, y } = value;
  if (x === undefined && y === undefined) return null;
  return isCoordinate(x) && isCoordinate(y) ? { x, y } : undefined;
}

/** Reads the web tier's answer. Its server must be reached over TLS. */
export function readStartAnswer(value: unknown): StartAnswer | null {
  if (!isRecord(value)) return null;
  const { session, key, server, status, ticket, resume, home } = value;
  if (!parseSessionId(session) || !isSessionKey(key) || !isCount(home)) return null;
  if (!isUrl(server, "wss:") || !isUrl(status, "https:")) return null;
  if (!isToken(ticket) || !isToken(resume)) return null;
  return { session: session as string, key, server, status, ticket, resume, home };
}

/** Whether a value is an object with fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is base64url text, as tickets and resume secrets are. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,1024}$/.test(value);
}

/** Whether a value is a URL of that scheme. */
export function isUrl(value: unknown, scheme: "wss:" | "https:"): value is string {
  if (typeof value !== "string") return false;
  try {
    return new URL(value).protocol === scheme;
  } catch {
    return false;
  }
}

/** Whether a value is an integer from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPixels(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= PIXELS_MAX;
}

function isCoordinate(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= PIXELS_MAX;
}

function readParticipant(value: unknown): Participant | null {
  if (!isRecord(value)) return null;
  const { agent, name, privileges } = value;
  if (!isCount(agent) || typeof name !== "string" || !Array.isArray(privileges)) return null;
  return privileges.every((name) => typeof name === "string") ? { agent, name, privileges } : null;
}

/** The highest rate of a group's canvases: `protocol/src/limits.rs` has the same. */
const CANVAS_RATE_MAX = 5;

const PLACES = ["bottom_right", "bottom_left", "top_right", "top_left"] as const;

/** A sentence for the agents. */
export const PAUSED_CHARS_MAX = 300;

/** The longest that a page may say of its visitor. */
const IDENTITY_CHARS_MAX = 127;

/** No screen is larger; a value beyond it comes from a mistake or from malice, and would size the stage. */
const PIXELS_MAX = 100_000;
