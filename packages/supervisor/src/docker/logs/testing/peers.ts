import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { AF, hasCode, MSG, SOCK, syscalls, unixAddress } from '@gantry/linux';

/** What others hear: bytes of streams in a row, or datagrams apart. */
export interface Peer {
  readonly port: number;
  readonly heard: Buffer[];
  text(): string;
  close(): Promise<void>;
}

/** A server on loopback, or on a unix socket, that answers each connection's bytes as it is told. */
export async function streamPeer(
  options: {
    readonly path?: string;
    readonly port?: number;
    readonly tls?: { readonly key: string; readonly cert: string };
    readonly answer?: (socket: Socket, bytes: Buffer) => void;
  } = {},
): Promise<Peer> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const take = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      heard.push(bytes);
      options.answer?.(socket, bytes);
    });
  };
  const server: Server = options.tls === undefined ? createServer(take) : createTlsServer(options.tls, take);
  if (options.path === undefined) server.listen(options.port ?? 0, '127.0.0.1');
  else server.listen(options.path);
  await once(server, 'listening');
  return {
    port: options.path === undefined ? (server.address() as AddressInfo).port : 0,
    heard,
    text: () => Buffer.concat(heard).toString(),
    async close() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

export async function udpPeer(port = 0): Promise<Peer> {
  const socket = createSocket('udp4');
  const heard: Buffer[] = [];
  socket.on('message', (bytes) => heard.push(bytes));
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    heard,
    text: () => Buffer.concat(heard).toString(),
    close: async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

/** A unix datagram socket, which Node has not: looked at again and again. */
export function datagramPeer(path: string): Peer {
  const fd = syscalls.socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0);
  syscalls.bind(fd, unixAddress(path));
  const heard: Buffer[] = [];
  const timer = setInterval(() => {
    const buffer = Buffer.alloc(256 * 1024);
    try {
      for (;;) {
        const { bytes, fds } = syscalls.recvWithFds(fd, buffer, MSG.DONTWAIT);
        heard.push(Buffer.from(buffer.subarray(0, bytes)), ...fds.map((file) => readFileSync(`/proc/self/fd/${file}`)));
        for (const file of fds) syscalls.close(file);
      }
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
    }
  }, 5);
  return {
    port: 0,
    heard,
    text: () => Buffer.concat(heard).toString(),
    close: () => {
      clearInterval(timer);
      syscalls.close(fd);
      rmSync(path, { force: true });
      return Promise.resolve();
    },
  };
}

export async function until(what: string, holds: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !holds();) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
