/** Connection tracking entries of UDP (linux/netfilter/nfnetlink_conntrack.h). */
import type { Address, Family } from '../address/cidr';
import { toBytes } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import type { NetlinkConnection } from '../netlink/connection';
import { isNetlinkError } from '../netlink/connection';
import type { Request } from '../netlink/message';
import { FLAG } from '../netlink/message';

const SUBSYSTEM = 1 << 8;
const MESSAGE = { new: 0, get: 1, delete: 2 } as const;
const CTA = { original: 1, reply: 2, zone: 18 } as const;
const TUPLE = { ip: 1, protocol: 2 } as const;
const SOURCE = { 4: 1, 6: 3 } as const satisfies Record<Family, number>;
const PROTOCOL = { number: 1, destinationPort: 3 } as const;
const AF = { 4: 2, 6: 10 } as const satisfies Record<Family, number>;
const UDP = 17;
const NESTED = 0x8000;

export interface UdpFlows {
  /** Host ports whose clients must be translated anew. */
  readonly hostPorts: ReadonlySet<number>;
  /** Address of the container that answers, or answered, them. */
  readonly containerAddress: Address;
}

/**
 * Forgets the flows to the host ports and those that a container answers. A client that keeps sending from one port would stay
 * translated as it was (to nobody, or to an address that somebody else has by now): UDP has no end that would end its entry.
 */
export async function forgetUdpFlows(connection: NetlinkConnection, flows: UdpFlows): Promise<number> {
  const { family } = flows.containerAddress;
  const dump = request(MESSAGE.get, family, { flags: FLAG.dump, attributes: [], purpose: 'list connection tracking entries' });
  const container = toBytes(flows.containerAddress);
  let forgotten = 0;
  for (const reply of await connection.request([dump])) {
    if (reply.type !== (SUBSYSTEM | MESSAGE.new)) continue;
    const entry = attribute.read(reply.body.subarray(4));
    const original = entry.get(CTA.original);
    const answer = entry.get(CTA.reply);
    if (original === undefined || answer === undefined || protocolOf(original) !== UDP) continue;
    if (!flows.hostPorts.has(destinationPortOf(original)) && sourceOf(answer, family)?.equals(container) !== true) continue;
    forgotten += await forget(connection, family, { original, zone: entry.get(CTA.zone) });
  }
  return forgotten;
}

async function forget(
  connection: NetlinkConnection,
  family: Family,
  { original, zone }: { readonly original: Buffer; readonly zone: Buffer | undefined },
): Promise<number> {
  const attributes = [attribute.raw(CTA.original | NESTED, original), ...(zone === undefined ? [] : [attribute.raw(CTA.zone, zone)])];
  try {
    await connection.request([
      request(MESSAGE.delete, family, { flags: FLAG.ack, attributes, purpose: 'forget a connection tracking entry' }),
    ]);
    return 1;
  } catch (error) {
    if (isNetlinkError(error, 'ENOENT')) return 0; // it ended by itself
    throw error;
  }
}

function request(
  type: number,
  family: Family,
  { flags, attributes, purpose }: { readonly flags: number; readonly attributes: readonly Buffer[]; readonly purpose: string },
): Request {
  return { type: SUBSYSTEM | type, flags, body: Buffer.concat([Buffer.from([AF[family], 0, 0, 0]), ...attributes]), purpose };
}

function part(tuple: Buffer, type: number): attribute.Attributes {
  return attribute.read(attribute.read(tuple).get(type) ?? Buffer.alloc(0));
}

function protocolOf(tuple: Buffer): number | undefined {
  return part(tuple, TUPLE.protocol).get(PROTOCOL.number)?.[0];
}

function destinationPortOf(tuple: Buffer): number {
  return part(tuple, TUPLE.protocol).get(PROTOCOL.destinationPort)?.readUInt16BE(0) ?? 0;
}

function sourceOf(tuple: Buffer, family: Family): Buffer | undefined {
  return part(tuple, TUPLE.ip).get(SOURCE[family]);
}
