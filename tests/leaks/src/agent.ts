/**
 * An agent without a browser: logs in over HTTPS, follows the redirects, opens the WebSocket, keeps what comes.
 *
 * What it has received is exactly what a CServer sends. One login serves any number of joins.
 */

import { request as httpsRequest, type RequestOptions } from "node:https";
import WebSocket from "ws";

import { header, textOf } from "../../e2e/support/frames.js";
import { AGENT, type Stack } from "./stack.js";

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly cookies: readonly string[];
  readonly body: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
}

/** Someone who is logged in. */
export class Login {
  private constructor(
    private readonly stack: Stack,
    private cookies: readonly Cookie[] = [],
  ) {}

  static async of(stack: Stack): Promise<Login> {
    const login = new Login(stack);
    const url = `${stack.web_url}/login`;
    const page = await login.ask(url);
    const password = stack.accounts.find((one) => one.name === AGENT)?.password ?? "";
    const fields = new URLSearchParams();
    for (const [input] of page.body.matchAll(/<input[^>]*>/g)) {
      const part = (name: string): string =>
        new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1] ?? "";
      const kind = part("type");
      if (kind === "hidden") fields.set(part("name"), part("value").replaceAll("&amp;", "&"));
      else fields.set(part("name"), kind === "password" ? password : AGENT);
    }
    const answer = await login.ask(url, fields.toString());
    if (answer.status !== 303) throw new Error(`login: ${String(answer.status)} ${answer.body}`);
    return login;
  }

  /**
   * Joins the session of that key and begins to receive. Joins may run side by side: each has cookies of its own,
   * so that none is sent another's ticket.
   */
  join(key: string): Promise<Agent> {
    return new Login(this.stack, this.cookies).enter(key);
  }

  private async enter(key: string): Promise<Agent> {
    const lookup = `${this.stack.web_url}/cobrowse/AgentView?SessionKey=${encodeURIComponent(key)}`;
    const looked = await this.ask(lookup);
    const joined = await this.ask(new URL(looked.location, lookup).href);
    const view = new URL(joined.location, new URL(looked.location, lookup)).href;
    const page = await this.ask(view);
    const csrf = /name="cobrowse-csrf" content="([^"]+)"/.exec(page.body)?.[1];
    if (page.status !== 200 || csrf === undefined)
      throw new Error(`no view: ${String(page.status)}`);
    const url = view.replace("https://", "wss://").replace("/view/", "/agent/");
    const socket = new WebSocket(url, ["cobrowse.v1", `csrf.${csrf}`], {
      ...toLoopback(this.stack),
      origin: new URL(view).origin,
      headers: { cookie: this.cookieHeader(view) },
      handshakeTimeout: WAIT_MS_MAX,
    } as unknown as WebSocket.ClientOptions);
    const agent = new Agent(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    return agent;
  }

  private cookieHeader(url: string): string {
    const { hostname, pathname } = new URL(url);
    return this.cookies
      .filter((one) => hostname === one.domain || hostname.endsWith(`.${one.domain}`))
      .filter((one) => pathname.startsWith(one.path))
      .map((one) => `${one.name}=${one.value}`)
      .join("; ");
  }

  private async ask(url: string, body?: string): Promise<Answer> {
    const headers: Record<string, string> = { cookie: this.cookieHeader(url) };
    if (body !== undefined) {
      headers["origin"] = new URL(url).origin;
      headers["content-type"] = "application/x-www-form-urlencoded";
      headers["content-length"] = String(body.length);
    }
    const method = body === undefined ? "GET" : "POST";
    const answer = await ask(url, { method, headers, ...toLoopback(this.stack) }, body ?? "");
    for (const line of answer.cookies) this.keep(url, line);
    return answer;
  }

  private keep(url: string, line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const find = (name: string): string | undefined =>
      attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    const domain = find("domain") ?? new URL(url).hostname;
    this.cookies = [
      ...this.cookies.filter((one) => one.name !== name || one.domain !== domain),
      { name, value: pair.slice(at + 1), domain, path: find("path") ?? "/" },
    ];
  }
}

/** Someone who watches a session. */
export class Agent {
  readonly messages: Buffer[] = [];

  constructor(private readonly socket: WebSocket) {
    socket.on("message", (data: Buffer) => this.messages.push(data));
  }

  leave(): void {
    this.socket.terminate();
  }

  /** The readable content of what came since then, from the first epoch that began after it. */
  textSince(start: number): string {
    const later = this.messages.slice(start);
    const first = later.findIndex(
      (message) => message.length >= HEADER_BYTES && beginsEpoch(message),
    );
    return first < 0 ? "" : textOf(later.slice(first));
  }
}

function beginsEpoch(message: Buffer): boolean {
  const { kind, sequence } = header(message);
  return kind === FACTS && sequence === 0;
}

function ask(url: string, options: RequestOptions, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { ...options, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location ?? "",
          cookies: response.headers["set-cookie"] ?? [],
          body: Buffer.concat(parts).toString("utf8"),
        });
      });
    });
    request.setTimeout(WAIT_MS_MAX, () => request.destroy(new Error(`${url}: no answer`)));
    request.on("error", reject);
    request.end(body);
  });
}

/** Names lead to loopback, whatever a resolver says. */
function toLoopback(stack: Stack): RequestOptions {
  return {
    ca: stack.ca,
    lookup: (_host, options, done) => {
      if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
      else done(null, "127.0.0.1", 4);
    },
  };
}

const FACTS = 0x04;
const HEADER_BYTES = 12;
const WAIT_MS_MAX = 30_000;
