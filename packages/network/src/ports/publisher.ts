import { isIPv6 } from 'node:net';
import { internal, resourceExhausted } from '@gantry/rpc';
import { PortBook } from './book';
import type { PortWish, Protocol, PublishedPort, RelayedProtocol } from './port';
import { MAX_PORTS, hostAndPort, isRelayable, isRouted, keyOfPort } from './port';

/** Something that occupies a host port until it is closed. */
export interface HeldPort {
  close(): void;
}

/** Where a published port leads. */
export interface PortTarget {
  readonly address: string;
  readonly port: number;
}

/** Addresses of an endpoint; empty: none of the family. */
export interface TargetAddresses {
  readonly address: string;
  readonly address6: string;
}

/** True where rules can lead a port to the endpoint: to an address of the same family, and not from [::1], which cannot leave the host. */
export const isTranslated = (hostIp: string, { address, address6 }: TargetAddresses): boolean =>
  isIPv6(hostIp) ? address6 !== '' && hostIp !== '::1' : address !== '';

/** What the publisher needs of the host. */
export interface HostPorts {
  /** Occupies a port without ever answering on it; nf_tables translates its packets before they get there. Throws an error with an errno `code`. */
  hold(protocol: Protocol, ip: string, port: number): HeldPort;
  /** Serves a port by relaying to the target: the kernel cannot translate between families and from [::1], or shall not translate at all. Throws an error with an errno `code`. */
  relay(protocol: RelayedProtocol, listen: PortTarget, target: PortTarget): HeldPort;
  /** First and last of the ports that any wish may get. */
  ephemeralRange(): readonly [number, number];
  /** False when the host has no IPv6: "all addresses" means IPv4 then. */
  hasIpv6(): boolean;
}

/** A published port, and what occupies it; nothing does where it is open at the container's own address. */
interface Occupied {
  readonly port: PublishedPort;
  readonly held?: HeldPort;
}

/** Which ports are served by this process in place of the kernel. */
export interface PublisherWays {
  /** All of a family: there are no rules that translate. */
  readonly relayAll: Readonly<Record<4 | 6, boolean>>;
  /** Those of IPv6 addresses; without, only what rules can translate is published of them. */
  readonly relayIpv6: boolean;
}

/** Names the endpoint in dockerd's error text. */
export interface EndpointLabel {
  readonly name: string;
  readonly id: string;
}

export interface PublishOptions extends TargetAddresses {
  /** Address for wishes that name none; empty for all addresses. */
  readonly defaultIp: string;
  /** Of which families the endpoint's own address is open, and no port of the host. */
  readonly routed: Readonly<Record<4 | 6, boolean>>;
}

/** Chooses host ports, occupies them and knows who has them. */
export class PortPublisher {
  readonly #book = new PortBook();
  readonly #held = new Map<string, readonly Occupied[]>();
  #next: number;

  constructor(
    private readonly host: HostPorts,
    private readonly ways: PublisherWays = { relayAll: { 4: false, 6: false }, relayIpv6: true },
  ) {
    this.#next = host.ephemeralRange()[0];
  }

  /** Occupies a port for each wish, all or none, on behalf of the endpoint. */
  publish(endpoint: EndpointLabel, wishes: readonly PortWish[], options: PublishOptions): Promise<readonly PublishedPort[]> {
    return this.change(endpoint, { dropped: [], wishes }, options);
  }

  /** Gives ports of an endpoint back, then satisfies further wishes: all, or nothing is changed. Answers with what was added, in the order of the wishes. */
  async change(
    endpoint: EndpointLabel,
    { dropped, wishes }: { readonly dropped: readonly PublishedPort[]; readonly wishes: readonly PortWish[] },
    options: PublishOptions,
  ): Promise<readonly PublishedPort[]> {
    const before = this.#held.get(endpoint.id) ?? [];
    const gone = new Set(dropped.map(keyOfPort));
    const left = before.filter(({ port }) => !gone.has(keyOfPort(port)));
    if (left.length + wishes.length > MAX_PORTS)
      throw resourceExhausted(
        `endpoint ${endpoint.name} wants ${left.length + wishes.length} published ports: at most ${MAX_PORTS} are possible`,
      );
    this.#undo(before.filter(({ port }) => gone.has(keyOfPort(port))));
    const found = new Map<PortWish, readonly Occupied[]>();
    try {
      // Who wants one port before who takes any: the latter goes round what is taken.
      for (const wish of [...wishes].sort((a, b) => freedom(a) - freedom(b))) found.set(wish, this.#satisfy(wish, options));
    } catch (error) {
      this.#undo([...found.values()].flat());
      const lost = await this.#again(endpoint.id, left, dropped, options);
      throw internal(
        [
          `driver failed programming external connectivity on endpoint ${endpoint.name} (${endpoint.id}): ${(error as Error).message}`,
          ...lost.map((port) => `${hostAndPort(port.hostIp, port.hostPort)}/${port.protocol} was taken by another process meanwhile`),
        ].join('; '),
        { cause: error },
      );
    }
    const added = wishes.flatMap((wish) => found.get(wish) ?? []);
    this.#keep(endpoint.id, [...left, ...added]);
    return added.map(({ port }) => port);
  }

  /** Occupies what the store says the endpoint has. Ports that a foreign process took meanwhile are returned, the rest is held. */
  restore(endpoint: EndpointLabel, ports: readonly PublishedPort[], target: TargetAddresses): Promise<readonly PublishedPort[]> {
    return this.#again(endpoint.id, [], ports, target);
  }

  release(endpointId: string): void {
    const all = this.#held.get(endpointId);
    if (all === undefined) return;
    this.#held.delete(endpointId);
    this.#undo(all);
  }

  async #again(
    id: string,
    present: readonly Occupied[],
    ports: readonly PublishedPort[],
    target: TargetAddresses,
  ): Promise<readonly PublishedPort[]> {
    const all = [...present];
    const lost: PublishedPort[] = [];
    for (const port of ports) {
      try {
        all.push(this.#occupy(port, target));
      } catch {
        lost.push(port);
      }
    }
    this.#keep(id, all);
    return lost;
  }

  #keep(id: string, all: readonly Occupied[]): void {
    if (all.length > 0) this.#held.set(id, all);
    else this.#held.delete(id);
  }

