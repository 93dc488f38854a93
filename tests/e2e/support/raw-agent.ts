/**
 * An agent without a browser: logs in over HTTPS, follows the redirects, opens the WebSocket, keeps what comes.
 *
 * It shows what a CServer really sends, with no viewer in between. Names lead to loopback, whatever a resolver says.
 */

import { expect } from "@playwright/test";
import WebSocket from "ws";

import { Capture, header } from "./frames.js";
import { agentView, type Position } from "./people.js";
import { fetchRaw, toLoopback, WAIT_MS_MAX, type Answer } from "./raw.js";
import { account, stack } from "./stack.js";

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
}

/** Logins that were made already. */
const logins = new Map<string, Cookie[]>();

/** A logged-in agent with a jar of cookies by host. */
export class RawAgent {
  readonly received = new Capture();
  private readonly cookies: Cookie[] = [];
  private socket: WebSocket | null = null;
  private closedBy: number | null = null;

  /** Logs in, joins by key, and begins to receive. */
  static async join(name: string, key: string): Promise<RawAgent> {
    const agent = new RawAgent();
    const known = logins.get(name);
    if (known) agent.cookies.push(...known);
    else {
      await agent.logIn(name);
      logins.set(name, [...agent.cookies]);
    }
    const looked = await agent.get(agentView(key));
    const joined = await agent.get(locationOf(looked, stack().web_url));
    const origin = new URL(locationOf(looked, stack().web_url)).origin;
    const view = locationOf(joined, origin);
    const page = await agent.get(view);
    const csrf = /name="cobrowse-csrf" content="([^"]+)"/.exec(page.body)?.[1];
    if (page.status !== 200 || csrf === undefined)
      throw new Error(`no view: ${String(page.status)}`);
    await agent.connect(view, csrf);
    return agent;
  }

  close(): void {
    this.socket?.terminate();
  }

  /** Sends a frame of that kind, whatever this agent may; `null` for one without a payload. */
  send(kind: number, payload: object | null, position: Position = { epoch: 0, sequence: 0 }): void {
    const head = Buffer.alloc(12);
    head.writeUInt8(kind, 0);
    head.writeUInt32BE(position.epoch, 4);
    head.writeUInt32BE(position.sequence, 8);
    const body = payload === null ? "" : JSON.stringify(payload);
    this.socket?.send(Buffer.concat([head, Buffer.from(body)]));
  }

  /** Asks for a new keyframe. */
  resync(): void {
    this.socket?.send(Buffer.from([0x90, ...Array<number>(11).fill(0)]));
  }

  /** Waits for a frame of that kind. */
  async expectFrame(kind: number): Promise<void> {
    const found = (): boolean => this.received.messages.some((one) => header(one).kind === kind);
    await expect.poll(found, { message: `a frame of kind ${kind.toString(16)}` }).toBe(true);
  }

  /** How the server closed, or null while it has not. */
  closeCode(): number | null {
    return this.closedBy;
  }

  /** What the visitor's side has answered to this agent's commands so far. */
  answers(): { n: number; refused: string }[] {
    const own = this.facts("agent") as number;
    return [...this.received.text().matchAll(/"answers":(\[[^\]]*\])/g)]
      .flatMap(
        (found) => JSON.parse(found[1] ?? "[]") as { agent: number; n: number; refused: string }[],
      )
      .filter((one) => one.agent === own)
      .map(({ n, refused }) => ({ n, refused }));
  }

  /** Number in the mirrored page of the newest element with that id. */
  async idOf(id: string): Promise<number> {
    const found = (): string | undefined =>
      [
        ...this.received
          .text()
          .matchAll(
            new RegExp(
              `"id":(\\d+),"type":2,"tagName":"[a-z-]+","attributes":{[^{}]*"id":"${id}"`,
              "g",
            ),
          ),
      ].at(-1)?.[1];
    await expect.poll(found, { message: `#${id} in what was received` }).toBeDefined();
    return Number(found());
  }

  /** A field of the server's first frame. */
  private facts(name: string): unknown {
    const joined = this.received.messages.find((one) => header(one).kind === 0xe1);
    return (
      joined && (JSON.parse(joined.subarray(12).toString("utf8")) as Record<string, unknown>)[name]
    );
  }

  /** The `Cookie` header for a URL. */
  cookieHeader(url: string): string {
    const { hostname, pathname } = new URL(url);
    return this.cookies
      .filter((one) => hostname === one.domain || hostname.endsWith(`.${one.domain}`))
      .filter((one) => pathname.startsWith(one.path))
      .map((one) => `${one.name}=${one.value}`)
      .join("; ");
  }

  async get(url: string): Promise<Answer> {
    return this.keep(url, await fetchRaw(url, { headers: { cookie: this.cookieHeader(url) } }));
  }

  private async logIn(name: string): Promise<void> {
    const url = `${stack().web_url}/login`;
    const page = await this.get(url);
    const fields = new URLSearchParams();
    for (const [input] of page.body.matchAll(/<input[^>]*>/g)) {
      const part = (name: string): string =>
        new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1] ?? "";
      const kind = part("type");
      if (kind === "hidden") fields.set(part("name"), part("value").replaceAll("&amp;", "&"));
      else if (kind === "password") fields.set(part("name"), account(name).password);
      else fields.set(part("name"), name);
    }
    const body = fields.toString();
    const headers = {
      cookie: this.cookieHeader(url),
      origin: stack().web_url,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": String(body.length),
    };
    const answer = this.keep(url, await fetchRaw(url, { method: "POST", headers }, body));
    if (answer.status !== 303) throw new Error(`login: ${String(answer.status)} ${answer.body}`);
  }

  private connect(view: string, csrf: string): Promise<void> {
    const url = view.replace("https://", "wss://").replace("/view/", "/agent/");
    const socket = new WebSocket(url, ["cobrowse.v1", `csrf.${csrf}`], {
      ...toLoopback(),
      origin: new URL(view).origin,
      headers: { cookie: this.cookieHeader(view) },
      handshakeTimeout: WAIT_MS_MAX,
    } as unknown as WebSocket.ClientOptions);
    this.socket = socket;
    socket.on("close", (code) => (this.closedBy = code));
    socket.on("message", (data: Buffer) => this.received.take(data));
    return new Promise((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
  }

  private keep(url: string, answer: Answer): Answer {
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const find = (name: string): string | undefined =>
        attributes
          .find((one) => one.toLowerCase().startsWith(`${name}=`))
          ?.split("=")
          .slice(1)
          .join("=");
      const domain = find("domain") ?? new URL(url).hostname;
      this.cookies.push({
        name: pair.slice(0, at),
        value: pair.slice(at + 1),
        domain,
        path: find("path") ?? "/",
      });
    }
    return answer;
  }
}

function locationOf(answer: Answer, base: string): string {
  const location = answer.headers["location"];
  if (answer.status !== 303 || typeof location !== "string") {
    throw new Error(`no redirect: ${String(answer.status)} ${answer.body.slice(0, 200)}`);
  }
  return new URL(location, base).href;
}
