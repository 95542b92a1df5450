/** Policies for what leaves the host (struct xfrm_userpolicy_info of linux/xfrm.h). */
import { formatAddress } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import { FLAG, type Reply, type Request } from '../netlink/message';
import { addressBytes, AF, endless, ESP, readSelector, type Selector, SELECTOR_LENGTH, selectorBytes } from './selector';
import type { State } from './state';

const MESSAGE = { list: 0x15, told: 0x13, remove: 0x14, put: 0x19 } as const;
const XFRMA_TEMPLATE = 5;
const AT = { lifetime: 56, priority: 152, direction: 160, action: 161 } as const;
const LENGTH = 168;
const OUT = 1;
const BLOCK = 1;
const TEMPLATE = { destination: 0, spi: 16, protocol: 20, family: 24, source: 28, tag: 44, ciphers: 52 } as const;
const TEMPLATE_LENGTH = 64;
const ANY_CIPHER = Buffer.alloc(12, 0xff);

export interface Policy {
  readonly selector: Selector;
  /** The lowest that fits a packet has its say. */
  readonly priority: number;
  /** The state that packets take; without one they are dropped. */
  readonly by?: State;
}

/** A policy as the kernel tells of it. */
export type KnownPolicy = Omit<Policy, 'by'> & {
  /** Of the state that packets take; undefined where they are dropped, or go as they are. */
  readonly by: Pick<State, 'spi' | 'tag'> | undefined;
};

function title({ family, source, destination, sourcePort, port }: Selector): string {
  const end = (address: typeof source, at: number | undefined): string =>
    `${address === undefined ? `any of IPv${family}` : formatAddress(address)}${at === undefined ? '' : ` port ${at}`}`;
  return `policy for packets of ${end(source, sourcePort)} to ${end(destination, port)}`;
}

/** Makes it, or puts it in place of the one for the same packets: at no moment there is none. */
export function putPolicy({ selector, priority, by }: Policy): Request {
  const info = Buffer.alloc(LENGTH);
  selectorBytes(selector).copy(info);
  endless().copy(info, AT.lifetime);
  info.writeUInt32LE(priority, AT.priority);
  info.writeUInt8(OUT, AT.direction);
  if (by === undefined) info.writeUInt8(BLOCK, AT.action);
  return {
    type: MESSAGE.put,
    flags: FLAG.create | FLAG.replace | FLAG.ack,
    body: Buffer.concat([info, ...(by === undefined ? [] : [attribute.raw(XFRMA_TEMPLATE, template(by))])]),
    purpose: `put ${title(selector)}`,
  };
}

/** struct xfrm_user_tmpl: that very state, in transport mode */
function template({ source, destination, spi, tag }: State): Buffer {
  const out = Buffer.alloc(TEMPLATE_LENGTH);
  addressBytes(destination).copy(out, TEMPLATE.destination);
  out.writeUInt32BE(spi, TEMPLATE.spi);
  out.writeUInt8(ESP, TEMPLATE.protocol);
  out.writeUInt16LE(AF[source.family], TEMPLATE.family);
  addressBytes(source).copy(out, TEMPLATE.source);
  out.writeUInt32LE(tag, TEMPLATE.tag);
  ANY_CIPHER.copy(out, TEMPLATE.ciphers);
  return out;
}

export function removePolicy(selector: Selector): Request {
  const id = Buffer.alloc(64);
  selectorBytes(selector).copy(id);
  id.writeUInt8(OUT, 60);
  return { type: MESSAGE.remove, flags: FLAG.ack, body: id, purpose: `remove ${title(selector)}` };
}

export const dumpPolicies = (): Request => ({ type: MESSAGE.list, flags: FLAG.dump, body: Buffer.alloc(0), purpose: 'list policies' });

/** Those for what leaves the host. */
export function readPolicies(replies: readonly Reply[]): KnownPolicy[] {
  return replies.flatMap(({ type, body }) => {
    if (type !== MESSAGE.told || body.length < LENGTH || body.readUInt8(AT.direction) !== OUT) return [];
    const selector = readSelector(body.subarray(0, SELECTOR_LENGTH));
    if (selector === undefined) return [];
    const told = attribute.read(body.subarray(LENGTH)).get(XFRMA_TEMPLATE);
    const by = told === undefined ? undefined : { spi: told.readUInt32BE(TEMPLATE.spi), tag: told.readUInt32LE(TEMPLATE.tag) };
    return [{ selector, priority: body.readUInt32LE(AT.priority), by }];
  });
}
