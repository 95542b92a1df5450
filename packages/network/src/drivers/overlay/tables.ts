import { type Address, formatAddress, isSame, parseAddress, parseMac } from '../../address/cidr';
import type { SharedEndpoint } from '../../cluster/records';
import { addForwarding, addNeighbour, type Entry, removeForwarding, removeNeighbour } from '../../link/neighbour';
import { formatMac } from '../../address/cidr';
import type { Request } from '../../netlink/message';

/** What a VXLAN link knows of the endpoints on other hosts: behind which host a MAC address is, and whose an address is. */
export interface Tables {
  /** MAC address → host. */
  readonly hosts: ReadonlyMap<string, Address>;
  /** Address → MAC address. */
  readonly neighbours: ReadonlyMap<string, string>;
}

/** What follows from the endpoints of other engines. Of a record that nobody could follow nothing does. */
export function tablesOf(endpoints: readonly Pick<SharedEndpoint, 'mac' | 'at' | 'address' | 'ipv6'>[]): Tables {
  const hosts = new Map<string, Address>();
  const neighbours = new Map<string, string>();
  for (const { mac: text, at, address, ipv6 } of endpoints) {
    const [mac, host] = [parseMac(text), parseAddress(at)];
    if (mac === undefined || host === undefined) continue;
    hosts.set(formatMac(mac), host);
    for (const own of [address, ipv6?.address ?? ''].flatMap((each) => parseAddress(each) ?? []))
      neighbours.set(formatAddress(own), formatMac(mac));
  }
  return { hosts, neighbours };
}

/** What a link was told, out of what the kernel lists. */
export function tablesOfLink(index: number, forwarding: readonly Entry[], neighbours: readonly Entry[]): Tables {
  const own = (entries: readonly Entry[]): readonly Entry[] => entries.filter((entry) => entry.index === index);
  return {
    hosts: new Map(own(forwarding).flatMap(({ mac, address }) => (address === undefined ? [] : [[mac, address] as const]))),
    neighbours: new Map(
      own(neighbours).flatMap(({ mac, address }) => (address === undefined ? [] : [[formatAddress(address), mac] as const])),
    ),
  };
}

/** What brings a link from one to the other. What is new comes first: nobody is out of reach in between. */
export function steps(index: number, from: Tables, to: Tables): { readonly add: Request[]; readonly remove: Request[] } {
  const add: Request[] = [];
  const remove: Request[] = [];
  for (const [mac, host] of to.hosts) {
    const before = from.hosts.get(mac);
    if (before === undefined || !isSame(before, host)) add.push(...addForwarding(index, macBytes(mac), host));
  }
  for (const [text, mac] of to.neighbours)
    if (from.neighbours.get(text) !== mac) add.push(...withAddress(text, (address) => addNeighbour(index, address, macBytes(mac))));
  for (const text of from.neighbours.keys())
    if (!to.neighbours.has(text)) remove.push(...withAddress(text, (address) => removeNeighbour(index, address)));
  for (const mac of from.hosts.keys()) if (!to.hosts.has(mac)) remove.push(...removeForwarding(index, macBytes(mac)));
  return { add, remove };
}

const macBytes = (text: string): Buffer => parseMac(text) ?? Buffer.alloc(6);

function withAddress(text: string, make: (address: Address) => Request): Request[] {
  const address = parseAddress(text);
  return address === undefined ? [] : [make(address)];
}
