import { forbidden, invalidArgument } from '@gantry/rpc';
import type { Address, Cidr, Family } from '../../address/cidr';
import { formatCidr, macOf, parseAddress, parseCidr, parseMac } from '../../address/cidr';
import type { UdpFlows } from '../../conntrack/forget';
import type { OwnTable } from '../../firewall/own-table';
import { familyOf, type Ipam } from '../../ipam/ipam';
import { checkPools } from '../../ipam/pool-faults';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import type { NetlinkConnection } from '../../netlink/connection';
import { isNetlinkError } from '../../netlink/connection';
import type { BridgeRules, PortRule } from '../../nft/ruleset';
import { hostAndPort, isRouted, type PortWish, type PublishedPort } from '../../ports/port';
import { isWildcard } from '../../ports/book';
import type { PortChange } from '../../ports/changes';
import { isTranslated, type PortPublisher, type PublishOptions, type TargetAddresses } from '../../ports/publisher';
import type { EndpointRecord, NetworkRecord } from '../../store/record';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from '../driver';
import {
  type Addressed,
  addressesOf,
  allBlocksOf,
  blocksOf,
  gatewaysOf,
  giveBack,
  lease,
  linkLocalOf,
  randomMac,
  wishedMac,
} from '../endpoint/addresses';
import { advertisingOf, USUAL_ADVERTISING } from '../endpoint/advertise';
import { interfaceName, interfaceSysctls, sysctlFile } from '../endpoint/options';
import type { BridgeDevices } from './device';
import { DEFAULT_GATEWAY, readBridgeOptions } from './options';
import { plug, routeThrough } from './sandbox';

export interface BridgeParts {
  readonly kernel: NetworkKernel;
  readonly route: NetlinkConnection;
  readonly devices: BridgeDevices;
  readonly table: OwnTable;
  readonly publisher: PortPublisher;
  readonly ipam: (name: string) => Ipam;
  /** Runs in the background, after rules for UDP ports came or went. */
  readonly forgetFlows: (flows: UdpFlows) => void;
  /** Device of a network whose options name none. */
  readonly deviceOf: (wish: NetworkWish) => string;
  /** Rejects when a device that a user named exists already: it is not ours to change. */
  readonly claim: (device: string) => Promise<void>;
  /** The host must forward IPv6 from now on. */
  readonly forwardIpv6: () => void;
}

/** Networks on a Linux bridge, translated to the host's addresses. */
export class BridgeDriver implements NetworkDriver {
  readonly name = 'bridge';
  readonly traits = { namespace: 'connected', manifold: true, resolver: true } as const;
  /** Interface index of a network's bridge; a stale one shows as ENODEV when it is used. */
  readonly #bridges = new Map<string, number>();
  /** Who had an address last: its interface may still be dying with its namespace, and neighbours know its MAC address. */
  readonly #former = new Map<string, Pick<EndpointRecord, 'id' | 'mac'>>();

  constructor(private readonly parts: BridgeParts) {}

  async plan(wish: NetworkWish): Promise<NetworkPlan> {
    const options = readBridgeOptions(wish.options);
    const device = options.device ?? this.parts.deviceOf(wish);
    if (options.device !== undefined && !wish.predefined) await this.parts.claim(device);
    const isIsolated = (family: Family): boolean => options.modes[family] === 'isolated';
    if ((isIsolated(4) || isIsolated(6)) && !wish.internal)
      throw invalidArgument("gateway mode 'isolated' can only be used for an internal network");
    checkPools(wish);
    if (!wish.enableIpv4 && !wish.enableIpv6) throw invalidArgument('IPv4 or IPv6 must be enabled');
    for (const family of [4, 6] as const)
      if (wish.pools.filter((pool) => familyOf(pool) === family).length > 1)
        throw forbidden("bridge driver doesn't support multiple subnets");
    // Where nobody routes no address is set apart for it.
    const ipam = this.parts.ipam(wish.ipamDriver);
    const gateway = { 4: !isIsolated(4) && !(options.inhibit && wish.internal), 6: !isIsolated(6) };
    const pools = await ipam.plan(wish, { gateway });
    const [pool, pool6] = [pools.find((each) => familyOf(each) === 4), pools.find((each) => familyOf(each) === 6)];
    if (wish.enableIpv4 && (pool === undefined || pool.subnet === EMPTY)) throw invalidArgument('ipv4 pool is empty');
    if (wish.enableIpv6 && pool6 === undefined) throw invalidArgument('ipv6 pool is empty');
    const foreign = wish.foreign === true ? { foreign: true } : {};
    return {
      options: wish.options,
      device,
      ...foreign,
      ...(pool === undefined ? {} : { pool }),
      ...(pool6 === undefined ? {} : { pool6 }),
    };
  }

