import { failedPrecondition, forbidden } from '@gantry/rpc';
import { overlaps, parseAddress, parseCidr } from '../../address/cidr';
import type { Cluster } from '../../cluster/cluster';
import { poolsOfNetwork } from '../../ipam/ipam';
import type { Surroundings } from '../../ipam/subnet';
import type { Namespace } from '../../kernel/kernel';
import { VXLAN_HEADER, withinEsp } from '../../link/vxlan';
import { KeyedLock } from '../../operations/lock';
import type { PortChange } from '../../ports/changes';
import type { PortWish, PublishedPort } from '../../ports/port';
import type { EndpointRecord, NetworkRecord } from '../../store/record';
import type { BridgeDriver } from '../bridge/bridge';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish, Peer } from '../driver';
import type { VxlanDevices } from './devices';
import type { Encryption } from './encryption/encryption';
import { newSecret } from './encryption/keys';
import { bridgeOptions, readOverlayOptions } from './options';
import { planNetwork, sharedNetwork } from './plan';
import { tablesOf } from './tables';

/** How this host reaches those of other engines. */
export interface Way {
  /** Its own address there. */
  readonly address: string;
  readonly mtu: number;
}

export interface OverlayParts {
  /** Undefined: no shared store is configured, and there are no such networks. */
  readonly cluster: Cluster | undefined;
  /** The host's side of such a network is a bridge as others are: containers find their way out by it, and ports are published there. */
  readonly bridge: BridgeDriver;
  readonly vxlans: VxlanDevices;
  readonly encryption: Encryption;
  readonly way: () => Promise<Way>;
  /** UDP port that engines talk at. */
  readonly port: number;
  /** Whether the host has a link of that name. */
  readonly exists: (device: string) => Promise<boolean>;
  readonly surroundings: () => Promise<Surroundings>;
  readonly endpoints: (network: string) => readonly EndpointRecord[];
  readonly network: (id: string) => NetworkRecord | undefined;
}

/** dockerd's words, where there is nothing that networks of several engines could be agreed upon by. */
const NO_STORE =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/**
 * Networks of several engines: on each host that has endpoints a bridge, and a VXLAN link as one of its ports, which is told of the endpoints on the other hosts. Who has which
 * address, and behind which host, is agreed upon by a store that all engines reach.
 */
export class OverlayDriver implements NetworkDriver {
  readonly name = 'overlay';
  readonly traits = { namespace: 'connected', manifold: true, resolver: true, scope: 'global' } as const;
  readonly #locks = new KeyedLock();
  /** Networks that wait for their record. */
  readonly #planned = new Set<string>();
  /** Endpoints that other engines have not heard of yet. */
  readonly #fresh = new Set<string>();
  /** Endpoints here, by network: with the last one goes what the network has on this host. */
  readonly #users = new Map<string, Set<string>>();

  constructor(private readonly parts: OverlayParts) {}

  async plan(wish: NetworkWish): Promise<NetworkPlan> {
    const { cluster, surroundings, vxlans, encryption } = this.parts;
    if (cluster === undefined) throw forbidden(NO_STORE);
    const options = readOverlayOptions(wish.options, wish.name);
    await vxlans.check(wish.name);
    if (options.encrypted) await encryption.check(wish.name);
    const plan = await planNetwork({ cluster, surroundings }, wish, options);
    this.#planned.add(wish.id);
    return plan;
  }

  async ensure(network: NetworkRecord): Promise<void> {
    if (this.#planned.has(network.id)) {
      await this.#cluster().confirm(sharedNetwork(network));
      if (isEncrypted(network)) await this.#cluster().ensureSecret(network.id, newSecret());
    }
    this.#planned.delete(network.id);
    await this.#locks.run(network.id, () => (this.parts.endpoints(network.id).length > 0 ? this.#up(network) : this.#rest(network)));
  }

  async remove(network: NetworkRecord): Promise<void> {
    const { cluster } = this.parts;
    if (cluster !== undefined && !(await cluster.drop(network.id)))
      throw forbidden(`error while removing network: network ${network.name} id ${network.id} has active endpoints`);
    await this.forget(network);
  }

  /** What the network has on this host goes. */
  async forget(network: NetworkRecord): Promise<void> {
    this.#planned.delete(network.id);
    await this.#locks.run(network.id, () => this.#down(network));
  }

