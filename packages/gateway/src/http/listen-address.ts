import { isIP } from 'node:net';
import { checkSocketPath, invalidArgument } from '@gantry/rpc';

export type ListenAddress =
  { readonly kind: 'unix'; readonly path: string } | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** `unix:///path` or `tcp://host:port`, as dockerd's -H. Errors: invalidArgument naming the address. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix://')) return { kind: 'unix', path: checkSocketPath(text.slice('unix://'.length)) };
  const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]*)):([0-9]{1,5})\/?$/.exec(text);
  const port = Number(tcp?.[3] ?? NaN);
  if (tcp === null || !(port <= 65535))
    throw invalidArgument(`host ${JSON.stringify(text)} is neither unix:///path nor tcp://address:port`);
  return { kind: 'tcp', host: tcp[1] ?? (tcp[2] || 'localhost'), port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
