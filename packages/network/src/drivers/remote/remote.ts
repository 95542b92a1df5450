import { errorText, invalidArgument, notImplemented, type Logger } from '@gantry/rpc';
import { parseMac } from '../../address/cidr';
import type { Ipam, Lease } from '../../ipam/ipam';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import type { NetlinkConnection } from '../../netlink/connection';
import { isMethodMissing, type PluginClient } from '@gantry/service/plugins';
import type { PortChange } from '../../ports/changes';
import type { PortWish, PublishedPort } from '../../ports/port';
import type { EndpointRecord, NetworkRecord } from '../../store/record';
import type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from '../driver';
import { giveBack, takeIn } from './interface';
import * as wire from './wire';

export interface RemoteNeeds {
  readonly plugin: () => Promise<PluginClient>;
  readonly ipam: (name: string) => Ipam;
  readonly kernel: NetworkKernel;
  readonly route: NetlinkConnection;
  readonly liveNamespace: (endpoint: EndpointRecord) => Namespace | undefined;
  readonly logger: Logger;
}

/**
 * Networks of a plugin of Docker's: it makes the interface, the addresses come from an IPAM driver, and the interface is taken into the sandbox here. A plugin whose Join names
 * a gateway leads outside, and publishes ports if it can.
 */
export class RemoteDriver implements NetworkDriver {
  readonly traits = { namespace: 'connected', manifold: true, resolver: true } as const;

  /** Endpoints whose ports were given back while they live. */
  readonly #unpublished = new Set<string>();

  constructor(
    readonly name: string,
    private readonly needs: RemoteNeeds,
  ) {}

  async plan(wish: NetworkWish): Promise<NetworkPlan> {
    if (wish.enableIpv6) throw notImplemented(`network ${wish.name}: IPv6 of plugin ${this.name} is not supported (EnableIPv6)`);
    if (!wish.enableIpv4)
      throw notImplemented(`network ${wish.name}: a network of plugin ${this.name} without IPv4 is not supported (EnableIPv4)`);
    const plugin = await this.needs.plugin();
    const scope = await this.#call(plugin, 'GetCapabilities', {});
    if (scope['Scope'] !== 'local')
      throw invalidArgument(
        `network ${wish.name}: plugin ${this.name} has the scope ${JSON.stringify(scope['Scope'])}, which only a swarm has`,
      );
    const [pool, ...morePools] = await this.needs.ipam(wish.ipamDriver).plan(wish, { gateway: { 4: !wish.internal, 6: false } });
    return { options: wish.options, ...(pool === undefined ? {} : { pool }), ...(morePools.length === 0 ? {} : { morePools }) };
  }

  async ensure(network: NetworkRecord): Promise<void> {
    await this.#call(await this.needs.plugin(), 'CreateNetwork', wire.createNetwork(network));
  }

  async remove(network: NetworkRecord): Promise<void> {
    const plugin = await this.needs.plugin();
    await this.#try('DeleteNetwork', () => this.#call(plugin, 'DeleteNetwork', { NetworkID: network.id }));
    await this.#ipam(network).forget(network);
  }

  async reserve(network: NetworkRecord, wish: EndpointWish): Promise<EndpointPlan> {
    if (wish.macAddress !== '' && parseMac(wish.macAddress) === undefined)
      throw invalidArgument(`endpoint ${wish.name}: "${wish.macAddress}" is no unicast MAC address`);
    if (wish.linkLocalIps.length > 0)
      throw notImplemented(`endpoint ${wish.name}: link-local addresses on networks of plugin ${this.name} are not supported`);
    const plugin = await this.needs.plugin();
    const ipam = this.#ipam(network);
    const lease = await ipam.take(network, {
      family: 4,
      address: wish.ipAddress,
      mac: wish.macAddress,
      order: wish.order,
      sandboxId: wish.sandboxId,
    });
    const ids = { NetworkID: network.id, EndpointID: wish.id };
    try {
      const made = await this.#call(plugin, 'CreateEndpoint', wire.createEndpoint(ids, wish, lease));
      try {
        return await this.#join(plugin, { ids, wish, lease, made });
      } catch (error) {
        await this.#try('DeleteEndpoint', () => this.#call(plugin, 'DeleteEndpoint', ids));
        throw error;
      }
    } catch (error) {
      ipam.release(network, lease);
      throw error;
    }
  }

  release(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'address'>): void {
    this.#ipam(network).release(network, endpoint);
  }

