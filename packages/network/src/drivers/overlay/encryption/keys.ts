import { hkdfSync, randomBytes } from 'node:crypto';
import type { Address } from '../../../address/cidr';
import { addressBytes } from '../../../xfrm/selector';

const SECRET_BYTES = 32;
/** AES-256, and what the nonces of a state begin with. */
const KEY_BYTES = 32 + 4;
const SPI_BYTES = 4;
/** Numbers below are not given out (RFC 4303). */
const FIRST_SPI = 256;

/** One end of a way: an engine in one life. */
export interface End {
  readonly address: Address;
  /** Hex; new with each life of the engine's network, and at each rotation. */
  readonly salt: string;
}

/** What packets of one direction are encrypted by. */
export interface DirectionKey {
  readonly spi: number;
  readonly key: Buffer;
}

export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('hex');

export const isSecret = (text: string): boolean => text.length === 2 * SECRET_BYTES && /^[0-9a-f]*$/.test(text);

/** HKDF-SHA256 (RFC 5869). */
export const expand = (secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, length));

/**
 * Key and number of the state for packets of one engine to another on a network. Both salts are part of it: an end that has forgotten how far its packets were counted never
 * meets a key again, whatever the other end does.
 */
export function directionKey({
  secret,
  network,
  from,
  to,
}: {
  readonly secret: string;
  readonly network: string;
  readonly from: End;
  readonly to: End;
}): DirectionKey {
  const salt = Buffer.concat([from, to].map((end) => Buffer.from(end.salt, 'hex')));
  const info = Buffer.concat([Buffer.from(`gantry overlay esp 1\0${network}\0`), addressBytes(from.address), addressBytes(to.address)]);
  const bytes = expand(Buffer.from(secret, 'hex'), salt, info, KEY_BYTES + SPI_BYTES);
  const number = bytes.readUInt32BE(KEY_BYTES);
  return { key: bytes.subarray(0, KEY_BYTES), spi: number < FIRST_SPI ? number + FIRST_SPI : number };
}
