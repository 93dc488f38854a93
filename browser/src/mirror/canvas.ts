/**
 * Pictures of canvases, where the group allows them: a part that is loaded only then. PROTOCOL.md section 4.
 *
 * Owns the reading and its pace: one canvas at a time, encoded by the browser beside the page, never faster than the
 * group says and never more than a slow line carries. A masked canvas is not read at all; what is read passes the choke
 * point like every attribute, so one that is masked meanwhile does not leave either.
 */

import { guarded, launch } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import {
  CANVAS_CHARS_MAX,
  CANVAS_CHARS_PER_S,
  CANVAS_EXACT_CHARS_MAX,
  CANVASES_MAX,
  PICTURE_SIDE_MAX,
} from "../visitor/limits.js";
import { dataOf } from "./data.js";

/** What this part needs from the recorder. */
export interface CanvasHost {
  /** Canvases of the page that were recorded; those that are gone are taken out here. */
  readonly canvases: Set<HTMLCanvasElement>;
  /** Pictures of each canvas in a second, at most. */
  readonly perSecond: number;
  /** The epoch that pictures would belong to; `null` while none may be sent. */
  epoch(): number | null;
  /** Whether nothing of it is masked. */
  isOpen(canvas: HTMLCanvasElement): boolean;
  send(canvas: HTMLCanvasElement, picture: string): void;
}

/** Begins to tell pictures; gives the way to end. */
export function tellCanvases(page: Window & typeof globalThis, host: CanvasHost): () => void {
  let isStopped = false;
  let sent = new WeakMap<HTMLCanvasElement, string>();
  let epoch: number | null = null;
  /** Canvases that hold another site's pixels: nobody may read them. */
  const unreadable = new WeakSet<HTMLCanvasElement>();

  const round = async (): Promise<void> => {
    let chars = 0;
    for (const canvas of nextOf(host.canvases)) {
      const now = host.epoch();
      if (isStopped || now === null) break;
      // The agents' pictures begin anew with each epoch.
      if (now !== epoch) sent = new WeakMap();
      epoch = now;
      if (unreadable.has(canvas) || !host.isOpen(canvas)) continue;
      const picture = await readable(page, canvas, unreadable);
      if (!picture || sent.get(canvas) === picture || host.epoch() !== epoch || isStopped) continue;
      sent.set(canvas, picture);
      chars += picture.length;
      host.send(canvas, picture);
    }
    await pause(page, chars, host.perSecond);
  };
  const go = async (): Promise<void> => {
    while (!isStopped) await round();
  };
  launch(go);
  return () => {
    isStopped = true;
  };
}

/** Those whose turn it is: the first ones, which then stand last. */
function nextOf(canvases: Set<HTMLCanvasElement>): HTMLCanvasElement[] {
  const found: HTMLCanvasElement[] = [];
  for (const canvas of [...canvases]) {
    if (found.length === CANVASES_MAX) break;
    canvases.delete(canvas);
    // What comes back is recorded anew.
    if (!canvas.isConnected) continue;
    canvases.add(canvas);
    found.push(canvas);
  }
  return found;
}

/** As long as the group's rate asks for, and as what was sent needs on a slow line. */
function pause(page: Window, chars: number, perSecond: number): Promise<void> {
  const ms = Math.max(1_000 / perSecond, (chars * 1_000) / CANVAS_CHARS_PER_S);
  return new OwnPromise((resolve) => page.setTimeout(guarded(resolve), ms));
}

/** The picture as data, as exact as it may be long; `null` for none. Rejected where it cannot be read. */
async function read(page: Window & typeof globalThis, canvas: HTMLCanvasElement): Promise<string | null> {
  const { width, height } = canvas;
  if (width === 0 || height === 0) return null;
  // What WebGL has drawn is there until the frame is over; a page that is not seen has no frames.
  await new OwnPromise((resolve) => page.requestAnimationFrame(guarded(resolve)));
  const scale = Math.min(1, PICTURE_SIDE_MAX / Math.max(width, height));
  const whole = scale < 1 ? scaled(page, canvas, scale) : canvas;
  const exact = await encode(page, whole, "image/png");
  if (exact.length <= CANVAS_EXACT_CHARS_MAX) return exact;
  for (const part of [1, 1 / 2, 1 / 4]) {
    const picture = await encode(page, scaled(page, canvas, scale * part), "image/webp");
    if (picture.length <= CANVAS_CHARS_MAX) return picture;
  }
  return null;
}

/** The same; one that cannot be read is noted. */
async function readable(
  page: Window & typeof globalThis,
  canvas: HTMLCanvasElement,
  unreadable: WeakSet<HTMLCanvasElement>,
): Promise<string | null> {
  try {
    return await read(page, canvas);
  } catch {
    unreadable.add(canvas);
    return null;
  }
}

function scaled(page: Window, canvas: HTMLCanvasElement, scale: number): HTMLCanvasElement {
  const copy = page.document.createElement("canvas");
  copy.width = Math.max(1, Math.round(canvas.width * scale));
  copy.height = Math.max(1, Math.round(canvas.height * scale));
  copy.getContext("2d")?.drawImage(canvas, 0, 0, copy.width, copy.height);
  return copy;
}

/** Both steps are the browser's own, in threads of its own. */
async function encode(
  page: Window & typeof globalThis,
  canvas: HTMLCanvasElement,
  type: string,
): Promise<string> {
  const blob = await new OwnPromise<Blob | null>((resolve) => {
    canvas.toBlob(resolve, type, WEBP_QUALITY);
  });
  if (!blob) throw new Error("the canvas has no picture");
  return dataOf(page, blob);
}

/** Small differences that an eye does not see. */
const WEBP_QUALITY = 0.85;
