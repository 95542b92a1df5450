/** What states and policies of XFRM have in common (linux/xfrm.h): numbers are in host order, but for ports and SPIs. */
import { type Address, type Family, fromBytes, toBytes, WIDTH } from '../address/cidr';

export const AF = { 4: 2, 6: 10 } as const;
export const ESP = 50;
const UDP = 17;
const ADDRESS_LENGTH = 16;
const ALL = 0xffff;

/** Which packets. What is absent is any. */
export interface Selector {
  readonly family: Family;
  readonly source?: Address;
  readonly destination?: Address;
  /** Of UDP, as is `port`, that of the destination. */
  readonly sourcePort?: number;
  readonly port?: number;
}

export const SELECTOR_LENGTH = 56;
export const LIFETIME_LENGTH = 64;

/** An address as all of xfrm has it, of whichever family. */
export function addressBytes(address: Address | undefined): Buffer {
  const out = Buffer.alloc(ADDRESS_LENGTH);
  if (address !== undefined) toBytes(address).copy(out);
  return out;
}

export const readAddress = (bytes: Buffer, at: number, family: Family): Address => fromBytes(bytes.subarray(at, at + WIDTH[family] / 8));

export const familyOfNumber = (number: number): Family | undefined => (number === AF[4] ? 4 : number === AF[6] ? 6 : undefined);

export function selectorBytes({ family, source, destination, sourcePort, port }: Selector): Buffer {
  const out = Buffer.alloc(SELECTOR_LENGTH);
  addressBytes(destination).copy(out, 0);
  addressBytes(source).copy(out, 16);
  if (port !== undefined) out.writeUInt32BE(port * 0x10000 + ALL, 32);
  if (sourcePort !== undefined) out.writeUInt32BE(sourcePort * 0x10000 + ALL, 36);
  out.writeUInt16LE(AF[family], 40);
  out.writeUInt8(destination === undefined ? 0 : WIDTH[family], 42);
  out.writeUInt8(source === undefined ? 0 : WIDTH[family], 43);
  if (port !== undefined || sourcePort !== undefined) out.writeUInt8(UDP, 44);
  return out;
}

/** The other way round; undefined for a family that is none of ours. */
export function readSelector(bytes: Buffer): Selector | undefined {
  const family = familyOfNumber(bytes.readUInt16LE(40));
  if (family === undefined) return undefined;
  const [port, sourcePort] = [32, 36].map((at) => (bytes.readUInt16BE(at + 2) === ALL ? bytes.readUInt16BE(at) : undefined));
  return {
    family,
    ...(bytes.readUInt8(43) === WIDTH[family] ? { source: readAddress(bytes, 16, family) } : {}),
    ...(bytes.readUInt8(42) === WIDTH[family] ? { destination: readAddress(bytes, 0, family) } : {}),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(port === undefined ? {} : { port }),
  };
}

/** Nothing ends by itself. */
export const endless = (): Buffer => Buffer.concat([Buffer.alloc(32, 0xff), Buffer.alloc(32)]);
