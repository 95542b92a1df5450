import { invalidArgument, notImplemented } from '@gantry/rpc';
import { type Cidr, formatAddress, first, overlaps, parseAddress, parseCidr } from '../address/cidr';
import type { NetworkWish, PoolWish } from '../drivers/driver';
import { isMethodMissing, type PluginClient } from '@gantry/service/plugins';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../store/record';
import { type AddressWish, type Ipam, type Lease, type PoolHolder, poolsOfNetwork, type PoolNeeds } from './ipam';

const REQUEST_TYPE = { RequestAddressType: 'com.docker.network.gateway' };
const GATEWAY = 'com.docker.network.gateway';
const MAC = 'com.docker.network.endpoint.macaddress';

export interface RemoteIpamNeeds {
  readonly plugin: () => Promise<PluginClient>;
  /** Subnets of our other networks: one that the plugin chose, over one of them, is asked for again. */
  readonly taken: () => readonly string[];
  readonly warn: (error: unknown, message: string) => void;
}

/** Docker's IPAM plugins. What they gave is in the records; those that ask for it are told again after a restart. */
export class RemoteIpam implements Ipam {
  constructor(
    readonly name: string,
    private readonly needs: RemoteIpamNeeds,
  ) {}

  async plan(wish: NetworkWish, needs: PoolNeeds): Promise<readonly PoolRecord[]> {
    if (wish.enableIpv6) throw notImplemented(`network ${wish.name}: IPv6 with IPAM driver ${this.name} is not supported`);
    const plugin = await this.needs.plugin();
    const { LocalDefaultAddressSpace: space } = await plugin.call('IpamDriver.GetDefaultAddressSpaces', {});
    const pools: PoolRecord[] = [];
    try {
      for (const pool of wish.pools.length === 0 ? [undefined] : wish.pools)
        pools.push(await this.#pool(plugin, { wish, pool, space: textOf(space), needs }));
      return pools;
    } catch (error) {
      await this.#giveBack(pools);
      throw error;
    }
  }

  async forget(network: PoolHolder): Promise<void> {
    await this.#giveBack(poolsOfNetwork(network));
  }

  async take(network: NetworkRecord, { address, mac }: AddressWish): Promise<Lease> {
    const plugin = await this.needs.plugin();
    const { id: poolId = '', subnet = '' } = poolOf(network, address) ?? {};
    const options = (await this.#capabilities(plugin)).mac && mac !== '' ? { [MAC]: mac } : {};
    const given = await requestAddress(plugin, { PoolID: poolId, Address: address, Options: options });
    if (given === undefined) throw invalidArgument(`IPAM driver ${this.name} gave no address of ${subnet} to network ${network.name}`);
    return given;
  }

  async restore(network: NetworkRecord, { address }: Pick<EndpointRecord, 'address'>): Promise<void> {
    const plugin = await this.needs.plugin();
    const pool = poolOf(network, address);
    if (pool === undefined || !(await this.#capabilities(plugin)).replay) return;
    const { LocalDefaultAddressSpace: space } = await plugin.call('IpamDriver.GetDefaultAddressSpaces', {});
    await plugin.call('IpamDriver.RequestPool', poolRequest(textOf(space), pool.subnet, network.ipamOptions));
    if (address !== '') await plugin.call('IpamDriver.RequestAddress', { PoolID: pool.id ?? '', Address: address, Options: {} });
  }

  release(network: NetworkRecord, { address }: Pick<EndpointRecord, 'address'>): void {
    const pool = poolOf(network, address);
    if (address === '' || pool === undefined) return;
    this.#quietly(
      async (plugin) => void (await plugin.call('IpamDriver.ReleaseAddress', { PoolID: pool.id ?? '', Address: address })),
    ).catch(() => undefined);
  }

  async #pool(
    plugin: PluginClient,
    asked: { readonly wish: NetworkWish; readonly pool: PoolWish | undefined; readonly space: string; readonly needs: PoolNeeds },
  ): Promise<PoolRecord> {
    const { wish, pool, space } = asked;
    const request = { ...poolRequest(space, pool?.subnet ?? '', wish.ipamOptions), SubPool: pool?.ipRange ?? '' };
    const held: string[] = [];
    try {
      for (;;) {
        const { PoolID: id, Pool: subnet, Data: data } = await plugin.call('IpamDriver.RequestPool', request);
        const block = parseCidr(textOf(subnet));
        if (block?.address.family !== 4)
          throw invalidArgument(`IPAM driver ${this.name} gave ${JSON.stringify(subnet)}, which is no IPv4 subnet`);
        const isTaken = pool === undefined && block.prefix > 0 && this.needs.taken().some((other) => isOver(other, block));
        if (isTaken && !held.includes(textOf(id))) {
          held.push(textOf(id)); // kept, so that another one comes
          continue;
        }
        const record = {
          id: textOf(id),
          subnet: `${formatAddress(first(block))}/${block.prefix}`,
          ipRange: pool?.ipRange ?? '',
          auxAddresses: pool?.auxAddresses ?? {},
          configured: pool !== undefined,
        };
        return {
          ...record,
          gateway: await this.#gateway(plugin, record, asked, textOf((data as Record<string, unknown> | undefined)?.[GATEWAY])),
        };
      }
    } finally {
      for (const id of held) await this.#quietly(async () => void (await plugin.call('IpamDriver.ReleasePool', { PoolID: id })));
    }
  }

  /** The one that came with the subnet, or one that is set apart; with it the auxiliary addresses. */
  async #gateway(
    plugin: PluginClient,
    record: Pick<PoolRecord, 'id' | 'auxAddresses'>,
    { pool, needs }: { readonly pool: PoolWish | undefined; readonly needs: PoolNeeds },
    given: string,
  ): Promise<string> {
    const wanted = pool?.gateway ?? '';
    for (const address of Object.values(record.auxAddresses))
      await requestAddress(plugin, { PoolID: record.id ?? '', Address: address, Options: {} });
    if (given !== '') return given.split('/')[0] ?? '';
    if (!needs.gateway[4] && wanted === '') return '';
    const lease = await requestAddress(plugin, { PoolID: record.id ?? '', Address: wanted, Options: REQUEST_TYPE });
    return lease?.address ?? '';
  }

  async #giveBack(pools: readonly PoolRecord[]): Promise<void> {
    for (const { id: PoolID = '', gateway, auxAddresses } of pools)
      await this.#quietly(async (plugin) => {
        for (const Address of [gateway, ...Object.values(auxAddresses)])
          if (Address !== '') await this.#quietly(async () => void (await plugin.call('IpamDriver.ReleaseAddress', { PoolID, Address })));
        await plugin.call('IpamDriver.ReleasePool', { PoolID });
      });
  }

  async #quietly(task: (plugin: PluginClient) => Promise<void>): Promise<void> {
    try {
      await task(await this.needs.plugin());
    } catch (error) {
      this.needs.warn(error, `IPAM driver ${this.name} did not take back what it gave`);
    }
  }

  async #capabilities(plugin: PluginClient): Promise<{ readonly mac: boolean; readonly replay: boolean }> {
    try {
      const { RequiresMACAddress: mac, RequiresRequestReplay: replay } = await plugin.call('IpamDriver.GetCapabilities', {});
      return { mac: mac === true, replay: replay === true };
    } catch (error) {
      if (!isMethodMissing(error)) throw error;
      return { mac: false, replay: false };
    }
  }
}

/** The subnet that an address is of; the first one for any. */
function poolOf(network: PoolHolder, address: string): PoolRecord | undefined {
  const wanted = parseAddress(address);
  const pools = poolsOfNetwork(network);
  return pools.find(({ subnet }) => wanted !== undefined && isOver(subnet, { address: wanted, prefix: 32 })) ?? pools[0];
}

function isOver(text: string, block: Cidr): boolean {
  const subnet = parseCidr(text);
  return subnet !== undefined && overlaps(subnet, block);
}

const poolRequest = (space: string, subnet: string, options: Readonly<Record<string, string>>): object => ({
  AddressSpace: space,
  Pool: subnet,
  SubPool: '',
  Options: options,
  V6: false,
});

async function requestAddress(plugin: PluginClient, request: object): Promise<Lease | undefined> {
  const { Address: text } = await plugin.call('IpamDriver.RequestAddress', request);
  const block = parseCidr(textOf(text));
  return block?.address.family !== 4 ? undefined : { address: formatAddress(block.address), prefix: block.prefix };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
