import { isIP } from 'node:net';

/** What HostConfig.PortBindings holds, in the API's JSON. */
export type PortMap = Record<string, { HostIp: string; HostPort: string }[]>;

const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** Reads `[[IP:][HOSTPORT]:]PORT[/PROTO]`s as docker's -p does, ranges included. Throws an Error in its words. */
export function readPortSpecs(specs: readonly string[]): PortMap {
  const map: PortMap = {};
  for (const spec of specs) {
    const { ip, host, container, protocol } = splitSpec(spec);
    const [first, last] = readRange(container, 'containerPort');
    const given = host === '' ? undefined : readRange(host, 'hostPort');
    const count = last - first;
    if (given !== undefined && given[1] - given[0] !== count && count !== 0)
      throw new Error(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
    for (let step = 0; step <= count; step++) {
      // A range for one port of the container: any of them.
      const HostPort =
        given === undefined ? '' : count === 0 && given[1] !== given[0] ? `${given[0]}-${given[1]}` : String(given[0] + step);
      (map[`${first + step}/${protocol}`] ??= []).push({ HostIp: ip, HostPort });
    }
  }
  return map;
}

/** The same, but that a port alone means all that is published of it. */
export function readPublishedSpecs(specs: readonly string[]): PortMap {
  const map = readPortSpecs(specs);
  for (const [name, bindings] of Object.entries(map)) if (bindings.some(({ HostIp, HostPort }) => HostIp + HostPort === '')) map[name] = [];
  return map;
}

function splitSpec(spec: string): { ip: string; host: string; container: string; protocol: string } {
  const slash = spec.lastIndexOf('/');
  const protocol = (slash < 0 ? 'tcp' : spec.slice(slash + 1)).toLowerCase();
  const parts = (slash < 0 ? spec : spec.slice(0, slash)).split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const written = parts.join(':');
  const ip = written.replace(/^\[(.*)\]$/, '$1');
  if (ip !== '' && isIP(ip) === 0) throw new Error(`invalid IP address: ${ip}`);
  if (container === '') throw new Error(`no port specified: ${spec}<empty>`);
  if (!PROTOCOLS.includes(protocol)) throw new Error(`invalid proto: ${protocol}`);
  return { ip, host, container, protocol };
}

function readRange(text: string, what: 'containerPort' | 'hostPort'): readonly [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first > 65_535 || last > 65_535 || last < first) throw new Error(`invalid ${what}: ${text}`);
  return [first, last];
}