  async ensure(network: NetworkRecord): Promise<void> {
    const options = readBridgeOptions(network.options);
    const { device, subnets } = factsOf(network);
    const addresses = subnets.flatMap(({ subnet, gateway }): Cidr[] => {
      const { family } = subnet.address;
      if (gateway === undefined || options.modes[family] === 'isolated' || (family === 4 && options.inhibit)) return [];
      return [{ address: gateway, prefix: subnet.prefix }];
    });
    const link = await this.parts.devices.ensure({ name: device, addresses, mtu: options.mtu, foreign: network.foreign === true });
    if (network.pool6 !== undefined) this.parts.forwardIpv6();
    this.#bridges.set(network.id, link.index);
    await this.parts.table.addBridge(rulesOf(network));
  }

  async remove(network: NetworkRecord): Promise<void> {
    const { device } = factsOf(network);
    await this.parts.table.removeBridge(device);
    if (network.foreign !== true) await this.parts.devices.remove(device);
    await this.#ipam(network).forget(network);
    this.#bridges.delete(network.id);
  }

  async reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    const mac = wishedMac(wish);
    const options = readBridgeOptions(network.options);
    const name = interfaceName(options.interfacePrefix, wish);
    const linkLocal = linkLocalOf(wish, network);
    const sysctls = interfaceSysctls(wish);
    const gatewayOf = (pool: NetworkRecord['pool']): string => (network.internal ? '' : routerOf(pool));
    const [ipv4, lease6] = await lease(this.#ipam(network), network, wish);
    const ipv6 = lease6 === undefined ? {} : { ipv6: { ...lease6, gateway: gatewayOf(network.pool6) } };
    const given = { address: ipv4?.address ?? '', ...ipv6 };
    try {
      return {
        interface: name,
        hostInterface: interfaceOf(wish),
        mac: mac ?? chosenMac(given.address),
        ...given,
        ...(linkLocal.length === 0 ? {} : { linkLocal: linkLocal.map(formatCidr) }),
        ...(sysctls.length === 0 ? {} : { sysctls }),
        prefix: ipv4?.prefix ?? 0,
        gateway: gatewayOf(network.pool),
        ports: await this.#occupyPorts(network, { ...wish, ...given }, wish.ports),
      };
    } catch (error) {
      giveBack(this.#ipam(network), network, given);
      throw error;
    }
  }

  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'sandboxId' | 'mac' | 'address' | 'ipv6'>): void {
    this.parts.publisher.release(endpoint.id);
    const { id, mac } = endpoint;
    for (const address of addressesOf(endpoint)) this.#former.set(address, { id, mac });
    giveBack(this.#ipam(network), network, endpoint);
  }

  async restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]> {
    for (const address of addressesOf(endpoint)) await this.#ipam(network).restore(network, { address });
    const lost = await this.parts.publisher.restore(endpoint, endpoint.ports, targetOf(endpoint));
    await this.parts.table.publish(endpoint.id, portRules(network, endpoint, endpoint.ports));
    return lost.map(
      (port) => `port ${hostAndPort(port.hostIp, port.hostPort)}/${port.protocol} of ${endpoint.name} was taken by another process`,
    );
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace !== undefined) await this.#plug(network, endpoint, namespace);
    await this.parts.table.publish(endpoint.id, portRules(network, endpoint, endpoint.ports));
    this.#forgetFlows(endpoint);
  }

  async route(_network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    const gateways = gatewaysOf(endpoint);
    if (gateways.length > 0) await routeThrough(this.parts.kernel, namespace, { name: endpoint.interface, gateways });
  }

  async publish(network: NetworkRecord, endpoint: EndpointRecord, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    const ports = await this.#occupyPorts(network, endpoint, wishes);
    await this.parts.table.publish(endpoint.id, portRules(network, endpoint, ports));
    this.#forgetFlows({ ...endpoint, ports });
    return ports;
  }

  async republish(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    { kept, dropped, fresh }: PortChange,
  ): Promise<readonly PublishedPort[]> {
    if (network.internal) return [];
    const options = this.#publishOptions(network, endpoint);
    const added = await this.parts.publisher.change(endpoint, { dropped, wishes: fresh }, options);
    const ports = [...kept, ...added];
    try {
      await this.parts.table.publish(endpoint.id, portRules(network, endpoint, ports));
    } catch (error) {
      await this.unpublish({ ...endpoint, ports });
      await this.restore(network, endpoint);
      throw error;
    }
    this.#forgetFlows({ ...endpoint, ports: [...dropped, ...added] });
    return ports;
  }

  async unpublish(endpoint: EndpointRecord): Promise<void> {
    await this.parts.table.unpublish(endpoint.id);
    this.#forgetFlows(endpoint);
    this.parts.publisher.release(endpoint.id);
  }

  async leave(_network: NetworkRecord, endpoint: EndpointRecord, how: 'interface' | 'namespace dies'): Promise<void> {
    await this.parts.table.unpublish(endpoint.id);
    this.#forgetFlows(endpoint);
    if (how === 'interface') await this.parts.devices.remove(endpoint.hostInterface);
  }

  async #plug(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    const moved = await this.#takeOver(endpoint);
    const options = readBridgeOptions(network.options);
    const plugInto = (bridgeIndex: number): Promise<void> =>
      plug(this.parts.kernel, this.parts.route, namespace, {
        hostName: endpoint.hostInterface,
        name: endpoint.interface,
        mac: parseMac(endpoint.mac) ?? Buffer.alloc(6),
        addresses: allBlocksOf(endpoint),
        gateways: gatewaysOf(endpoint),
        bridgeIndex,
        mtu: options.mtu,
        advertising: advertisingOf(network.options) ?? (moved ? USUAL_ADVERTISING : undefined),
        isolated: !options.interContainer,
        sysctls: (endpoint.sysctls ?? []).map((text) => sysctlFile(text, endpoint.interface)),
      });
    try {
      await plugInto(this.#bridges.get(network.id) ?? 0);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV', 'EINVAL')) throw error;
      await this.ensure(network); // somebody deleted the bridge: it is made again
      await plugInto(this.#bridges.get(network.id) ?? 0);
    }
  }

  /** Nobody but the new holder answers for an address from now on. Answers whether neighbours may know another MAC address of it. */
  async #takeOver(endpoint: EndpointRecord): Promise<boolean> {
    const all = addressesOf(endpoint);
    const former = all.flatMap((address) => this.#former.get(address) ?? []);
    for (const address of all) this.#former.delete(address);
    for (const name of new Set(former.map(interfaceOf))) await this.parts.devices.remove(name);
    return former.some(({ mac }) => mac !== endpoint.mac);
  }

  /** An internal network is cut off from the host's outside: dockerd publishes nothing there either. */
  async #occupyPorts(
    network: NetworkRecord,
    endpoint: Pick<EndpointRecord, 'id' | 'name' | 'address' | 'ipv6'>,
    wishes: readonly PortWish[],
  ): Promise<readonly PublishedPort[]> {
    return network.internal ? [] : this.parts.publisher.publish(endpoint, wishes, this.#publishOptions(network, endpoint));
  }

  #publishOptions(network: NetworkRecord, endpoint: Addressed): PublishOptions {
    const { hostBinding, modes } = readBridgeOptions(network.options);
    return {
      ...targetOf(endpoint),
      defaultIp: hostBinding === '0.0.0.0' ? '' : hostBinding,
      routed: { 4: modes[4] === 'routed', 6: modes[6] === 'routed' },
    };
  }

  #forgetFlows(endpoint: EndpointRecord): void {
    const hostPorts = new Set(endpoint.ports.filter((port) => port.protocol === 'udp').map((port) => port.hostPort));
    if (hostPorts.size === 0) return;
    for (const { address } of blocksOf(endpoint)) this.parts.forgetFlows({ hostPorts, containerAddress: address });
  }

  #ipam({ ipamDriver = '' }: NetworkRecord): Ipam {
    return this.parts.ipam(ipamDriver);
  }
}

