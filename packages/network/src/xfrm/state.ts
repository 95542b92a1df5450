/** States of ESP in transport mode (xfrm's "SA"; struct xfrm_usersa_info of linux/xfrm.h). */
import { type Address, formatAddress } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import { FLAG, type Reply, type Request } from '../netlink/message';
import { addressBytes, AF, endless, ESP, familyOfNumber, readAddress, selectorBytes } from './selector';

const MESSAGE = { add: 0x10, remove: 0x11, list: 0x12 } as const;
const XFRMA = { aead: 18, replayWindow: 23 } as const;
const AT = { destination: 56, spi: 72, protocol: 76, source: 80, lifetime: 96, packets: 168, reqid: 208, family: 212, flags: 216 } as const;
const LENGTH = 224;
/** Sequence numbers of 64 bits: no state ends because its numbers did. */
const EXTENDED_NUMBERS = 0x80;
/** How far packets may come in another order: paths through several processors and queues turn many around. */
const WINDOW = 1024;

export const CIPHER = 'rfc4106(gcm(aes))';
const ICV_BITS = 128;

/** What a state is known by. */
export interface StateName {
  readonly source: Address;
  readonly destination: Address;
  readonly spi: number;
}

export interface State extends StateName {
  /** Whose it is, the "reqid". */
  readonly tag: number;
}

export interface KnownState extends State {
  /** How many have passed. */
  readonly packets: bigint;
}

const title = ({ source, destination, spi }: StateName): string =>
  `ESP state ${formatAddress(source)} to ${formatAddress(destination)}, ${spi.toString(16)}`;

/** `key`: that of AES-256-GCM and the four bytes that its nonces begin with. Fails with EEXIST where there is one of that name. */
export function addState(state: State & { readonly key: Buffer }): Request {
  const { source, destination, spi, tag, key } = state;
  const info = Buffer.alloc(LENGTH);
  selectorBytes({ family: source.family }).copy(info);
  addressBytes(destination).copy(info, AT.destination);
  info.writeUInt32BE(spi, AT.spi);
  info.writeUInt8(ESP, AT.protocol);
  addressBytes(source).copy(info, AT.source);
  endless().copy(info, AT.lifetime);
  info.writeUInt32LE(tag, AT.reqid);
  info.writeUInt16LE(AF[source.family], AT.family); // mode transport is 0
  info.writeUInt8(EXTENDED_NUMBERS, AT.flags);
  const attributes = [attribute.raw(XFRMA.aead, cipher(key)), attribute.raw(XFRMA.replayWindow, replayWindow())];
  return {
    type: MESSAGE.add,
    flags: FLAG.create | FLAG.exclusive | FLAG.ack,
    body: Buffer.concat([info, ...attributes]),
    purpose: `add ${title(state)}`,
  };
}

/** struct xfrm_algo_aead */
function cipher(key: Buffer): Buffer {
  const head = Buffer.alloc(72);
  head.write(CIPHER, 'latin1');
  head.writeUInt32LE(key.length * 8, 64);
  head.writeUInt32LE(ICV_BITS, 68);
  return Buffer.concat([head, key]);
}

/** struct xfrm_replay_state_esn, and a bit for each packet of the window */
function replayWindow(): Buffer {
  const out = Buffer.alloc(24 + WINDOW / 8);
  out.writeUInt32LE(WINDOW / 32, 0);
  out.writeUInt32LE(WINDOW, 20);
  return out;
}

export function removeState(state: StateName): Request {
  const id = Buffer.alloc(24);
  addressBytes(state.destination).copy(id);
  id.writeUInt32BE(state.spi, 16);
  id.writeUInt16LE(AF[state.destination.family], 20);
  id.writeUInt8(ESP, 22);
  return { type: MESSAGE.remove, flags: FLAG.ack, body: id, purpose: `remove ${title(state)}` };
}

/** All states of the namespace. The answer has their keys. */
export const dumpStates = (): Request => ({ type: MESSAGE.list, flags: FLAG.dump, body: Buffer.alloc(0), purpose: 'list ESP states' });

/** Those of ESP in the answer. */
export function readStates(replies: readonly Reply[]): KnownState[] {
  return replies.flatMap(({ type, body }) => {
    if (type !== MESSAGE.add || body.length < LENGTH || body.readUInt8(AT.protocol) !== ESP) return [];
    const family = familyOfNumber(body.readUInt16LE(AT.family));
    if (family === undefined) return [];
    const [source, destination] = [readAddress(body, AT.source, family), readAddress(body, AT.destination, family)];
    const numbers = { spi: body.readUInt32BE(AT.spi), tag: body.readUInt32LE(AT.reqid), packets: body.readBigUInt64LE(AT.packets) };
    return [{ source, destination, ...numbers }];
  });
}
