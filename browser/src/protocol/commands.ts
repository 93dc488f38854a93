/**
 * What agents ask of the visitor's page: the payloads of the agents' kinds, PROTOCOL.md section 4.
 *
 * Owns their types, bounds and checks, for both ends. The kind stands in the frame's header and is what the privilege
 * hangs on, so a payload holds arguments only and can never ask for another thing than its kind. Whether a command is
 * carried out is the visitor side's (`assist/`). A reader gives `null` for what is not the type.
 */

import { isCount, isRecord } from "./payloads.js";

/** Kinds of frames with such payloads. */
export type CommandKind = "pointer" | "draw" | "scroll" | "click" | "type" | "navigate" | "control";

/** Where an agent points, and what it highlights: `undefined` leaves the highlight as it is, `null` takes it away. */
export interface PointCommand {
  readonly at: { readonly x: number; readonly y: number } | null;
  readonly node?: number | null;
  /** Whether the visitor's screen reader shall say what is highlighted; `undefined` leaves it as it was. */
  readonly aloud?: boolean;
}

/** What agents have drawn and highlighted, told to all of them: more of a stroke, a highlight, or (`null`) none of an agent's any more. */
export type InkItem =
  | { readonly agent: number; readonly stroke: number; readonly points: readonly number[] }
  | { readonly agent: number; readonly mark: number | null }
  | { readonly agent: number; readonly erased: true };

/** More points of a stroke in CSS pixels of the visitor's document, or `null`: take away all that this agent drew. */
export type DrawCommand = { readonly stroke: number; readonly points: readonly number[] } | null;

/** Every command that is answered when it is refused has a number, which its agent chooses. */
interface Numbered {
  readonly n: number;
}

/** Scrolls an element to a place; without a place, scrolls the page so that the element can be seen. */
export interface ScrollCommand extends Numbered {
  readonly node: number;
  readonly to: { readonly x: number; readonly y: number } | null;
}

/** Clicks an element; `at` is measured from its upper left corner, without it the middle is meant. */
export interface ClickCommand extends Numbered {
  readonly node: number;
  readonly at: { readonly x: number; readonly y: number } | null;
}

/** Types into an element. */
export interface TypeCommand extends Numbered {
  readonly node: number;
  readonly what:
    | { readonly do: "insert"; readonly text: string }
    | { readonly do: "key"; readonly key: TypedKey }
    | { readonly do: "value"; readonly text: string }
    | { readonly do: "choose"; readonly options: readonly number[] };
}

/** Leads the page elsewhere. */
export interface NavigateCommand extends Numbered {
  readonly to: { readonly go: "back" | "forward" | "reload" } | { readonly url: string };
}

/** Asks the visitor for control, or gives it back. */
export interface ControlCommand extends Numbered {
  readonly ask: boolean;
}

/** Keys that are told by name. */
export const TYPED_KEYS = [
  "Enter",
  "Tab",
  "Backspace",
  "Delete",
  "Escape",
  "ArrowLeft",
  "ArrowRight",
  "ArrowUp",
  "ArrowDown",
  "Home",
  "End",
] as const;

/** One of them. */
export type TypedKey = (typeof TYPED_KEYS)[number];

/** Why a command was not carried out. */
export const REFUSALS = [
  "malformed",
  "not_allowed",
  "not_in_control",
  "denied",
  "busy",
  "suspended",
  "paused",
  "stale",
  "gone",
  "masked",
  "refused",
  "in_frame",
  "disabled",
] as const;

/** One of them. */
export type Refusal = (typeof REFUSALS)[number];

/** An answer to one command of one agent. */
export interface Answer {
  readonly agent: number;
  readonly n: number;
  readonly refused: Refusal;
}

/** Who controls the visitor's page, or asks to. */
export interface ControlState {
  readonly agent: number;
  readonly state: "asked" | "active" | "suspended";
}

/** Reads a `pointer` payload. */
export function readPointCommand(value: unknown): PointCommand | null {
  if (!isRecord(value)) return null;
  const { x, y, node, aloud } = value;
  if (node !== undefined && node !== null && !isNode(node)) return null;
  if (aloud !== undefined && typeof aloud !== "boolean") return null;
  const marked = { ...(node === undefined ? {} : { node }), ...(aloud === undefined ? {} : { aloud }) };
  if (x === undefined && y === undefined) return { at: null, ...marked };
  return isPixel(x) && isPixel(y) ? { at: { x, y }, ...marked } : null;
}

/** Reads a `draw` payload; `undefined` is none. */
export function readDrawCommand(value: unknown): DrawCommand | undefined {
  if (!isRecord(value)) return undefined;
  const { stroke, points } = value;
  if (stroke === undefined && points === undefined) return null;
  if (!isCount(stroke) || !Array.isArray(points)) return undefined;
  if (points.length < 2 || points.length % 2 !== 0 || points.length > 2 * DRAW_POINTS_MAX) return undefined;
  return points.every(isPixel) ? { stroke, points } : undefined;
}

