import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { connect as connectTls, getCACertificates, type SecureContextOptions } from 'node:tls';
import { after, unavailable } from '@gantry/rpc';
import { dialFailed, type Host, loss, systemText, type Wire } from './wire';

export interface StreamAddress {
  readonly network: 'tcp' | 'tls' | 'unix';
  readonly at: Host | string;
  readonly tls?: SecureContextOptions & { readonly rejectUnauthorized?: boolean };
  /** Milliseconds after which bytes that are not taken mean that nobody is there; 0: never. */
  readonly writeTimeoutMs?: number;
  /** What the other side says; otherwise it is read and forgotten. */
  readonly heard?: (bytes: Buffer) => void;
}

const DIAL_MS = 10_000;
/** What a close waits for until the other side has taken what was sent. */
const CLOSE_MS = 2000;

export async function streamWire(address: StreamAddress, signal: AbortSignal): Promise<Wire> {
  const socket = await dial(address, signal);
  const { lost, lose } = loss();
  socket.on('error', (error) => lose(unavailable(`write ${address.network}: ${systemText(error)}`, { cause: error })));
  socket.on('close', () => lose(unavailable('the connection was closed')));
  socket.on('end', () => lose(unavailable('the other side ended the connection')));
  socket.on('data', (bytes: Buffer) => address.heard?.(bytes));
  const late = address.writeTimeoutMs ?? 0;
  return {
    lost,
    async write(buffers, abort) {
      const taken = new Promise<void>((resolve, reject) => {
        socket.write(Buffer.concat(buffers), (error) => (error ? reject(error) : resolve()));
      });
      taken.catch(() => undefined);
      const ended = Promise.withResolvers<never>();
      ended.promise.catch(() => undefined);
      const stop = (): void => ended.reject(abort.reason as Error);
      abort.addEventListener('abort', stop, { once: true });
      const timer = after(late === 0 ? Infinity : late, () => ended.reject(unavailable(`write ${address.network}: i/o timeout`)));
      try {
        abort.throwIfAborted();
        await Promise.race([taken, lost, ended.promise]);
      } finally {
        timer.cancel();
        abort.removeEventListener('abort', stop);
      }
    },
    async close() {
      if (socket.destroyed) return;
      const closed = once(socket, 'close', { signal: AbortSignal.timeout(CLOSE_MS) }).catch(() => undefined);
      socket.end();
      await closed;
      socket.destroy();
    },
  };
}

async function dial({ network, at, tls }: StreamAddress, signal: AbortSignal): Promise<Socket> {
  const where = typeof at === 'string' ? { path: at } : at;
  const socket =
    network === 'tls'
      ? connectTls({ ...(where as Host), ...serverName(where as Host), ca: getCACertificates('system'), ...tls })
      : createConnection({ ...where });
  try {
    await once(socket, network === 'tls' ? 'secureConnect' : 'connect', {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]),
    });
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    signal.throwIfAborted();
    const told = error instanceof Error && error.name === 'AbortError' ? new Error('i/o timeout') : error;
    throw dialFailed(network === 'tls' ? 'tcp' : network, typeof at === 'string' ? at : `${at.host}:${at.port}`, told);
  }
  socket.setNoDelay(true);
  return socket;
}

/** TLS names the host unless it is a bare address. */
function serverName({ host }: Host): { servername?: string } {
  return /^[0-9.]+$|:/.test(host) ? {} : { servername: host };
}
