import { forbidden, invalidArgument, resourceExhausted } from '@gantry/rpc';
import type { Cidr } from '../../address/cidr';
import { formatAddress, macOf, parseAddress, parseCidr, parseMac } from '../../address/cidr';
import { AddressLeases } from '../../address/leases';
import type { UdpFlows } from '../../conntrack/forget';
import type { OwnTable } from '../../firewall/own-table';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import type { NetlinkConnection } from '../../netlink/connection';
import { isNetlinkError } from '../../netlink/connection';
import type { BridgeRules, PortRule } from '../../nft/ruleset';
import { hostAndPort, type PublishedPort } from '../../ports/port';
import type { PortPublisher } from '../../ports/publisher';
import type { EndpointRecord, NetworkRecord } from '../../store/record';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from '../driver';
import type { BridgeDevices } from './device';
import { interfaceName } from './endpoint-options';
import { readBridgeOptions } from './options';
import { plug, routeThrough } from './sandbox';
import type { Surroundings } from './subnet';
import { choosePool } from './subnet';

export interface BridgeParts {
  readonly kernel: NetworkKernel;
  readonly route: NetlinkConnection;
  readonly devices: BridgeDevices;
  readonly table: OwnTable;
  readonly publisher: PortPublisher;
  readonly surroundings: () => Promise<Surroundings>;
  /** Runs in the background, after rules for UDP ports came or went. */
  readonly forgetFlows: (flows: UdpFlows) => void;
  /** Device of a network whose options name none. */
  readonly deviceOf: (wish: NetworkWish) => string;
  /** Rejects when a device that a user named exists already: it is not ours to change. */
  readonly claim: (device: string) => Promise<void>;
}

/** Networks on a Linux bridge, translated to the host's addresses. */
export class BridgeDriver implements NetworkDriver {
  readonly name = 'bridge';
  readonly traits = { namespace: 'connected', manifold: true, resolver: true } as const;
  readonly #leases = new Map<string, AddressLeases>();
  /** Interface index of a network's bridge; a stale one shows as ENODEV when it is used. */
  readonly #bridges = new Map<string, number>();

  constructor(private readonly parts: BridgeParts) {}

  async plan(wish: NetworkWish): Promise<NetworkPlan> {
    const options = readBridgeOptions(wish.options);
    const device = options.device ?? this.parts.deviceOf(wish);
    if (options.device !== undefined && !wish.predefined) await this.parts.claim(device);
    if (options.isolated && !wish.internal) throw invalidArgument("gateway mode 'isolated' can only be used for an internal network");
    // Where nobody routes no address is set apart for it.
    const pool = choosePool(wish, await this.parts.surroundings(), !options.isolated && !(options.inhibit && wish.internal));
    return { options: wish.options, pool, device };
  }

  async ensure(network: NetworkRecord): Promise<void> {
    const options = readBridgeOptions(network.options);
    const { device, subnet, gateway } = factsOf(network);
    const address = gateway === undefined || options.inhibit || options.isolated ? undefined : { address: gateway, prefix: subnet.prefix };
    const link = await this.parts.devices.ensure({ name: device, address, mtu: options.mtu });
    this.#bridges.set(network.id, link.index);
    await this.parts.table.addBridge(rulesOf(network));
  }

  async remove(network: NetworkRecord): Promise<void> {
    const { device } = factsOf(network);
    await this.parts.table.removeBridge(device);
    await this.parts.devices.remove(device);
    this.#leases.delete(network.id);
    this.#bridges.delete(network.id);
  }

