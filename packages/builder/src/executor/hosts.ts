import { isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import type { HostAddress } from './executor';

/** Name of a step's host where nobody chose one. */
export const SANDBOX_HOSTNAME = 'buildkitsandbox';

/** Text of /etc/hosts. Throws invalidArgument for an address that is none, or a name that would be a line of its own. */
export function hostsText(hostname: string, extra: readonly HostAddress[]): string {
  const own = [`127.0.0.1\tlocalhost ${hostname}`, '::1\tlocalhost ip6-localhost ip6-loopback'];
  const added = extra.map(({ host, ip }) => {
    if (isIP(ip) === 0) throw invalidArgument(`failed to parse IP ${ip}`);
    if (!/^[^\s#]+$/.test(host)) throw invalidArgument(`invalid host name "${host}" in extra hosts`);
    return `${ip}\t${host}`;
  });
  return [...own, ...added, ''].join('\n');
}
