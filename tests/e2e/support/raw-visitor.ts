/**
 * A visitor without a page: starts a session and sends whatever events it is told to, honest or not.
 */

import WebSocket from "ws";

import { fetchRaw, toLoopback } from "./raw.js";
import { stack } from "./stack.js";

const FACTS_KIND = 0x04;
const KEYFRAME = 0x01;
const DIFF = 0x02;
const KEYFRAME_REQUEST = 0xc2;
const FIRST = 0x01;
const LAST = 0x02;
const PURGE = 0x04;
const PAYLOAD_BYTES_MAX = 61_440;
const WAIT_MS_MAX = 20_000;
const FACTS = { title: "x", width: 800, height: 600, visible: true };

/** A live session. Asked for a keyframe, it sends the page that it showed last. */
export class RawVisitor {
  private epoch = 0;
  private sequence = 0;
  private last: [unknown[] | string, object] | null = null;

  private constructor(
    readonly key: string,
    private readonly socket: WebSocket,
  ) {
    // As the visitor's script does: an agent who has asked for a new picture is given nothing of an older one.
    socket.on("message", (frame: Buffer) => {
      if (frame[0] === KEYFRAME_REQUEST && this.last) this.show(...this.last);
    });
  }

  static async start(group = "demo"): Promise<RawVisitor> {
    const body = JSON.stringify({ group });
    const headers = {
      origin: stack().shop_url,
      "content-type": "application/json",
      "content-length": String(body.length),
    };
    const url = `${stack().web_url}/api/v1/sessions`;
    const answer = await fetchRaw(url, { method: "POST", headers }, body);
    if (answer.status !== 201) throw new Error(`start: ${String(answer.status)} ${answer.body}`);
    const start = JSON.parse(answer.body) as { key: string; server: string; ticket: string };
    const socket = new WebSocket(start.server, ["cobrowse.v1", `ticket.${start.ticket}`], {
      ...toLoopback(),
      origin: stack().shop_url,
      handshakeTimeout: WAIT_MS_MAX,
    } as unknown as WebSocket.ClientOptions);
    await new Promise<void>((resolve, reject) => {
      socket.once("message", () => resolve());
      socket.once("error", reject);
    });
    return new RawVisitor(start.key, socket);
  }

  /** A new epoch: facts and one keyframe, as events or as the text of some. `more` stands in the facts besides. */
  show(events: unknown[] | string, more: object = {}): void {
    this.last = [events, more];
    this.epoch += 1;
    this.sequence = 0;
    const facts = { ...FACTS, url: stack().shop_url, ...more };
    this.send(FACTS_KIND, 0, facts);
    const bytes = encoded(events);
    for (let at = 0; at < bytes.length; at += PAYLOAD_BYTES_MAX) {
      const end = at + PAYLOAD_BYTES_MAX;
      const flags = (at === 0 ? FIRST : 0) | (end >= bytes.length ? LAST : 0);
      this.send(KEYFRAME, flags, bytes.subarray(at, end));
    }
  }

  /** A new epoch whose first facts say that what was shown is to be seen no longer; its keyframe is yet to come. */
  purge(more: object = {}): void {
    this.epoch += 1;
    this.sequence = 0;
    this.send(FACTS_KIND, PURGE, { ...FACTS, url: stack().shop_url, ...more });
  }

  /** A change of what is shown. */
  change(events: unknown[] | string): void {
    this.send(DIFF, 0, events);
  }

  /** Facts within the epoch, as an object or as text. */
  tell(facts: object | string): void {
    const whole = { ...FACTS, url: stack().shop_url, ...(facts as object) };
    this.send(FACTS_KIND, 0, typeof facts === "string" ? facts : whole);
  }

  end(): void {
    this.socket.terminate();
  }

  private send(kind: number, flags: number, payload: unknown): void {
    const head = Buffer.alloc(12);
    head.writeUInt8(kind, 0);
    head.writeUInt8(flags, 1);
    head.writeUInt16BE(1, 2);
    head.writeUInt32BE(this.epoch, 4);
    head.writeUInt32BE(this.sequence, 8);
    this.sequence += 1;
    this.socket.send(Buffer.concat([head, encoded(payload)]));
  }
}

function encoded(payload: unknown): Buffer {
  if (Buffer.isBuffer(payload)) return payload;
  return Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
}
