/**
 * A proxy like those of some companies: it opens TLS, passes requests and streamed answers on, and refuses to upgrade.
 *
 * It stands between a browser and every CServer of the stack, under their own names.
 */

import { readFileSync } from "node:fs";
import { request, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";

import { stack } from "./stack.js";

export interface Proxy {
  /** Arguments that lead a Chromium through it. */
  readonly args: readonly string[];
  /** How many upgrades it has refused. */
  readonly refused: () => number;
  /** How many requests of that ending it has passed on. */
  readonly passed: (ending: string) => number;
  close(): void;
}

/** Starts one on a free port. */
export async function withoutUpgrades(): Promise<Proxy> {
  const folder = dirname(stack().public_ca);
  const ca = readFileSync(stack().public_ca);
  const cert = readFileSync(join(folder, "s1.pem"));
  const key = readFileSync(join(folder, "s1.key"));
  let refused = 0;
  const paths: string[] = [];
  const server = createServer({ cert, key }, (asked, answer) => {
    const { method, url, headers } = asked;
    const [servername = "", port = "443"] = (headers.host ?? "").split(":");
    paths.push(url ?? "");
    const onward = request(
      {
        host: "127.0.0.1",
        servername,
        port: Number(port),
        ca,
        method,
        path: url,
        headers,
        agent: false,
      },
      (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answer.flushHeaders();
        answered.pipe(answer);
        answered.on("error", () => answer.destroy());
      },
    );
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  });
  server.on("upgrade", (_, socket) => {
    refused += 1;
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const hosts = stack().servers.map(({ url }) => new URL(url).hostname);
  const rules = hosts.map((host) => `MAP ${host} 127.0.0.1:${String(port)}`);
  return {
    args: [`--host-resolver-rules=${rules.join(",")}`],
    refused: () => refused,
    passed: (ending) => paths.filter((path) => path.endsWith(ending)).length,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
