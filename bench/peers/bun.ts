/** The relay on Bun's own server: topics are its publish and subscribe. */

type Seat = { topic: string; sends: boolean };

const { PORT, CERT, KEY } = process.env;

const server = Bun.serve<Seat>({
  hostname: "127.0.0.1",
  port: Number(PORT),
  development: false,
  tls: { cert: Bun.file(CERT!), key: Bun.file(KEY!) },
  fetch(request, server) {
    const [, role, topic] = new URL(request.url).pathname.split("/");
    const upgraded = server.upgrade(request, { data: { topic, sends: role === "pub" } });
    return upgraded ? undefined : new Response("a WebSocket is expected", { status: 400 });
  },
  websocket: {
    perMessageDeflate: false,
    // The measured runs are short; nobody is pinged or dropped.
    idleTimeout: 0,
    sendPings: false,
    maxPayloadLength: 16 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
    open(socket) {
      if (!socket.data.sends) socket.subscribe(socket.data.topic);
    },
    message(socket, message) {
      if (socket.data.sends) server.publish(socket.data.topic, message, false);
    },
  },
});
