import type { Cidr } from '../address/cidr';
import { parseAddress, parseCidr, WIDTH } from '../address/cidr';
import type { AddressPool } from '../address/pools';
import { dumpAddresses, dumpRoutes, readAddresses, readRoutes } from '../link/address';
import { dumpLinks, readLinks } from '../link/link';
import type { NetlinkConnection } from '../netlink/connection';
import type { NetworkRecord } from '../store/record';
import { poolsOfNetwork } from './ipam';
import type { Surroundings } from './subnet';

export interface SurroundingsParts {
  readonly route: NetlinkConnection;
  readonly networks: () => readonly NetworkRecord[];
  readonly pools: readonly AddressPool[];
  /** Devices of ours that no record names yet (the default bridge before its first record). */
  readonly ownDevices: readonly string[];
  /** Name servers of the host: a subnet over one of them would cut containers off from it. */
  readonly resolvers: () => readonly { readonly address: string }[];
}

/** Looks at the host: its routes, its name servers, our networks. */
export async function readSurroundings(parts: SurroundingsParts): Promise<Surroundings> {
  const networks = parts.networks();
  const devices = new Set([...parts.ownDevices, ...networks.flatMap((network) => network.device ?? [])]);
  const links = readLinks(await parts.route.request([dumpLinks()]));
  const ours = new Set(links.filter((link) => devices.has(link.name)).map((link) => link.index));
  const routes = readRoutes(await parts.route.request([dumpRoutes()]))
    .filter((route) => route.destination.prefix > 0 && !ours.has(route.outInterface))
    .map((route) => route.destination);
  const addresses = readAddresses(await parts.route.request([dumpAddresses()])).filter((address) => !ours.has(address.index));
  const resolvers = parts.resolvers().flatMap((server): Cidr[] => {
    const address = parseAddress(server.address);
    return address === undefined ? [] : [{ address, prefix: WIDTH[address.family] }];
  });
  return {
    networks: networks.flatMap((network) => {
      // Subnets of other drivers' books are theirs to keep apart.
      if (network.ipamDriver !== undefined && network.device === undefined) return [];
      return poolsOfNetwork(network).flatMap(({ subnet: text }) => {
        const subnet = parseCidr(text);
        return subnet === undefined ? [] : [{ name: network.name, subnet }];
      });
    }),
    routes: [...routes, ...addresses, ...resolvers],
    pools: parts.pools,
  };
}
