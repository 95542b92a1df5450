import { alreadyExists, conflict, forbidden, invalidArgument, notImplemented, resourceExhausted } from '@gantry/rpc';
import { parseCidr } from '../../address/cidr';
import type { Cluster } from '../../cluster/cluster';
import type { SharedNetwork } from '../../cluster/records';
import { DEFAULT_IPAM, familyOf, poolsOfNetwork } from '../../ipam/ipam';
import { checkPools } from '../../ipam/pool-faults';
import { choosePools, type Surroundings } from '../../ipam/subnet';
import type { NetworkRecord } from '../../store/record';
import type { NetworkPlan, NetworkWish } from '../driver';
import type { OverlayOptions } from './options';

/** Where swarms begin, too. */
const FIRST_VNI = 4097;
const MOST_VNIS = 2 ** 24 - 1;

/** Chooses what no other network of any engine has: name, subnets, VXLAN id. All engines keep clear of it from then on. */
export async function planNetwork(
  { cluster, surroundings }: { readonly cluster: Cluster; readonly surroundings: () => Promise<Surroundings> },
  wish: NetworkWish,
  options: OverlayOptions,
): Promise<NetworkPlan> {
  check(wish);
  const device = `ov-${wish.id.slice(0, 12)}`;
  const host = await surroundings();
  const { vni, pool, pool6 } = await cluster.reserve((networks) => {
    if (networks.some(({ name }) => name === wish.name)) throw alreadyExists(`network with name ${wish.name} already exists`);
    const pools = choosePools(wish, around(host, networks), { gateway: { 4: true, 6: true } });
    return Promise.resolve({
      id: wish.id,
      name: wish.name,
      driver: 'overlay',
      options: wish.options,
      vni: chooseVni(networks, options),
      ...pooled(
        pools.find((each) => familyOf(each) === 4),
        pools.find((each) => familyOf(each) === 6),
      ),
      ...NOT_YET,
    });
  });
  return { options: wish.options, device, vni, ...pooled(pool, pool6) };
}

/** What the record will say. */
const NOT_YET = { internal: false, attachable: false, labels: {}, ipamOptions: {}, created: '' } as const;

function pooled(pool: NetworkRecord['pool'], pool6: NetworkRecord['pool6']): Pick<NetworkPlan, 'pool' | 'pool6'> {
  return { ...(pool === undefined ? {} : { pool }), ...(pool6 === undefined ? {} : { pool6 }) };
}

function check(wish: NetworkWish): void {
  if (!['', DEFAULT_IPAM].includes(wish.ipamDriver))
    throw notImplemented(`network ${wish.name}: IPAM driver ${wish.ipamDriver} for an overlay network is not supported`);
  checkPools(wish);
  if (!wish.enableIpv4 && !wish.enableIpv6) throw invalidArgument('IPv4 or IPv6 must be enabled');
  for (const family of [4, 6] as const)
    if (wish.pools.filter((pool) => familyOf(pool) === family).length > 1)
      throw forbidden("overlay driver doesn't support multiple subnets");
}

/** Another network of engines may not have the same subnet; what is chosen keeps clear of this host's, too. */
function around(host: Surroundings, networks: readonly SharedNetwork[]): Surroundings {
  const others = networks.flatMap((network) =>
    poolsOfNetwork(network).flatMap(({ subnet: text }) => {
      const subnet = parseCidr(text);
      return subnet === undefined ? [] : [{ name: network.name, subnet }];
    }),
  );
  return { ...host, networks: [...host.networks, ...others] };
}

function chooseVni(networks: readonly SharedNetwork[], { vni: wanted }: OverlayOptions): number {
  const taken = new Map(networks.map(({ vni, name }) => [vni, name]));
  if (wanted !== undefined) {
    const holder = taken.get(wanted);
    if (holder !== undefined) throw conflict(`VXLAN id ${wanted} is in use by network ${holder}`);
    return wanted;
  }
  for (let vni = FIRST_VNI; vni <= MOST_VNIS; vni++) if (!taken.has(vni)) return vni;
  throw resourceExhausted('all VXLAN ids are in use');
}

/** A record as other engines are told of it. */
export function sharedNetwork(network: NetworkRecord): SharedNetwork {
  const { device: _device, predefined: _predefined, configOnly: _configOnly, vni = 0, ...rest } = network;
  return { ...rest, vni };
}

/** The record of a network that another engine made. */
export function recordOf({ pending: _pending, ...network }: SharedNetwork): NetworkRecord {
  return { ...network, device: `ov-${network.id.slice(0, 12)}`, predefined: false };
}
