import { failedPrecondition, invalidArgument } from '@gantry/rpc';
import { contains, type Family, formatCidr, parseAddress, parseCidr, parseMac } from '../../address/cidr';
import { familyOf, type Ipam, poolsOfNetwork } from '../../ipam/ipam';
import { checkPools } from '../../ipam/pool-faults';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import type { Link } from '../../link/link';
import { hasKind } from '../../link/stacked';
import type { NetlinkConnection } from '../../netlink/connection';
import type { PublishedPort } from '../../ports/port';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../../store/record';
import { routeThrough } from '../bridge/sandbox';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from '../driver';
import { addressesOf, allBlocksOf, gatewaysOf, giveBack, lease, linkLocalOf, randomMac, wishedMac } from '../endpoint/addresses';
import { advertisingOf } from '../endpoint/advertise';
import { configureInside } from '../endpoint/configure';
import { interfaceName, interfaceSysctls, sysctlFile } from '../endpoint/options';
import { type ParentDevices, whyNot } from './devices';
import { makeInside, takeAway } from './inside';
import { nameOfNone, type ParentKind } from './kinds';

export interface ParentParts {
  readonly kernel: NetworkKernel;
  readonly route: NetlinkConnection;
  readonly devices: ParentDevices;
  readonly ipam: (name: string) => Ipam;
  readonly networks: () => readonly NetworkRecord[];
  readonly liveNamespace: (endpoint: EndpointRecord) => Namespace | undefined;
}

/** Networks on a link of the host's: sandboxes have links on top of it, and are reached from where it leads. Nothing is translated or published. */
export class ParentDriver implements NetworkDriver {
  readonly name: ParentKind['name'];
  readonly traits = {
    namespace: 'connected',
    manifold: true,
    resolver: true,
    discards: (network: string) => `Published ports are discarded on network ${network}: driver ${this.kind.name} has none`,
  } as const;

  constructor(
    private readonly kind: ParentKind,
    private readonly parts: ParentParts,
  ) {
    this.name = kind.name;
  }

