import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

/** Questions under way to the outside, for the whole service. Beyond it a client gets SERVFAIL at once. */
const MAX_PENDING = 1024;
const UDP_TIMEOUT_MS = 2_000;
const TCP_TIMEOUT_MS = 5_000;
const PORT = 53;

export interface Server {
  readonly address: string;
  readonly port: number;
}

/** `address`, `address:port` or `[address]:port`. */
export function parseServer(text: string): Server {
  const match = /^\[(.+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  return match === null ? { address: text, port: PORT } : { address: match[1] ?? '', port: Number(match[2]) };
}

/** Sends queries on to other resolvers, from the host's namespace. */
export class Upstream {
  #pending = 0;

  /** The first answer of the servers, tried in order; undefined when none answers in time. The query's id is replaced on the way. */
  async ask(query: Buffer, servers: readonly Server[], over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (this.#pending >= MAX_PENDING) return undefined;
    this.#pending++;
    try {
      for (const server of servers) {
        const id = randomInt(0x10000);
        const sent = Buffer.from(query);
        sent.writeUInt16BE(id, 0);
        const answer = await (over === 'udp' ? askUdp(sent, server, id) : askTcp(sent, server, id)).catch(() => undefined);
        if (answer === undefined) continue;
        const back = Buffer.from(answer);
        back.writeUInt16BE(query.readUInt16BE(0), 0);
        return back;
      }
      return undefined;
    } finally {
      this.#pending--;
    }
  }
}

function askUdp(query: Buffer, server: Server, id: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let done = false;
    const finish = (answer?: Buffer): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(), UDP_TIMEOUT_MS);
    socket.on('error', () => finish());
    // Connected: only the server's own address and port can answer. A failure (no route to the server) comes to the same callback.
    socket.connect(server.port, server.address, (failure?: Error) => {
      if (failure !== undefined) finish();
      else if (!done) socket.send(query);
    });
    socket.on('message', (message) => {
      if (message.length >= 12 && message.readUInt16BE(0) === id) finish(message);
    });
  });
}

function askTcp(query: Buffer, server: Server, id: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port });
    const finish = (answer?: Buffer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TCP_TIMEOUT_MS, () => finish());
    socket.on('error', () => finish());
    socket.once('connect', () => socket.write(frame(query)));
    readFrames(socket, (message) => finish(message.length >= 12 && message.readUInt16BE(0) === id ? message : undefined));
  });
}

/** A message with the two-byte length that TCP wants. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Calls back for each complete message of a TCP connection. */
export function readFrames(stream: NodeJS.ReadableStream, onMessage: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      const message = rest.subarray(2, end);
      rest = rest.subarray(end);
      onMessage(message);
    }
  });
}
