import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import type { HeldPort, PortTarget } from './publisher';

/** Open connections, and clients remembered for UDP, of one relayed port. Beyond it, new ones are turned away. */
const MAX_PEERS = 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const UDP_IDLE_MS = 90_000;

/** Accepts TCP at a socket that listens, and joins each connection with one to the target, half-closes included. */
export function relayTcp(fd: number, target: PortTarget): HeldPort {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const upstream = connect({ host: target.address, port: target.port, allowHalfOpen: true });
    const timer = setTimeout(() => upstream.destroy(new Error('connect timed out')), CONNECT_TIMEOUT_MS);
    upstream.once('connect', () => clearTimeout(timer));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.once('error', () => to.destroy());
      from.once('close', () => {
        clearTimeout(timer);
        open.delete(from);
        if (!from.readableEnded) to.destroy();
      });
      from.pipe(to);
    }
  });
  server.maxConnections = MAX_PEERS;
  server.on('error', () => undefined);
  server.listen({ fd });
  return {
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Relays UDP that comes in at a bound socket of the family: one upstream socket a client, forgotten when idle. */
export function relayUdp(fd: number, family: 4 | 6, target: PortTarget): HeldPort {
  const server = createSocket(family === 6 ? 'udp6' : 'udp4');
  const peers = new Map<string, UdpSocket>();
  const timers = new Map<string, NodeJS.Timeout>();

  const forget = (key: string): void => {
    clearTimeout(timers.get(key));
    timers.delete(key);
    peers.get(key)?.close();
    peers.delete(key);
  };
  const touch = (key: string): void => {
    clearTimeout(timers.get(key));
    timers.set(key, setTimeout(() => forget(key), UDP_IDLE_MS).unref());
  };
  const upstreamOf = (client: RemoteInfo): UdpSocket | undefined => {
    const key = `${client.address}|${client.port}`;
    let upstream = peers.get(key);
    if (upstream === undefined) {
      if (peers.size >= MAX_PEERS) return undefined;
      upstream = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
      upstream.on('error', () => forget(key));
      upstream.on('message', (answer) => server.send(answer, client.port, client.address));
      peers.set(key, upstream);
    }
    touch(key);
    return upstream;
  };
  server.on('message', (message, client) => upstreamOf(client)?.send(message, target.port, target.address));

  server.on('error', () => undefined);
  server.bind({ fd, exclusive: true });
  return {
    close: () => {
      for (const key of [...peers.keys()]) forget(key);
      server.close();
    },
  };
}
