import { isIPv6 } from 'node:net';
import type { Protocol } from './port';

/**
 * Which host ports are ours, by address. A wildcard address and any other address of its family collide.
 * All answers are O(addresses that hold the same port number).
 */
export class PortBook {
  readonly #held = new Map<string, Set<string>>();

  /** False when the port is taken by one of our endpoints already. */
  reserve(protocol: Protocol, ip: string, port: number): boolean {
    const key = keyOf(protocol, ip, port);
    const holders = this.#held.get(key);
    if (holders === undefined) {
      this.#held.set(key, new Set([ip]));
      return true;
    }
    if (isWildcard(ip) || holders.has(ip) || [...holders].some(isWildcard)) return false;
    holders.add(ip);
    return true;
  }

  release(protocol: Protocol, ip: string, port: number): void {
    const key = keyOf(protocol, ip, port);
    const holders = this.#held.get(key);
    holders?.delete(ip);
    if (holders?.size === 0) this.#held.delete(key);
  }
}

function keyOf(protocol: Protocol, ip: string, port: number): string {
  return `${protocol}${isIPv6(ip) ? '6' : '4'}:${port}`;
}

export function isWildcard(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}