const interfaceOf = ({ id }: Pick<EndpointRecord, 'id'>): string => `veth${id.slice(0, 11)}`;

/** Who routes for sandboxes: whom an auxiliary address of docker's name says, or the bridge itself. */
const routerOf = (pool: NetworkRecord['pool']): string =>
  pool === undefined ? '' : (pool.auxAddresses[DEFAULT_GATEWAY[familyOf(pool)]] ?? pool.gateway);

/** What an IPAM driver answers that gives no addresses. */
const EMPTY = '0.0.0.0/0';

interface BridgeFacts {
  readonly device: string;
  readonly subnets: readonly { readonly subnet: Cidr; readonly gateway: Address | undefined }[];
}

function factsOf(network: NetworkRecord): BridgeFacts {
  const subnets = [network.pool, network.pool6].flatMap((pool) => {
    const subnet = pool === undefined ? undefined : parseCidr(pool.subnet);
    return pool === undefined || subnet === undefined ? [] : [{ subnet, gateway: parseAddress(pool.gateway) }];
  });
  if (subnets.length === 0 || network.device === undefined) throw invalidArgument(`record of bridge network ${network.name} is incomplete`);
  return { device: network.device, subnets };
}

export function rulesOf(network: NetworkRecord): BridgeRules {
  const { interContainer, masquerade, modes, sources, trusted } = readBridgeOptions(network.options);
  const { device, subnets } = factsOf(network);
  const byFamily = subnets.map(({ subnet }) => {
    const { family } = subnet.address;
    const routed = modes[family] === 'routed';
    const source = parseAddress(sources[family] ?? '');
    const outside = { masquerade: masquerade && !routed, ...(source === undefined ? {} : { source }) };
    return [family, { subnet, routed, unprotected: modes[family] === 'nat-unprotected', ...outside }] as const;
  });
  return {
    device,
    interContainer,
    internal: network.internal,
    trusted: network.internal ? [] : trusted,
    subnets: Object.fromEntries(byFamily),
  };
}