/** Reads a `scroll` payload. */
export function readScrollCommand(value: unknown): ScrollCommand | null {
  if (!isRecord(value) || !isCount(value.n) || !isNode(value.node)) return null;
  const to = readPlace(value);
  return to === undefined ? null : { n: value.n, node: value.node, to };
}

/** Reads a `click` payload. */
export function readClickCommand(value: unknown): ClickCommand | null {
  if (!isRecord(value) || !isCount(value.n) || !isNode(value.node)) return null;
  const at = readPlace(value);
  return at === undefined ? null : { n: value.n, node: value.node, at };
}

/** Reads a `type` payload: exactly one of `insert`, `key`, `value`, `choose`. */
export function readTypeCommand(value: unknown): TypeCommand | null {
  if (!isRecord(value) || !isCount(value.n) || !isNode(value.node)) return null;
  const { n, node, insert, key, value: text, choose } = value;
  if ([insert, key, text, choose].filter((one) => one !== undefined).length !== 1) return null;
  if (isTyped(insert) && insert !== "") return { n, node, what: { do: "insert", text: insert } };
  if (isTyped(text)) return { n, node, what: { do: "value", text } };
  if (TYPED_KEYS.includes(key as TypedKey)) return { n, node, what: { do: "key", key: key as TypedKey } };
  if (Array.isArray(choose) && choose.length <= CHOICES_MAX && choose.every(isCount)) {
    return { n, node, what: { do: "choose", options: choose } };
  }
  return null;
}

/** Reads a `navigate` payload. */
export function readNavigateCommand(value: unknown): NavigateCommand | null {
  if (!isRecord(value) || !isCount(value.n)) return null;
  const { n, go, url } = value;
  if (url === undefined && (go === "back" || go === "forward" || go === "reload")) return { n, to: { go } };
  if (go !== undefined || typeof url !== "string" || url.length > ADDRESS_CHARS_MAX) return null;
  return /^https?:\/\//i.test(url) ? { n, to: { url } } : null;
}

/** Reads a `control` payload. */
export function readControlCommand(value: unknown): ControlCommand | null {
  if (!isRecord(value) || !isCount(value.n) || typeof value.ask !== "boolean") return null;
  return { n: value.n, ask: value.ask };
}

/** Reads what facts say of control; `null` when nobody has it. */
export function readControlState(value: unknown): ControlState | null {
  if (!isRecord(value) || !isCount(value.agent)) return null;
  const { agent, state } = value;
  return state === "asked" || state === "active" || state === "suspended" ? { agent, state } : null;
}

/** Reads the answers that facts carry; what is none is left out. */
export function readAnswers(value: unknown): Answer[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, ANSWERS_MAX).flatMap((one: unknown): Answer[] => {
    if (!isRecord(one) || !isCount(one.agent) || !isCount(one.n)) return [];
    const refused = REFUSALS.find((name) => name === one.refused);
    return refused ? [{ agent: one.agent, n: one.n, refused }] : [];
  });
}

/** Reads what facts say of drawings; what is none is left out. */
export function readInk(value: unknown): InkItem[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, INK_ITEMS_MAX).flatMap((one: unknown): InkItem[] => {
    if (!isRecord(one) || !isCount(one.agent)) return [];
    const { agent, mark } = one;
    if (one.erased === true) return [{ agent, erased: true }];
    if (mark === null || isNode(mark)) return [{ agent, mark }];
    const more = readDrawCommand({ stroke: one.stroke, points: one.points });
    return more ? [{ agent, ...more }] : [];
  });
}

function readPlace(value: Record<string, unknown>): { x: number; y: number } | null | undefined {
  const { x, y } = value;
  if (x === undefined && y === undefined) return null;
  return isPixel(x) && isPixel(y) ? { x, y } : undefined;
}

function isNode(value: unknown): value is number {
  return isCount(value) && value > 0;
}

function isPixel(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= COORDINATE_MAX;
}

function isTyped(value: unknown): value is string {
  return typeof value === "string" && value.length <= TYPED_CHARS_MAX;
}

/** Points of a stroke in one frame: 240 of them, as text, fit into an agent's payload. */
export const DRAW_POINTS_MAX = 240;

/** Characters of one insertion or value: with escapes they fit into an agent's payload. */
export const TYPED_CHARS_MAX = 600;

/** Options chosen at once. */
export const CHOICES_MAX = 500;

/** Answers in one facts frame. */
export const ANSWERS_MAX = 32;

/** Items of drawings in one facts frame: even if each is as long as it may be they fit. */
export const INK_ITEMS_MAX = 12;

/** No page is longer; a value beyond it comes from a mistake or from malice. */
const COORDINATE_MAX = 1_000_000;

/** Characters of an address. */
const ADDRESS_CHARS_MAX = 2_048;
