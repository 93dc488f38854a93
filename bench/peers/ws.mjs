/** The relay on Node.js and ws: a frame is built once and written to every receiver's socket. */

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { Sender, WebSocketServer } from "ws";

const { PORT, CERT, KEY } = process.env;

/** Receivers by session. */
const rooms = new Map();
const server = createServer({ cert: readFileSync(CERT), key: readFileSync(KEY) });
const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  clientTracking: false,
  skipUTF8Validation: true,
  maxPayload: 16 * 1024 * 1024,
});

server.on("upgrade", (request, socket, head) => {
  socket.setNoDelay(true);
  sockets.handleUpgrade(request, socket, head, (client) => {
    const [, role, id] = request.url.split("/");
    const room = rooms.get(id) ?? new Set();
    rooms.set(id, room);
    client.on("error", () => {});
    if (role === "sub") {
      room.add(client);
      client.on("close", () => room.delete(client));
    } else {
      client.on("message", (message, isBinary) => send(room, message, isBinary));
    }
  });
});

function send(room, message, isBinary) {
  const parts = Sender.frame(message, {
    fin: true,
    rsv1: false,
    mask: false,
    readOnly: true,
    opcode: isBinary ? 2 : 1,
  });
  const frame = Buffer.concat(parts);
  for (const client of room) client._socket.write(frame);
}

server.listen(Number(PORT), "127.0.0.1");
