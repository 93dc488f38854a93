/**
 * A line between a browser and servers of the stack, which passes bytes on as they are, until it is made worse.
 *
 * Cut, it takes every connection down and lets none through, as a server that is away does. Silent, nothing passes in either
 * direction and nobody is told, as when a radio has lost its network. Slow, it takes what the browser sends only so fast.
 */

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** How the line is. */
type Condition = "open" | "cut" | "silent";

/** The line. */
export class Gate {
  private condition: Condition = "open";
  private bytesPerS = Infinity;
  private readonly lines = new Set<Line>();
  private readonly servers: Server[] = [];
  private rules: string[] = [];

  private constructor() {
    // Made by `to`.
  }

  /** A line to each of these addresses. */
  static async to(...urls: string[]): Promise<Gate> {
    const gate = new Gate();
    gate.rules = await Promise.all(urls.map((url) => gate.add(new URL(url))));
    return gate;
  }

  /** Arguments that lead a Chromium over the line. */
  get args(): string[] {
    return [`--host-resolver-rules=${this.rules.join(",")}`];
  }

  /** Takes all connections down. */
  cut(): void {
    this.condition = "cut";
    for (const line of this.lines) line.end();
  }

  /** Lets nothing through, and tells nobody. */
  silence(): void {
    this.condition = "silent";
    for (const line of this.lines) line.silence();
  }

  /** Takes so many bytes of the browser in a second, of each connection. */
  slow(bytesPerS: number): void {
    this.bytesPerS = bytesPerS;
  }

  /** What was silent has been forgotten at the other end: whoever sends anything on it, or has, is told so then. */
  mend(): void {
    this.condition = "open";
    this.bytesPerS = Infinity;
    for (const line of this.lines) line.mend();
  }

  close(): void {
    this.cut();
    for (const server of this.servers) server.close();
  }

  private async add({ hostname, port }: URL): Promise<string> {
    const server = createServer((near) => {
      if (this.condition === "cut") {
        near.destroy();
        return;
      }
      const line = new Line(near, Number(port), () => this.bytesPerS);
      this.lines.add(line);
      near.on("close", () => this.lines.delete(line));
      if (this.condition === "silent") line.silence();
    });
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `MAP ${hostname} 127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }
}

/** One connection. */
class Line {
  private readonly far: Socket;
  private isSilent = false;

  constructor(
    private readonly near: Socket,
    port: number,
    bytesPerS: () => number,
  ) {
    const far = connect(port, "127.0.0.1");
    this.far = far;
    near.on("data", (bytes) => {
      const hasRoom = far.write(bytes);
      const pauseMs = (bytes.length / bytesPerS()) * 1_000;
      if (hasRoom && pauseMs < 1) return;
      near.pause();
      if (hasRoom) setTimeout(() => this.goOn(), pauseMs);
    });
    far.on("drain", () => this.goOn());
    far.on("data", (bytes) => {
      if (!this.isSilent && !near.write(bytes)) far.pause();
    });
    near.on("drain", () => far.resume());
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => from.destroy());
      from.on("close", () => {
        if (!this.isSilent) to.destroy();
      });
    }
  }

  end(): void {
    this.near.destroy();
    this.far.destroy();
  }

  /** The browser's bytes wait in its own memory, and the servers' are lost. */
  silence(): void {
    this.isSilent = true;
    this.near.pause();
    this.far.resume();
  }

  mend(): void {
    if (!this.isSilent) return;
    this.far.destroy();
    this.near.removeAllListeners("data");
    this.near.on("data", () => this.near.resetAndDestroy());
    this.near.resume();
  }

  private goOn(): void {
    if (!this.isSilent) this.near.resume();
  }
}
