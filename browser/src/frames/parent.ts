/**
 * The page's side: frames of other origins that carry the tag join the session of the page that they stand in.
 *
 * Owns who is asked, the handshake, and what becomes of a frame that leaves, falls silent or breaks a rule: a placeholder.
 * One frame's session with us is `link.ts`'s; whether a frame element may be shown at all, and all masking, is the recorder's.
 */

import { guarded, launch } from "../guard/guard.js";
import { NodeType, type serializedNodeWithId } from "@rrweb/types";

import { isRecord, isToken } from "../protocol/payloads.js";
import { SPACES_MAX } from "../protocol/spaces.js";
import { pageInfo } from "../visitor/page-info.js";
import type { ForeignHost, Foreign, Place } from "../visitor/parts.js";
import { postJson } from "../visitor/webtier.js";
import { BROKEN_MS, FRAMES_MAX, HANDSHAKE_MS_MIN, PING_MS, REFUSALS_MAX } from "./limits.js";
import { Link, type LinkEnd } from "./link.js";
import { HANDSHAKE, readHello, type Hello } from "./messages.js";
import { mutation } from "./pieces.js";
import { Shift } from "./shift.js";

/** What is remembered of a frame. */
interface Known {
  readonly frame: HTMLIFrameElement;
  link: Link | null;
  /** Origin of the document that asked last. */
  origin: string;
  /** A handshake is under way or planned. */
  isBusy: boolean;
  handshakeAt: number;
  refusals: number;
  brokenUntil: number;
}

