/** IPv4 addresses as unsigned 32-bit numbers, and CIDR blocks of them. */

export interface Cidr {
  /** Address as written (may have host bits set). */
  readonly address: number;
  readonly prefix: number;
}

/** Reads a dotted quad; undefined when it is none. Leading zeros are refused, as the Go parser does. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** Reads `a.b.c.d/n`; undefined when it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [left = '', right = '', extra] = text.split('/');
  const address = parseAddress(left);
  if (address === undefined || extra !== undefined || !/^\d{1,2}$/.test(right) || Number(right) > 32) return undefined;
  return { address, prefix: Number(right) };
}

export function formatCidr(block: Cidr): string {
  return `${formatAddress(block.address)}/${block.prefix}`;
}

export function mask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

/** First address of the block. */
export function first(block: Cidr): number {
  return (block.address & mask(block.prefix)) >>> 0;
}

/** Last address of the block (the broadcast address of a subnet). */
export function last(block: Cidr): number {
  return (first(block) | ~mask(block.prefix)) >>> 0;
}

export function contains(block: Cidr, address: number): boolean {
  return address >= first(block) && address <= last(block);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return first(a) <= last(b) && first(b) <= last(a);
}

/** Network-order bytes. */
export function toBytes(address: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(address);
  return out;
}

/** Docker's derived MAC: 02:42 and the four bytes of the address. */
export function macOf(address: number): string {
  return ['02', '42', ...[...toBytes(address)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** Six bytes of `aa:bb:cc:dd:ee:ff` (also with dashes); undefined when it is none. */
export function parseMac(text: string): Buffer | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) ? Buffer.from(text.replace(/[:-]/g, ''), 'hex') : undefined;
}
