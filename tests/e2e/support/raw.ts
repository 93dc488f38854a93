/**
 * Requests without a browser. Names lead to loopback, whatever a resolver says; the stack's own CA is trusted.
 */

import { readFileSync } from "node:fs";
import { request as httpsRequest, type RequestOptions } from "node:https";

import { stack } from "./stack.js";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** One request; nothing is followed. */
export function fetchRaw(url: string, options: RequestOptions = {}, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { ...options, ...toLoopback(), agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const body = Buffer.concat(parts).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    request.setTimeout(WAIT_MS_MAX, () => request.destroy(new Error(`${url}: no answer`)));
    request.on("error", reject);
    request.end(body);
  });
}

export function toLoopback(): RequestOptions {
  return {
    ca: readFileSync(stack().public_ca),
    lookup: (_host, options, done) => {
      if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
      else done(null, "127.0.0.1", 4);
    },
  };
}

/** So long an answer may take. */
export const WAIT_MS_MAX = 20_000;
