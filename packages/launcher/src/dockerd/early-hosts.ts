import { adoptSockets, retractSocket } from '@gantry/rpc';
import { HeldSockets } from '../held';

/**
 * Listens where the Engine API will be served before anything else is started, as dockerd does: whoever calls meanwhile waits and is answered. The returned function takes
 * the names away again; for when the start fails.
 */
export async function listenEarly(hosts: readonly string[]): Promise<() => Promise<void>> {
  const addresses = hosts.flatMap((host) => addressOf(host) ?? []);
  const fds = await new HeldSockets(addresses).open();
  adoptSockets(fds.map((fd, at) => ({ fd, address: addresses[at] ?? '', goes: true })));
  return async () => {
    for (const address of addresses) if (address.startsWith('/')) await retractSocket(address);
  };
}

/** A path or HOST:PORT, as the gateway asks for it; undefined for what has to wait: sockets that were handed over, and a port that the kernel chooses. */
function addressOf(host: string): string | undefined {
  const [, scheme, rest = ''] = /^(unix|tcp):\/\/(.*?)\/?$/s.exec(host) ?? [];
  if (scheme === 'unix') return rest;
  if (scheme === undefined || /:0+$/.test(rest)) return undefined;
  return rest.replace(/^(localhost)?:/, '127.0.0.1:');
}
