/**
 * A line that can be cut: it stands between a browser and servers of the stack, and passes bytes on as they are.
 *
 * Cut, it takes every connection down and lets none through, as a lost network or a server that is away does.
 */

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** The line. */
export class Gate {
  private isOpen = true;
  private readonly sockets = new Set<Socket>();
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

  cut(): void {
    this.isOpen = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isOpen = true;
  }

  close(): void {
    this.cut();
    for (const server of this.servers) server.close();
  }

  private async add({ hostname, port }: URL): Promise<string> {
    const server = createServer((near) => {
      if (!this.isOpen) {
        near.destroy();
        return;
      }
      const far = connect(Number(port), "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(from);
        from.on("error", () => from.destroy());
        from.on("close", () => {
          this.sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `MAP ${hostname} 127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }
}