/** Frames of one recorded page. */
export class Frames implements Foreign {
  private readonly known = new Map<HTMLIFrameElement, Known>();
  private origins: readonly string[] = [];
  private spaces = 0;
  private isStopped = false;
  private ready: Promise<void>;
  /** Frames that were asked by us, and at which origin. */
  private readonly invited = new WeakMap<HTMLIFrameElement, string>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly host: ForeignHost) {
    this.timer = setInterval(
      guarded(() => {
        this.look();
      }),
      PING_MS,
    );
    this.ready = this.learn();
    launch(async () => {
      await this.ready;
      for (const frame of host.frames) this.met(frame);
    });
  }

  /** Which origins are the group's. Without an answer there are none; it is asked again for the next picture. */
  private async learn(): Promise<void> {
    const { webTier, group } = this.host.session;
    const info = await pageInfo(webTier, group);
    if (typeof info !== "string") this.origins = info.origins;
  }

  /** A frame element was recorded. One that had joined is recorded anew, so its picture is gone. */
  met(frame: HTMLIFrameElement): void {
    const known = this.known.get(frame);
    if (known?.link) {
      known.link.ask();
      return;
    }
    const origin = said.get(frame) ?? originOf(frame);
    if (origin === null || !this.origins.includes(origin) || !isForeign(frame)) return;
    // Asked once: a frame that comes to its tag later says so itself.
    if (this.invited.get(frame) === origin) return;
    this.invited.set(frame, origin);
    this.invite(frame, origin);
  }

  /** A message of a window: a frame that says that its tag is here, or that it may be given a port. */
  hear(event: MessageEvent): void {
    const hello = readHello(event.data);
    if (!hello) return;
    launch(async () => {
      await this.ready;
      this.answer(event, hello);
    });
  }

  private answer({ source, origin }: MessageEvent, hello: Hello): void {
    if (this.isStopped || !this.origins.includes(origin)) return;
    const frame = [...this.host.frames].find((one) => one.contentWindow === source);
    if (!frame || !isForeign(frame)) return;
    said.set(frame, origin);
    if (hello === "here") this.invite(frame, origin);
    else this.plan(frame, origin);
  }

  /** The agents' picture has begun anew: each frame is asked for its own. */
  begin(): void {
    this.spaces = 0;
    for (const { frame, link } of this.known.values()) {
      if (!link) continue;
      if (this.host.admits(frame)) link.ask();
      else this.drop(frame, "masked");
    }
    if (this.origins.length === 0) this.ready = this.learn();
    launch(async () => {
      await this.ready;
      for (const frame of this.host.frames) if (!this.known.get(frame)?.link) this.met(frame);
    });
  }

  /** Whether every frame that is shown has proven what it shows; those that agents see altered are left out. */
  get isProven(): boolean {
    return [...this.known.values()].every(
      ({ link }) => !link?.isShown || link.isAltered || link.proof !== null,
    );
  }

  frameOf(id: number): HTMLIFrameElement | null {
    return this.holder(id)?.frame ?? null;
  }

  place(id: number): Place | null {
    return this.holder(id)?.link?.place(id) ?? null;
  }

  /** The proof of what a frame shows; `null` where none is shown. */
  proofOf(frame: Node): string | null {
    return this.known.get(frame as HTMLIFrameElement)?.link?.proof ?? null;
  }

  stop(): void {
    this.isStopped = true;
    clearInterval(this.timer);
    for (const { link } of this.known.values()) link?.end(false);
    this.known.clear();
  }

  private holder(id: number): Known | undefined {
    return [...this.known.values()].find(({ link }) => link?.shows(id));
  }

  /** Words without content, and only to a page of that origin. */
  private invite(frame: HTMLIFrameElement, origin: string): void {
    if (!this.mayJoin(frame)) return;
    frame.contentWindow?.postMessage({ glance_cobrowse: { call: "frame" } }, origin);
  }

  private mayJoin(frame: HTMLIFrameElement): boolean {
    return frame.isConnected && this.host.admits(frame);
  }

  /** A handshake, when the last one is long enough ago. */
  private plan(frame: HTMLIFrameElement, origin: string): void {
    this.forget();
    const known = this.known.get(frame) ?? {
      frame,
      origin,
      link: null,
      isBusy: false,
      handshakeAt: Number.NEGATIVE_INFINITY,
      refusals: 0,
      brokenUntil: 0,
    };
    this.known.set(frame, known);
    known.origin = origin;
    if (known.isBusy) return;
    known.isBusy = true;
    const now = performance.now();
    const pause = HANDSHAKE_MS_MIN * 4 ** known.refusals;
    const at = Math.max(known.handshakeAt + pause, known.brokenUntil);
    setTimeout(
      guarded(() => {
        known.handshakeAt = performance.now();
        launch(async () => {
          try {
            await this.shake(known);
          } finally {
            known.isBusy = false;
          }
        });
      }),
      Math.max(0, at - now),
    );
  }

  private async shake(known: Known): Promise<void> {
    const { frame, origin } = known;
    const isLast = (): boolean => this.isStopped || this.known.get(frame) !== known || !this.mayJoin(frame);
    if (isLast()) return;
    const joined = [...this.known.values()].filter(({ link }) => link).length;
    if (!known.link && joined >= FRAMES_MAX) return;
    const { webTier, resume } = this.host.session;
    const answer = await postJson(`${webTier}/api/v1/sessions/frame`, { resume, to: origin });
    const code = isRecord(answer) ? answer.code : null;
    if (isLast() || !frame.contentWindow) return;
    if (!isToken(code)) {
      this.tryAgain(known);
      return;
    }
    // A new document has come, and the one before did not say that it left.
    this.drop(frame, "left");
    const { port1, port2 } = new MessageChannel();
    const link: Link = new Link(port1, {
      host: this.host,
      frame,
      nextSpace: () => this.nextSpace(),
      onEnd: (why) => {
        if (known.link === link) this.drop(frame, why);
      },
      onShown: () => {
        known.refusals = 0;
      },
    });
    known.link = link;
    frame.contentWindow.postMessage({ [HANDSHAKE]: "port", code }, origin, [port2]);
    link.ask();
  }

  /** A frame is no longer shown: its placeholder says whose it is. */
  private drop(frame: HTMLIFrameElement, why: LinkEnd | "masked"): void {
    const known = this.known.get(frame);
    const { link } = known ?? {};
    if (!known || !link) return;
    known.link = null;
    const wasShown = link.isShown;
    link.end(why === "silent");
    if (why === "broken" || why === "too_large") known.brokenUntil = performance.now() + BROKEN_MS;
    if (wasShown) this.placehold(frame);
    if (why === "refused") this.tryAgain(known);
  }

  /** The web tier had no answer, or the replica that the frame asked does not know the code. */
  private tryAgain(known: Known): void {
    known.refusals += 1;
    if (known.refusals >= REFUSALS_MAX) return;
    // Behind what is under way.
    setTimeout(
      guarded(() => {
        if (!this.isStopped) this.plan(known.frame, known.origin);
      }),
      0,
    );
  }

  /** An empty page in place of what a frame showed; the viewer says in it whose frame it is. */
  private placehold(frame: HTMLIFrameElement): void {
    const space = this.nextSpace();
    const parentId = this.host.idOf(frame);
    if (space === null || parentId < 1) return;
    const add = { parentId, nextId: null, node: new Shift(space, EMPTY.id).tree(EMPTY) };
    this.host.send(frame, [mutation([add], true)]);
    this.host.say(frame, { rr_src: frame.src });
  }

  /** A space for one document. None is used twice in a picture: there a number is a node for good. */
  private nextSpace(): number | null {
    if (this.spaces >= SPACES_MAX) {
      this.host.renew(false);
      return null;
    }
    this.spaces += 1;
    return this.spaces;
  }

  private look(): void {
    this.forget();
    for (const { frame, link } of this.known.values()) {
      if (!link) continue;
      if (this.mayJoin(frame)) link.ping();
      else this.drop(frame, "masked");
    }
  }

  private forget(): void {
    for (const [frame, { link }] of this.known) {
      if (frame.isConnected) continue;
      link?.end(false);
      this.known.delete(frame);
    }
  }
}

/** Origins that frames have said hello from, over all recordings of the page. */
const said = new WeakMap<HTMLIFrameElement, string>();

const EMPTY: serializedNodeWithId = {
  type: NodeType.Document,
  id: 1,
  childNodes: [
    {
      type: NodeType.Element,
      id: 2,
      tagName: "html",
      attributes: {},
      childNodes: [
        { type: NodeType.Element, id: 3, tagName: "head", attributes: {}, childNodes: [] },
        { type: NodeType.Element, id: 4, tagName: "body", attributes: {}, childNodes: [] },
      ],
    },
  ],
};

/** Whether a frame shows a document that this page cannot read. One in a sandbox has no origin, and so is none of the group's. */
function isForeign(frame: HTMLIFrameElement): boolean {
  try {
    return frame.contentDocument === null;
  } catch {
    return true;
  }
}

function originOf(frame: HTMLIFrameElement): string | null {
  try {
    return new URL(frame.src).origin;
  } catch {
    return null;
  }
}