  async plan(wish: NetworkWish): Promise<NetworkPlan> {
    const { kind, parts } = this;
    const options = kind.read(wish.options);
    const parent = options.parent === '' ? nameOfNone(kind, wish.id) : options.parent;
    for (const other of this.#beside(parent)) kind.checkBeside(options, other);
    if (!(await hasKind(parts.route, kind.name)))
      throw failedPrecondition(`network ${wish.name}: the kernel has no links of kind ${kind.name} (module ${kind.name})`);
    const present = await parts.devices.find(parent);
    if (options.parent !== '' && present === undefined) await parts.devices.checkVlan(parent);
    checkPools(wish);
    const routed = !wish.internal && options.parent !== '' && options.onLink;
    const pools = (await parts.ipam(wish.ipamDriver).plan(wish, { gateway: { 4: routed, 6: routed } })).filter(
      ({ subnet }) => subnet !== EMPTY,
    );
    const of = (family: Family): readonly PoolRecord[] => pools.filter((pool) => familyOf(pool) === family);
    const [[pool, ...more], [pool6, ...more6]] = [of(4), of(6)];
    if (wish.enableIpv4 && pool === undefined) throw invalidArgument('ipv4 pool is empty');
    if (wish.enableIpv6 && pool6 === undefined) throw invalidArgument('ipv6 pool is empty');
    return {
      options: wish.options,
      ...(pool === undefined ? {} : { pool }),
      ...(pool6 === undefined ? {} : { pool6 }),
      ...(more.length + more6.length === 0 ? {} : { morePools: [...more, ...more6] }),
      ...(present === undefined || parts.devices.isOurs(present) ? { device: parent } : {}),
    };
  }

  async ensure(network: NetworkRecord): Promise<void> {
    await this.#parent(network);
  }

  /** A link that was made here goes with the last network on it. */
  async remove(network: NetworkRecord): Promise<void> {
    const parent = this.#parentName(network);
    const others = this.parts
      .networks()
      .filter(({ id, device, options }) => id !== network.id && [device, options['parent']].includes(parent));
    if (others.length === 0) await this.parts.devices.remove(parent);
    await this.#ipam(network).forget(network);
  }

  async reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    const { kind } = this;
    const options = kind.read(network.options);
    const mac = wishedMac(wish);
    if (mac !== undefined && !kind.hasMac)
      throw failedPrecondition(
        `failed to create endpoint ${wish.name} on network ${network.name}: ${kind.name} interfaces do not support custom mac address assignment`,
      );
    const name = interfaceName(options.interfacePrefix, wish);
    const linkLocal = linkLocalOf(wish, network);
    const sysctls = interfaceSysctls(wish);
    const [ipv4, ipv6] = await lease(this.#ipam(network), network, wish);
    const outside = !network.internal && options.parent !== '';
    const gatewayOf = (address: string): string => (outside && options.onLink ? (poolOf(network, address)?.gateway ?? '') : '');
    const routes = (
      outside && !options.onLink ? [...(ipv4 === undefined ? [] : [EMPTY]), ...(ipv6 === undefined ? [] : [EMPTY6])] : []
    ).map((destination) => ({ destination, nextHop: '' }));
    return {
      interface: name,
      hostInterface: '',
      mac: mac ?? (kind.hasMac ? randomMac() : ''),
      address: ipv4?.address ?? '',
      prefix: ipv4?.prefix ?? 0,
      gateway: ipv4 === undefined ? '' : gatewayOf(ipv4.address),
      ...(ipv6 === undefined ? {} : { ipv6: { ...ipv6, gateway: gatewayOf(ipv6.address) } }),
      ...(linkLocal.length === 0 ? {} : { linkLocal: linkLocal.map(formatCidr) }),
      ...(sysctls.length === 0 ? {} : { sysctls }),
      ...(routes.length === 0 ? {} : { routes }),
      ports: [],
    };
  }

  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'address' | 'ipv6'>): void {
    giveBack(this.#ipam(network), network, endpoint);
  }

  async restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]> {
    for (const address of addressesOf(endpoint)) await this.#ipam(network).restore(network, { address });
    return [];
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace === undefined) return;
    const { kernel, route } = this.parts;
    const { index } = await this.#parent(network);
    const { data, mtu } = this.kind.read(network.options);
    const mac = parseMac(endpoint.mac);
    const link = { kind: this.name, name: endpoint.interface, parentIndex: index, data, mtu, ...(mac === undefined ? {} : { mac }) };
    const addresses = allBlocksOf(endpoint);
    try {
      await makeInside({ kernel, route, namespace }, link, addresses);
    } catch (error) {
      throw failedPrecondition(`failed to create the ${this.name} port: ${whyNot(error, this.name)}`, { cause: error });
    }
    await configureInside(kernel, namespace, {
      name: endpoint.interface,
      addresses,
      gateways: gatewaysOf(endpoint),
      advertising: advertisingOf(network.options) ?? ONCE,
      routes: endpoint.routes ?? [],
      sysctls: (endpoint.sysctls ?? []).map((text) => sysctlFile(text, endpoint.interface)),
    });
  }

  async route(_network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    const gateways = gatewaysOf(endpoint);
    if (gateways.length > 0) await routeThrough(this.parts.kernel, namespace, { name: endpoint.interface, gateways });
  }

  publish(): Promise<readonly PublishedPort[]> {
    return Promise.resolve([]);
  }

  republish(): Promise<readonly PublishedPort[]> {
    return Promise.resolve([]);
  }

  unpublish(): Promise<void> {
    return Promise.resolve();
  }

  async leave(_network: NetworkRecord, endpoint: EndpointRecord, how: 'interface' | 'namespace dies'): Promise<void> {
    const namespace = how === 'interface' ? this.parts.liveNamespace(endpoint) : undefined;
    try {
      if (namespace !== undefined) await takeAway(this.parts.kernel, namespace, { kind: this.name, name: endpoint.interface });
    } finally {
      namespace?.close();
    }
  }

  /** The link below: the user's, or the one that stands in for it. */
  #parent(network: NetworkRecord): Promise<Link> {
    const { devices } = this.parts;
    const name = this.#parentName(network);
    return (network.options['parent'] ?? '') === '' ? devices.ensureNowhere(name) : devices.ensureVlan(name);
  }

  #parentName({ id, options: { parent = '' } }: NetworkRecord): string {
    return parent === '' ? nameOfNone(this.kind, id) : parent;
  }

  /** Networks of the kind on the same link. */
  #beside(parent: string): readonly NetworkRecord[] {
    return this.parts.networks().filter((network) => network.driver === this.name && this.#parentName(network) === parent);
  }

  #ipam({ ipamDriver = '' }: NetworkRecord): Ipam {
    return this.parts.ipam(ipamDriver);
  }
}

/** The outside may know an address by the MAC address of who had it before. */
const ONCE = { count: 1, intervalMs: 0 } as const;

/** All of a family, and what an IPAM driver answers that gives no addresses. */
const EMPTY = '0.0.0.0/0';
const EMPTY6 = '::/0';

function poolOf(network: NetworkRecord, text: string): PoolRecord | undefined {
  const address = parseAddress(text);
  return poolsOfNetwork(network).find(({ subnet }) => {
    const block = parseCidr(subnet);
    return address !== undefined && block !== undefined && contains(block, address);
  });
}
