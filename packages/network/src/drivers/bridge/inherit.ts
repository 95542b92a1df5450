import { invalidArgument } from '@gantry/rpc';
import { type Address, type Cidr, contains, type Family, first, formatCidr, isSame, parseAddress, parseCidr } from '../../address/cidr';

/** What the default bridge is told of a family. All CIDR or empty. */
export interface BlockWish {
  /** The subnet, or the bridge's own address in it. */
  readonly subnet: string;
  /** Part of it that containers get their addresses from. */
  readonly range: string;
}

export interface Inheritance {
  readonly family: Family;
  /** Addresses that the device has, of both families. */
  readonly present: readonly Cidr[];
  /** The device is the host's own: what it has is not ours to change. */
  readonly foreign: boolean;
  /** Gateway that the network had before, which of several addresses is taken again. */
  readonly former: string;
  readonly warn: (text: string) => void;
}

/** The part of fe80::/10 that the kernel gives every link an address of by itself. */
const OF_LINK: Cidr = { address: { family: 6, value: 0xfe80n << 112n }, prefix: 64 };

export const isOfLink = (address: Address): boolean => contains(OF_LINK, address);

/**
 * Where nobody says a subnet, the device says it: who follows another engine on `docker0`, or is given a device of the host's, finds the address that its
 * containers are routed by. As dockerd does it: the address in whose subnet the range lies, else one in the range, else the first. A range alone is a subnet.
 */
export function inheritBlock(wish: BlockWish, from: Inheritance): BlockWish {
  if (wish.subnet !== '') return wish;
  const range = wish.range === '' ? undefined : parseCidr(wish.range);
  const found = choose(candidates(from, range), range);
  if (found === undefined) return { subnet: range === undefined ? '' : masked(range), range: wish.range };
  const own = { subnet: formatCidr(found), range: wish.range };
  if (range === undefined) return own;
  const holds = contains(found, range.address);
  if (from.foreign) return holds && range.prefix >= found.prefix ? own : { ...own, range: outside(wish, found, from) };
  if (!holds) return { subnet: masked(range), range: wish.range };
  return range.prefix < found.prefix ? { ...own, subnet: formatCidr({ address: found.address, prefix: range.prefix }) } : own;
}

function candidates({ present, family, former }: Inheritance, range: Cidr | undefined): readonly Cidr[] {
  const ofLink = range !== undefined && isOfLink(range.address);
  const all = present.filter(({ address }) => address.family === family && (ofLink || !isOfLink(address)));
  const before = parseAddress(former);
  const again = all.filter(({ address }) => before !== undefined && isSame(address, before));
  return [...again, ...all];
}

function choose(all: readonly Cidr[], range: Cidr | undefined): Cidr | undefined {
  if (range === undefined) return all[0];
  return all.find((each) => contains(each, range.address)) ?? all.find((each) => contains(range, each.address)) ?? all[0];
}

/** A range that the host's device has no subnet for: of IPv6 an error; of IPv4 dockerd always took it, and gives addresses out of the whole subnet. */
function outside({ range }: BlockWish, found: Cidr, { family, warn }: Inheritance): string {
  const text = `range ${range} is no part of a subnet that the bridge has an address in (${formatCidr(found)})`;
  if (family === 6) throw invalidArgument(`default bridge: ${text}`);
  warn(`default bridge: ${text}: containers get any address of the subnet`);
  return '';
}

const masked = (block: Cidr): string => formatCidr({ ...block, address: first(block) });
