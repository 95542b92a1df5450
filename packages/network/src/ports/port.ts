import { isIPv4, isIPv6 } from 'node:net';
import { invalidArgument } from '@gantry/rpc';

/** What can be published, and its number in IP's header. */
export const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;
export type Protocol = keyof typeof PROTOCOLS;
/** Those that a process can serve in place of rules: Node has no sockets of the others. */
export type RelayedProtocol = Exclude<Protocol, 'sctp'>;
export const isRelayable = (protocol: Protocol): protocol is RelayedProtocol => protocol !== 'sctp';

const isProtocol = (word: string): word is Protocol => Object.hasOwn(PROTOCOLS, word);

/** What a caller asks for one container port. */
export interface PortWish {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** Empty: all addresses of the host. */
  readonly hostIp: string;
  /** 0: any free port. */
  readonly hostPort: number;
  /** At least hostPort; greater: the first free one of the range. */
  readonly hostPortEnd: number;
}

export interface PublishedPort {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** 0.0.0.0 or :: for all. */
  readonly hostIp: string;
  /** 0: none, the port is open at the container's own address. */
  readonly hostPort: number;
}

export const isRouted = ({ hostPort }: Pick<PublishedPort, 'hostPort'>): boolean => hostPort === 0;

export const keyOfPort = ({ protocol, containerPort, hostIp, hostPort }: PublishedPort): string =>
  `${protocol} ${hostIp} ${hostPort} ${containerPort}`;

/** More than this in one request is refused: each costs a socket of the kernel's. */
export const MAX_PORTS = 16384;

/** `0.0.0.0:80` or `[::]:80`, as Go prints it. */
export function hostAndPort(ip: string, port: number): string {
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** Checks what came over the wire. Throws invalidArgument, naming the value. */
export function parseWish(raw: {
  protocol: string;
  containerPort: number;
  hostIp: string;
  hostPort: number;
  hostPortEnd: number;
}): PortWish {
  const protocol = raw.protocol === '' ? 'tcp' : raw.protocol.toLowerCase();
  if (!isProtocol(protocol)) throw invalidArgument(`invalid protocol of a published port: "${raw.protocol}"`);
  if (!isPort(raw.containerPort)) throw invalidArgument(`invalid container port: ${raw.containerPort}`);
  if (raw.hostPort !== 0 && !isPort(raw.hostPort)) throw invalidArgument(`invalid host port: ${raw.hostPort}`);
  const end = raw.hostPortEnd === 0 ? raw.hostPort : raw.hostPortEnd;
  if (end !== raw.hostPort && (!isPort(end) || end < raw.hostPort || raw.hostPort === 0))
    throw invalidArgument(`invalid host port range: ${raw.hostPort}-${end}`);
  if (raw.hostIp !== '' && !isIPv4(raw.hostIp) && !isIPv6(raw.hostIp))
    throw invalidArgument(`invalid host address of a published port: "${raw.hostIp}"`);
  return { protocol, containerPort: raw.containerPort, hostIp: raw.hostIp, hostPort: raw.hostPort, hostPortEnd: end };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}