  async reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    this.#cluster();
    this.#usersOf(network).add(wish.id);
    try {
      const plan = await this.parts.bridge.reserve(await this.#inner(network), wish);
      this.#fresh.add(wish.id);
      return plan;
    } catch (error) {
      this.#usersOf(network).delete(wish.id);
      throw error;
    }
  }

  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'sandboxId' | 'mac' | 'address' | 'ipv6'>): void {
    this.#fresh.delete(endpoint.id);
    this.#usersOf(network).delete(endpoint.id);
    this.parts.bridge.release(network, endpoint);
  }

  async restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]> {
    this.#usersOf(network).add(endpoint.id);
    return this.parts.bridge.restore(await this.#inner(network), endpoint);
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    await this.#locks.run(network.id, () => this.#up(network));
    await this.parts.bridge.join(await this.#inner(network), endpoint, namespace);
    // At a restart others know already, or hear it as soon as the store is in reach.
    if (this.#fresh.delete(endpoint.id)) await this.#cluster().announce(endpoint);
  }

  async route(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    await this.parts.bridge.route(network, endpoint, namespace);
  }

  async publish(network: NetworkRecord, endpoint: EndpointRecord, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    return this.parts.bridge.publish(await this.#inner(network), endpoint, wishes);
  }

  async republish(network: NetworkRecord, endpoint: EndpointRecord, change: PortChange): Promise<readonly PublishedPort[]> {
    return this.parts.bridge.republish(await this.#inner(network), endpoint, change);
  }

  unpublish(endpoint: EndpointRecord): Promise<void> {
    return this.parts.bridge.unpublish(endpoint);
  }

  async leave(network: NetworkRecord, endpoint: EndpointRecord, how: 'interface' | 'namespace dies'): Promise<void> {
    this.parts.cluster?.withdraw(endpoint);
    await this.parts.bridge.leave(network, endpoint, how);
    this.#usersOf(network).delete(endpoint.id);
    // Where sandboxes die others may be about to come: making all anew costs each of them.
    if (how === 'interface')
      await this.#locks.run(network.id, async () => {
        if (this.#usersOf(network).size === 0) await this.#down(network);
      });
  }

  async announce(endpoint: EndpointRecord): Promise<void> {
    await this.parts.cluster?.announce(endpoint).catch(() => undefined); // with the next session, at the latest
  }

  peers({ id }: NetworkRecord): readonly Peer[] {
    const { cluster } = this.parts;
    const engines = new Map(cluster?.view.endpointsOf(id).map(({ engine, at }) => [engine, at]));
    return [...engines].map(([engine, ip]) => ({ name: cluster?.view.engine(engine)?.name ?? engine, ip })).sort(byName);
  }

  /** Tells the network's link, where it has one here, of the endpoints on other hosts. */
  async retell(id: string): Promise<void> {
    await this.#locks.run(id, () => this.#tell(id));
  }

  async #tell(id: string): Promise<void> {
    const { cluster, vxlans } = this.parts;
    if (cluster?.informed !== true) return;
    await vxlans.tell(vxlanOf(id), tablesOf(cluster.view.endpointsOf(id).filter(({ engine }) => engine !== cluster.id)));
    const network = this.parts.network(id);
    if (network !== undefined && isEncrypted(network)) await this.parts.encryption.follow(network);
  }

  async #up(network: NetworkRecord): Promise<void> {
    const { bridge, vxlans, port } = this.parts;
    const device = network.device ?? '';
    if (await vxlans.stands(vxlanOf(network.id), device)) return;
    if (!(await this.parts.exists(device))) await this.#checkSubnets(network);
    const sourcePort = isEncrypted(network) ? await this.parts.encryption.guard(network) : undefined;
    await bridge.ensure(await this.#inner(network));
    const [{ address }, mtu] = [await this.parts.way(), await this.#mtu(network)];
    const local = parseAddress(address);
    if (local === undefined) throw failedPrecondition(`overlay.advertise: "${address}" is no address`);
    await vxlans.ensure({ name: vxlanOf(network.id), vni: network.vni ?? 0, local, port, sourcePort, mtu }, device);
    await this.#tell(network.id);
  }

  /** What the network still has here of endpoints whose sandboxes died, under this service or before it, goes: nobody came meanwhile. */
  async #rest(network: NetworkRecord): Promise<void> {
    if (this.#usersOf(network).size > 0) return;
    for (const name of [network.device ?? '', vxlanOf(network.id)]) if (await this.parts.exists(name)) return this.#down(network);
  }

  async #down(network: NetworkRecord): Promise<void> {
    await this.parts.vxlans.remove(vxlanOf(network.id));
    if (isEncrypted(network)) await this.parts.encryption.remove(network);
    await this.parts.bridge.remove(network);
  }

  /** Another engine chose them: what is on this host may be in the way. */
  async #checkSubnets(network: NetworkRecord): Promise<void> {
    const { networks, routes } = await this.parts.surroundings();
    const others = [...networks.filter(({ name }) => name !== network.name).map(({ subnet }) => subnet), ...routes];
    for (const { subnet: text } of poolsOfNetwork(network)) {
      const subnet = parseCidr(text);
      if (subnet !== undefined && others.some((other) => other.prefix > 0 && overlaps(other, subnet)))
        throw failedPrecondition(`network ${network.name}: its subnet ${text} overlaps with a network or a route of this host`);
    }
  }

  async #inner(network: NetworkRecord): Promise<NetworkRecord> {
    const options = readOverlayOptions(network.options, network.name);
    return { ...network, options: { ...passedOn(network.options), ...bridgeOptions(options, await this.#mtu(network)) } };
  }

  async #mtu(network: NetworkRecord): Promise<number> {
    const { address, mtu } = await this.parts.way();
    const room = mtu - VXLAN_HEADER[address.includes(':') ? 6 : 4];
    return readOverlayOptions(network.options, network.name).mtu ?? (isEncrypted(network) ? withinEsp(room) : room);
  }

  #cluster(): Cluster {
    if (this.parts.cluster === undefined) throw forbidden(NO_STORE);
    return this.parts.cluster;
  }

  #usersOf({ id }: NetworkRecord): Set<string> {
    const users = this.#users.get(id) ?? new Set();
    this.#users.set(id, users);
    return users;
  }
}

export const vxlanOf = (id: string): string => `vx-${id.slice(0, 12)}`;

const isEncrypted = ({ options, name }: NetworkRecord): boolean => readOverlayOptions(options, name).encrypted;

/** How an interface speaks of itself is the endpoint's matter, whatever is below. */
const passedOn = (options: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(options).filter(([key]) => key.startsWith('com.docker.network.advertise_addr')));

const byName = (a: Peer, b: Peer): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
