/**
 * The socket that agents connect to: on the loopback alone, and only for who knows the token of this start. A connection that
 * sends anything else first, or a line that is too long, is dropped; the training goes on without it.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { createLineCutter, messageOf, type AgentMessage, type GuardMessage, type Hello } from "./protocol.js";

/** A process that has said who it is. */
export interface Connection {
  readonly hello: Hello;
  /** Never throws, never waits: a process that is gone gets nothing. */
  readonly send: (message: GuardMessage) => void;
}

/** Told in order, on this thread. */
export interface ServerListener {
  readonly connected: (connection: Connection) => void;
  readonly message: (connection: Connection, message: AgentMessage) => void;
  readonly closed: (connection: Connection) => void;
}

export interface AgentServer {
  readonly port: number;
  /** 32 hexadecimal digits. */
  readonly token: string;
  readonly close: () => void;
}

/** Milliseconds for which a connection may be silent before it says who it is. */
const helloWithin = 10_000;

/** Whether two texts are equal, in a time that does not tell where they differ. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function serve(socket: Socket, token: string, listener: ServerListener): void {
  let connection: Connection | undefined;
  const cutter = createLineCutter();
  const drop = (): void => {
    socket.destroy();
  };
  const receive = (line: string): void => {
    const message = messageOf(line);
    if (connection !== undefined) {
      if (message !== undefined && message.t !== "hello") listener.message(connection, message);
      return;
    }
    if (message?.t !== "hello" || !isSame(message.token, token)) {
      drop();
      return;
    }
    socket.setTimeout(0);
    connection = {
      hello: message,
      send: (told) => {
        if (socket.writable) socket.write(`${JSON.stringify(told)}\n`);
      },
    };
    listener.connected(connection);
  };
  socket.setNoDelay(true);
  socket.setTimeout(helloWithin, drop);
  socket.on("error", () => undefined); // "close" comes after it
  socket.on("data", (bytes) => {
    const lines = cutter.push(bytes);
    if (lines === undefined) {
      drop();
      return;
    }
    for (const line of lines) if (!socket.destroyed) receive(line);
  });
  socket.on("close", () => {
    if (connection !== undefined) listener.closed(connection);
    connection = undefined;
  });
}

/** Begins to listen, on a port that the system chooses. */
export async function openAgentServer(listener: ServerListener): Promise<AgentServer> {
  const token = randomBytes(16).toString("hex");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, token, listener);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0, exclusive: true }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    token,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