  async reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    const mac = wish.macAddress === '' ? undefined : parseMac(wish.macAddress);
    if (wish.macAddress !== '' && (mac === undefined || (mac[0] ?? 1) & 1))
      throw invalidArgument(`endpoint ${wish.name}: "${wish.macAddress}" is no unicast MAC address`);
    const { subnet, gateway } = factsOf(network);
    const options = readBridgeOptions(network.options);
    const name = interfaceName(options.interfacePrefix, wish);
    const address = this.#lease(network, wish.ipAddress);
    const text = formatAddress(address);
    let ports: readonly PublishedPort[] = [];
    try {
      // An internal network is cut off from the host's outside: dockerd publishes nothing there either.
      if (!network.internal)
        ports = await this.parts.publisher.publish(wish, wish.ports, {
          address: text,
          defaultIp: options.hostBinding === '0.0.0.0' ? '' : options.hostBinding,
        });
    } catch (error) {
      this.#leasesOf(network).release(address);
      throw error;
    }
    return {
      interface: name,
      hostInterface: `veth${wish.id.slice(0, 11)}`,
      mac: mac === undefined ? macOf(address) : [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
      address: text,
      prefix: subnet.prefix,
      gateway: network.internal || gateway === undefined ? '' : formatAddress(gateway),
      ports,
    };
  }

  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'address'>): void {
    this.parts.publisher.release(endpoint.id);
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#leasesOf(network).release(address);
  }

  async restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]> {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#leasesOf(network).restore(address);
    const lost = await this.parts.publisher.restore(endpoint, endpoint.ports, endpoint.address);
    await this.parts.table.publish(
      endpoint.id,
      endpoint.ports.flatMap((port) => portRule(endpoint, port)),
    );
    return lost.map(
      (port) => `port ${hostAndPort(port.hostIp, port.hostPort)}/${port.protocol} of ${endpoint.name} was taken by another process`,
    );
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace !== undefined) await this.#plug(network, endpoint, namespace);
    await this.parts.table.publish(
      endpoint.id,
      endpoint.ports.flatMap((port) => portRule(endpoint, port)),
    );
    this.#forgetFlows(endpoint);
  }

  async route(_network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    const gateway = parseAddress(endpoint.gateway);
    if (gateway !== undefined) await routeThrough(this.parts.kernel, namespace, { name: endpoint.interface, gateway });
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
    const options = readBridgeOptions(network.options);
    const plugInto = (bridgeIndex: number): Promise<void> =>
      plug(this.parts.kernel, this.parts.route, namespace, {
        hostName: endpoint.hostInterface,
        name: endpoint.interface,
        mac: parseMac(endpoint.mac) ?? Buffer.alloc(6),
        address: { address: parseAddress(endpoint.address) ?? 0, prefix: endpoint.prefix },
        gateway: endpoint.defaultRoute ? parseAddress(endpoint.gateway) : undefined,
        bridgeIndex,
        mtu: options.mtu,
        isolated: !options.interContainer,
      });
    try {
      await plugInto(this.#bridges.get(network.id) ?? 0);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV', 'EINVAL')) throw error;
      await this.ensure(network); // somebody deleted the bridge: it is made again
      await plugInto(this.#bridges.get(network.id) ?? 0);
    }
  }

  #forgetFlows(endpoint: EndpointRecord): void {
    const hostPorts = new Set(endpoint.ports.filter((port) => port.protocol === 'udp').map((port) => port.hostPort));
    if (hostPorts.size > 0) this.parts.forgetFlows({ hostPorts, containerAddress: parseAddress(endpoint.address) ?? 0 });
  }

  #lease(network: NetworkRecord, wanted: string): number {
    const leases = this.#leasesOf(network);
    if (wanted === '') {
      const address = leases.take();
      if (address === undefined)
        throw resourceExhausted(`no available IPv4 addresses on network ${network.name} (${network.pool?.subnet})`);
      return address;
    }
    const address = parseAddress(wanted);
    if (address === undefined) throw invalidArgument(`invalid IPv4 address: ${wanted}`);
    const outcome = leases.takeExactly(address);
    if (outcome === 'in use') throw forbidden('Address already in use');
    if (outcome === 'outside')
      throw invalidArgument(`no configured subnet or ip-range contain the IP address ${wanted}`, { meta: { fault: 'endpoint settings' } });
    return address;
  }

  #leasesOf(network: NetworkRecord): AddressLeases {
    let leases = this.#leases.get(network.id);
    if (leases === undefined) {
      const { subnet, gateway } = factsOf(network);
      const aux = Object.values(network.pool?.auxAddresses ?? {}).flatMap((text) => parseAddress(text) ?? []);
      leases = new AddressLeases(
        subnet,
        parseCidr(network.pool?.ipRange ?? ''),
        new Set([...(gateway === undefined ? [] : [gateway]), ...aux]),
      );
      this.#leases.set(network.id, leases);
    }
    return leases;
  }
}

function factsOf(network: NetworkRecord): { device: string; subnet: Cidr; gateway: number | undefined } {
  const subnet = parseCidr(network.pool?.subnet ?? '');
  const gateway = parseAddress(network.pool?.gateway ?? '');
  if (subnet === undefined || network.device === undefined) throw invalidArgument(`record of bridge network ${network.name} is incomplete`);
  return { device: network.device, subnet, gateway };
}

export function rulesOf(network: NetworkRecord): BridgeRules {
  const options = readBridgeOptions(network.options);
  const { device, subnet } = factsOf(network);
  return { device, subnet, interContainer: options.interContainer, internal: network.internal, masquerade: options.masquerade };
}

/** The translation of a published port; none for IPv6, which the service relays itself. */
function portRule(endpoint: EndpointRecord, port: PublishedPort): PortRule[] {
  const hostAddress = parseAddress(port.hostIp);
  const containerAddress = parseAddress(endpoint.address);
  if (hostAddress === undefined || containerAddress === undefined) return [];
  return [{ protocol: port.protocol, hostAddress, hostPort: port.hostPort, containerAddress, containerPort: port.containerPort }];
}
