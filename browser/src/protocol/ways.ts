/**
 * The two ways by which frames reach the CServer: a WebSocket, or requests where WebSockets are blocked.
 *
 * Owns what both have in common, and the first. The second, and for how long it is taken, is `channel.ts`'s.
 */

import { guarded } from "../guard/guard.js";

/** What a session needs of a WebSocket. */
export interface FrameSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onclose: ((event: CloseEvent) => unknown) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

/** The second way. */
export interface Fallback {
  /**
   * Connects to the WebSocket's address by requests, or `null` while a WebSocket is to be tried. Posts carry a credential of
   * their own: a visitor's ticket serves once.
   */
  open(url: string, credential: string, postCredential: string): FrameSocket | null;
  /** A connection ended before it carried anything, and yet the server answers requests. */
  blocked(): void;
  /** Nothing of the last stream came in time: something between holds answers back until they end, which this one does not. */
  readonly isHeldBack: boolean;
}

/** The first way. A proxy that swallows the request would be waited for for minutes. */
export function openWebSocket(
  page: Window & typeof globalThis,
  url: string,
  credential: string,
): FrameSocket {
  const socket = new page.WebSocket(url, ["cobrowse.v1", credential]);
  socket.binaryType = "arraybuffer";
  setTimeout(
    guarded(() => {
      // Else it is open, or was closed long ago.
      if (socket.readyState === 0) socket.close();
    }),
    OPENING_MS_MAX,
  );
  return socket;
}

/** How long a connection may take to open. Longer: given up. */
export const OPENING_MS_MAX = 10_000;
