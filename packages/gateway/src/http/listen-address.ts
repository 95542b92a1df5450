import { isIP } from 'node:net';
import { checkSocketPath, invalidArgument } from '@gantry/rpc';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A socket that the process was handed; `address` is a path or HOST:PORT. */
  | { readonly kind: 'fd'; readonly fd: number; readonly address: string };

/** `unix:///path`, `tcp://host:port`, or `fd://` for every socket that this process was handed and nobody else serves; as dockerd's -H. */
export type HostName = Exclude<ListenAddress, { kind: 'fd' }> | { readonly kind: 'handed' };

/** Errors: invalidArgument naming the address. */
export function parseListenAddress(text: string): HostName {
  if (text === 'fd://' || text === 'fd://*') return { kind: 'handed' };
  if (text.startsWith('unix://')) return { kind: 'unix', path: checkSocketPath(text.slice('unix://'.length)) };
  const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]*)):([0-9]{1,5})\/?$/.exec(text);
  const port = Number(tcp?.[3] ?? NaN);
  if (tcp === null || !(port <= 65535))
    throw invalidArgument(`host ${JSON.stringify(text)} is none of unix:///path, tcp://address:port and fd://`);
  return { kind: 'tcp', host: tcp[1] ?? (tcp[2] || 'localhost'), port };
}

/** HOST:PORT, as a socket that was handed over tells it. */
export const endpointOf = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${host === 'localhost' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;

/** A unix socket: the kernel has checked who may connect. */
export const isLocal = (address: ListenAddress): boolean =>
  address.kind === 'unix' || (address.kind === 'fd' && address.address.startsWith('/'));

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
