/**
 * The frame's side: a page with the tag that stands in a page of another origin joins the session there.
 *
 * Owns when it does. It starts no session and shows nothing. It asks the web tier itself, with its own origin, by what it
 * masks and for whom: without an answer, or when another page than the one that the code was made for holds it, nothing
 * leaves. Masking and recording are the visitor's script's, the same as on any page.
 */

import { guarded, launch, on, warn } from "../guard/guard.js";
import { boxOf } from "../assist/act.js";
import { isCallMessage } from "../loader/calls.js";
import type { Tag } from "../loader/tag.js";
import { isRecord, readSettings, type VisitorSettings } from "../protocol/payloads.js";
import type { Recorder, RecorderHost } from "../visitor/recorder.js";
import { postJson } from "../visitor/webtier.js";
import { CODES_MAX } from "./limits.js";
import { HANDSHAKE, readCode, readToFrame } from "./messages.js";
import { PortWriter } from "./writer.js";
import { jsonOf } from "../protocol/json.js";

/** What the visitor's script gives. */
export interface FramedHost {
  readonly page: Window & typeof globalThis;
  /** The tag as it is at this moment; throws where it is none. */
  readTag(): Tag;
  /** A recorder of this page, with the memory of what was masked on it. */
  record(settings: VisitorSettings, host: RecorderHost): Recorder;
  part: RecorderHost["part"];
}

/** A page that this one shows itself to. */
interface Joined {
  readonly port: MessagePort;
  readonly recorder: Recorder;
  readonly writer: PortWriter;
  isRecording: boolean;
}

/** The script of a framed page. There is one for each page. */
export class Framed {
  private origin: string | null = null;
  private link: Joined | null = null;
  /** Nodes that agents highlight, and how often that has changed. */
  private marks: readonly number[] = [];
  private round = 0;
  private isAsking = false;
  private codes = 0;

  constructor(private readonly host: FramedHost) {
    const { page } = host;
    on(
      page,
      "message",
      guarded((event: MessageEvent) => {
        launch(() => this.hear(event));
      }),
    );
    on(
      page,
      "pagehide",
      guarded(() => {
        this.end(true);
      }),
    );
    on(
      page,
      "pageshow",
      guarded(({ persisted }: PageTransitionEvent) => {
        if (persisted) this.sayReady();
      }),
    );
  }

  /** The page around asks whether this one may join. Who it is, is looked at when it gives a port. */
  invite(origin: string, data: unknown): void {
    const asked = isCallMessage(data) ? (data as { glance_cobrowse: unknown }).glance_cobrowse : null;
    if (!isRecord(asked) || asked.call !== "frame" || !origin.startsWith("https://")) return;
    this.origin = origin;
    this.sayReady();
  }

  private sayReady(): void {
    if (this.origin !== null) this.host.page.parent.postMessage({ [HANDSHAKE]: "ready" }, this.origin);
  }

  /** A port comes with a code; what is no such message is somebody else's. */
  private async hear({ source, origin, data, ports }: MessageEvent): Promise<void> {
    const code = readCode(data);
    const [port] = ports;
    if (code === null || !port || ports.length !== 1 || source !== this.host.page.parent) return;
    // What came over HTTPS shall not travel with a page that did not.
    if (!origin.startsWith("https://")) return;
    let settings: VisitorSettings | null = null;
    if (!this.isAsking && this.codes < CODES_MAX) {
      this.isAsking = true;
      this.codes += 1;
      settings = await this.ask(code, origin);
      this.isAsking = false;
    }
    if (settings) {
      this.begin(port, settings);
    } else {
      port.postMessage(jsonOf({ kind: "refused" }));
      port.close();
    }
  }

  /** By what this page masks for the page around it; `null` when it may show nothing. */
  private async ask(code: string, origin: string): Promise<VisitorSettings | null> {
    // What this page's own code would hide it says to a session of its own only: here it is not asked.
    if (this.host.page.GLANCE_COBROWSE?.getMaskingDescriptor) {
      warn("this frame has a masking descriptor, so it stays out of the session around it.");
      return null;
    }
    try {
      const answer = await postJson(`${this.host.readTag().origin}/api/v1/sessions/framed`, { code });
      return readAnswer(answer, origin, this.host.readTag().groups);
    } catch {
      // There is no tag any more.
      return null;
    }
  }

  private begin(port: MessagePort, settings: VisitorSettings): void {
    this.end(false);
    const writer = new PortWriter((text) => {
      port.postMessage(text);
    });
    const recorder = this.host.record(settings, {
      writer,
      bufferedBytes: () => writer.bufferedChars,
      onUnshareable: () => {
        this.end(true);
      },
      onSent: () => undefined,
      onEpoch: () => undefined,
      // It says that it is here again when it loads.
      onReplaced: () => {
        this.end(true);
      },
      // A frame within this one is not joined: its placeholder stands.
      frames: null,
      part: this.host.part,
    });
    const link: Joined = { port, recorder, writer, isRecording: false };
    this.link = link;
    port.onmessage = guarded(({ data }: MessageEvent) => {
      if (this.link === link) this.take(data);
    });
  }

  private take(data: unknown): void {
    const message = readToFrame(data);
    const { link } = this;
    if (!link || !message) return;
    switch (message.kind) {
      case "ask":
        link.writer.gen = message.gen;
        if (link.isRecording) link.recorder.planEpoch();
        else link.recorder.start();
        link.isRecording = true;
        break;
      case "taken":
        link.writer.taken(message.count);
        break;
      case "mark":
        this.marks = message.ids;
        this.follow(link);
        break;
      case "ping":
        link.port.postMessage(jsonOf({ kind: "pong" }));
        break;
      case "end":
        this.end(false);
        if (message.again) this.sayReady();
        break;
    }
  }

  /** Tells where the marked nodes are, as long as there are any. */
  private follow(link: Joined): void {
    const { page } = this.host;
    let told = "";
    const round = (this.round += 1);
    const step = (): void => {
      if (this.link !== link || this.round !== round || this.marks.length === 0) return;
      const boxes = this.marks.flatMap((id) => {
        const node = link.recorder.reach.nodeOf(id);
        const element = node?.nodeType === 1 ? (node as Element) : node?.parentElement;
        if (!element?.isConnected) return [];
        const { left, top, width, height } = boxOf(element, page);
        return [[id, left, top, width, height]];
      });
      const text = jsonOf({ kind: "boxes", boxes });
      if (text !== told) link.port.postMessage(text);
      told = text;
      page.requestAnimationFrame(guarded(step));
    };
    step();
  }

  private end(isTold: boolean): void {
    const { link } = this;
    this.link = null;
    if (!link) return;
    link.recorder.stop();
    if (isTold) link.writer.part();
    link.port.onmessage = null;
    link.port.close();
  }
}

/** Reads the web tier's answer: settings, of a group that this page's tag lists, for exactly that page around it. */
export function readAnswer(
  answer: unknown,
  parent: string,
  groups: readonly string[],
): VisitorSettings | null {
  if (!isRecord(answer) || answer.parent !== parent) return null;
  if (typeof answer.group !== "string" || !groups.includes(answer.group)) return null;
  return readSettings(answer.settings);
}
