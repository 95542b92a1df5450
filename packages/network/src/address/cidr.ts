import { isIPv6 } from 'node:net';

/** IP addresses as numbers with their family, and CIDR blocks of them. */

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

export interface Cidr {
  /** Address as written (may have host bits set). */
  readonly address: Address;
  readonly prefix: number;
}

/** Bits of an address. */
export const WIDTH = { 4: 32, 6: 128 } as const satisfies Record<Family, number>;

const WORDS = 8;

/** Reads a dotted quad or an IPv6 address without zone; undefined when it is none. Leading zeros of a quad are refused, as the Go parser does. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Address | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return { family: 4, value };
}

function parseIpv6(text: string): Address | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const at = text.lastIndexOf(':') + 1;
  const quad = text.includes('.') ? parseIpv4(text.slice(at)) : undefined;
  const hex = (word: bigint): string => word.toString(16);
  const plain = quad === undefined ? text : `${text.slice(0, at)}${hex(quad.value >> 16n)}:${hex(quad.value & 0xffffn)}`;
  const [left = [], right = []] = plain.split('::').map((half) => half.split(':').filter((word) => word !== ''));
  const words = [...left, ...Array<string>(WORDS - left.length - right.length).fill('0'), ...right];
  return { family: 6, value: words.reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n) };
}

/** As Go prints it: the longest run of zero words of IPv6 is shortened. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const words = Array.from({ length: WORDS }, (_, index) => ((value >> BigInt(16 * (WORDS - 1 - index))) & 0xffffn).toString(16));
  if (value >> 32n === 0xffffn) return `::ffff:${formatAddress({ family: 4, value: value & 0xffffffffn })}`;
  const { start, length } = longestZeros(words);
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}

function longestZeros(words: readonly string[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    const end = words.findIndex((word, index) => index >= start && word !== '0');
    const length = (end < 0 ? words.length : end) - start;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** Reads `a.b.c.d/n` or `a::b/n`; undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [left = '', right = '', extra] = text.split('/');
  const address = parseAddress(left);
  if (address === undefined || extra !== undefined || !/^\d{1,3}$/.test(right) || Number(right) > WIDTH[address.family]) return undefined;
  return { address, prefix: Number(right) };
}

export function formatCidr(block: Cidr): string {
  return `${formatAddress(block.address)}/${block.prefix}`;
}

/** Addresses of a block of this prefix length. */
export function sizeOf(family: Family, prefix: number): bigint {
  return 1n << BigInt(WIDTH[family] - prefix);
}

/** First address of the block. */
export function first({ address: { family, value }, prefix }: Cidr): Address {
  return { family, value: value & ~(sizeOf(family, prefix) - 1n) };
}

/** Last address of the block (the broadcast address of an IPv4 subnet). */
export function last({ address: { family, value }, prefix }: Cidr): Address {
  return { family, value: value | (sizeOf(family, prefix) - 1n) };
}

export const isSame = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value;

/** The address so many further on. */
export const plus = ({ family, value }: Address, count: bigint): Address => ({ family, value: value + count });

export function contains(block: Cidr, address: Address): boolean {
  return block.address.family === address.family && address.value >= first(block).value && address.value <= last(block).value;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.address.family === b.address.family && first(a).value <= last(b).value && first(b).value <= last(a).value;
}

/** Network-order bytes. */
export function toBytes({ family, value }: Address): Buffer {
  return Buffer.from(value.toString(16).padStart(WIDTH[family] / 4, '0'), 'hex');
}

export function fromBytes(bytes: Uint8Array): Address {
  return { family: bytes.length === 4 ? 4 : 6, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
}

/** Docker's derived MAC: 02:42 and the four bytes of an IPv4 address. */
export function macOf(address: Address): string {
  return formatMac([0x02, 0x42, ...toBytes(address)]);
}

export const formatMac = (bytes: Iterable<number>): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Six bytes of `aa:bb:cc:dd:ee:ff` (also with dashes); undefined when it is none. */
export function parseMac(text: string): Buffer | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) ? Buffer.from(text.replace(/[:-]/g, ''), 'hex') : undefined;
}