  close(): void {
    for (const id of [...this.#held.keys()]) this.release(id);
  }

  #satisfy(wish: PortWish, options: PublishOptions): readonly Occupied[] {
    const all = this.#addressesOf(wish.hostIp === '' ? options.defaultIp : wish.hostIp, wish.protocol, options);
    const { protocol, containerPort } = wish;
    const open = all
      .filter((ip) => options.routed[familyOf(ip)])
      .map((ip) => ({ port: { protocol, containerPort, hostIp: WILDCARDS[familyOf(ip)], hostPort: 0 } }));
    const ips = all.filter((ip) => !options.routed[familyOf(ip)]);
    if (ips.length === 0) return open;
    let failure: unknown;
    for (const hostPort of this.#candidates(wish)) {
      const done: Occupied[] = [];
      try {
        for (const hostIp of ips) done.push(this.#occupy({ protocol, containerPort, hostIp, hostPort }, options));
        return [...done, ...open].sort((a, b) => familyOf(a.port.hostIp) - familyOf(b.port.hostIp));
      } catch (error) {
        this.#undo(done);
        failure = error;
      }
    }
    throw failure;
  }

  /** What is asked for in a family that leads nowhere is left out, as docker does: the endpoint may be replaced by one that has it. */
  #addressesOf(ip: string, protocol: Protocol, target: TargetAddresses): readonly string[] {
    const leads = (hostIp: string): boolean =>
      !isRelayable(protocol)
        ? isTranslated(hostIp, target)
        : isIPv6(hostIp)
          ? target.address6 !== '' || (this.ways.relayIpv6 && target.address !== '')
          : target.address !== '';
    return (ip !== '' ? [ip] : this.host.hasIpv6() ? ['0.0.0.0', '::'] : ['0.0.0.0']).filter(leads);
  }

  *#candidates(wish: PortWish): Generator<number> {
    if (wish.hostPort !== 0) {
      for (let port = wish.hostPort; port <= wish.hostPortEnd; port++) yield port;
      return;
    }
    const [low, high] = this.host.ephemeralRange();
    for (let tries = low; tries <= high; tries++) {
      const port = this.#next < low || this.#next > high ? low : this.#next;
      this.#next = port + 1;
      yield port;
    }
  }

  #occupy(port: PublishedPort, target: TargetAddresses): Occupied {
    if (isRouted(port)) return { port };
    const where = hostAndPort(port.hostIp, port.hostPort);
    if (!this.#book.reserve(port.protocol, port.hostIp, port.hostPort))
      throw new Error(`Bind for ${where} failed: port is already allocated`);
    try {
      const relayed = this.#relayed(port, target);
      const held =
        relayed !== undefined
          ? this.host.relay(
              relayed,
              { address: port.hostIp, port: port.hostPort },
              { address: isIPv6(port.hostIp) && target.address6 !== '' ? target.address6 : target.address, port: port.containerPort },
            )
          : this.host.hold(port.protocol, port.hostIp, port.hostPort);
      return { port, held };
    } catch (error) {
      this.#book.release(port.protocol, port.hostIp, port.hostPort);
      throw foreignConflict(port, error as NodeJS.ErrnoException);
    }
  }

  /**
   * What is served by a process; undefined: rules translate it. All of IPv6 is, also beside a rule: what comes from [::1] or a link-local address is not
   * translated, so that SCTP, which nobody relays, is not reached from there.
   */
  #relayed({ protocol, hostIp }: PublishedPort, target: TargetAddresses): RelayedProtocol | undefined {
    const byRules = !this.ways.relayAll[familyOf(hostIp)] && isTranslated(hostIp, target);
    if (isRelayable(protocol)) return byRules && !(isIPv6(hostIp) && this.ways.relayIpv6) ? undefined : protocol;
    if (!byRules) throw new Error(`${protocol} is published by rules only, and there are none for ${hostIp}`);
    return undefined;
  }

  #undo(all: readonly Occupied[]): void {
    for (const { port, held } of all) {
      held?.close();
      if (!isRouted(port)) this.#book.release(port.protocol, port.hostIp, port.hostPort);
    }
  }
}

const WILDCARDS = { 4: '0.0.0.0', 6: '::' } as const;
const familyOf = (ip: string): 4 | 6 => (isIPv6(ip) ? 6 : 4);

/** How many host ports would do. */
function freedom({ hostPort, hostPortEnd }: PortWish): number {
  return hostPort === 0 ? MAX_PORTS : hostPortEnd - hostPort;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EMFILE: 'too many open files',
  EPROTONOSUPPORT: 'protocol not supported',
};

/** Go's words for a bind that failed: another process has the port, or the host has no such address. */
function foreignConflict(port: PublishedPort, cause: NodeJS.ErrnoException): Error {
  const family = isIPv6(port.hostIp) ? 6 : 4;
  return new Error(
    `listen ${port.protocol}${family} ${hostAndPort(port.hostIp, port.hostPort)}: bind: ${REASONS[cause.code ?? ''] ?? cause.message}`,
    { cause },
  );
}