const targetOf = ({ address, ipv6 }: Addressed): TargetAddresses => ({ address, address6: ipv6?.address ?? '' });

/** Of the IPv4 address, so that whoever gets it again is known by the same; else any. */
function chosenMac(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? randomMac() : macOf(parsed);
}

/** What lets published ports in; where devices are trusted, from those at the container's own address, too. */
function portRules(network: NetworkRecord, endpoint: EndpointRecord, ports: readonly PublishedPort[]): PortRule[] {
  const rules = ports.flatMap((port) => portRule(endpoint, port));
  if (readBridgeOptions(network.options).trusted.length === 0) return rules;
  const byTarget = new Map(
    rules.map((rule) => [
      `${rule.protocol} ${rule.containerAddress.value} ${rule.containerPort}`,
      { ...rule, host: undefined, trusted: true },
    ]),
  );
  return [...rules, ...byTarget.values()];
}

/** What lets a published port in: its translation, or that it is open for who comes by a route. None where this service relays: at addresses that nothing is translated to, and from IPv6 to IPv4. */
function portRule(endpoint: EndpointRecord, port: PublishedPort): PortRule[] {
  const hostAddress = parseAddress(port.hostIp);
  if (hostAddress === undefined || !isTranslated(port.hostIp, targetOf(endpoint))) return [];
  const containerAddress = parseAddress(hostAddress.family === 4 ? endpoint.address : (endpoint.ipv6?.address ?? ''));
  if (containerAddress === undefined) return [];
  const { protocol, hostPort, containerPort } = port;
  const host = isRouted(port) ? undefined : { address: isWildcard(port.hostIp) ? undefined : hostAddress, port: hostPort };
  return [{ protocol, host, containerAddress, containerPort }];
}