  async restore(network: NetworkRecord, endpoint: EndpointRecord): Promise<string[]> {
    if (this.#unpublished.delete(endpoint.id))
      await this.#publish({ NetworkID: network.id, EndpointID: endpoint.id }, endpoint.portWishes ?? []);
    else await this.#ipam(network).restore(network, endpoint);
    return [];
  }

  async join(_network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace | undefined): Promise<void> {
    if (namespace !== undefined && endpoint.interface !== '') await takeIn(this.needs.kernel, this.needs.route, namespace, endpoint);
  }

  async route(network: NetworkRecord, endpoint: EndpointRecord, namespace: Namespace): Promise<void> {
    await this.join(network, { ...endpoint, defaultRoute: true }, namespace);
  }

  publish(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id'>, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    return this.#publish({ NetworkID: network.id, EndpointID: endpoint.id }, wishes);
  }

  /** Plugins know all of an endpoint's ports or none. */
  async republish(network: NetworkRecord, endpoint: EndpointRecord, { wishes }: PortChange): Promise<readonly PublishedPort[]> {
    await this.unpublish(endpoint);
    try {
      const ports = await this.publish(network, endpoint, wishes);
      this.#unpublished.delete(endpoint.id);
      return ports;
    } catch (error) {
      await this.#try('ProgramExternalConnectivity', () => this.restore(network, endpoint));
      throw error;
    }
  }

  async unpublish(endpoint: EndpointRecord): Promise<void> {
    if (endpoint.ports.length === 0) return;
    const plugin = await this.needs.plugin();
    await this.#try('RevokeExternalConnectivity', () =>
      this.#call(plugin, 'RevokeExternalConnectivity', { NetworkID: endpoint.networkId, EndpointID: endpoint.id }),
    );
    this.#unpublished.add(endpoint.id);
  }

  async leave(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    const ids = { NetworkID: network.id, EndpointID: endpoint.id };
    await this.unpublish(endpoint).catch((error: unknown) => this.#warn('RevokeExternalConnectivity', error));
    const namespace = endpoint.interface === '' ? undefined : this.needs.liveNamespace(endpoint);
    try {
      if (namespace !== undefined) await giveBack(this.needs.kernel, namespace, endpoint);
    } catch (error) {
      this.#warn('the return of an interface', error);
    } finally {
      namespace?.close();
    }
    for (const method of ['Leave', 'DeleteEndpoint'])
      await this.#try(method, async () => this.#call(await this.needs.plugin(), method, ids));
    this.#unpublished.delete(endpoint.id);
  }

  /** The plugin says what its interface is called, and how the sandbox gets out. */
  async #join(
    plugin: PluginClient,
    { ids, wish, lease, made }: { readonly ids: wire.Ids; readonly wish: EndpointWish; readonly lease: Lease; readonly made: wire.Answer },
  ): Promise<EndpointPlan> {
    const joined = await this.#call(plugin, 'Join', { ...ids, SandboxKey: wish.netnsPath, Options: wire.portOptions(wish.ports) });
    try {
      const plan = wire.endpointPlan({ wish, lease, made, joined });
      const ports = plan.gateway === '' || wish.ports.length === 0 ? [] : await this.#publish(ids, wish.ports);
      return { ...plan, ports };
    } catch (error) {
      await this.#try('Leave', () => this.#call(plugin, 'Leave', ids));
      throw error;
    }
  }

  async #publish(ids: wire.Ids, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    const plugin = await this.needs.plugin();
    try {
      await this.#call(plugin, 'ProgramExternalConnectivity', { ...ids, Options: wire.portOptions(wishes) });
    } catch (error) {
      if (isMethodMissing(error)) return []; // not every plugin publishes
      throw error;
    }
    return wire.portsOf((await this.#call(plugin, 'EndpointOperInfo', ids))['Value']);
  }

  #ipam({ ipamDriver = '' }: NetworkRecord): Ipam {
    return this.needs.ipam(ipamDriver);
  }

  #call(plugin: PluginClient, method: string, body: object): Promise<wire.Answer> {
    return plugin.call(`NetworkDriver.${method}`, body);
  }

  /** What goes wrong while something ends is told, and ends nothing: docker goes on, too. */
  async #try(method: string, task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#warn(method, error);
    }
  }

  #warn(what: string, error: unknown): void {
    this.needs.logger.warn({ err: error, plugin: this.name }, `plugin ${this.name} failed at ${what}: ${errorText(error)}`);
  }
}
