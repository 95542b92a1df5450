/** VXLAN links as ports of a bridge (rtnetlink(7); attribute numbers from linux/if_link.h). */
import type { Address } from '../address/cidr';
import { fromBytes, toBytes } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import { FLAG, type Reply, type Request } from '../netlink/message';
import { linkHeader } from './link';
import { createStacked } from './stacked';

const NEW_LINK = 16;
const IFLA = { ifname: 3, master: 10, linkInfo: 18, afSpec: 26 } as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VXLAN = { id: 1, local: 4, learning: 7, sourcePorts: 10, proxy: 11, port: 15, local6: 17 } as const;
const PORT = { learning: 8, unicastFlood: 9 } as const;
const AF_INET6 = 10;
const ADDR_GEN_MODE = 8;
const ADDR_GEN_NONE = 1;
const IFF_UP = 1;

/** Bytes that a packet grows by on its way, by the family of the way: outer Ethernet and IP, UDP, VXLAN. */
export const VXLAN_HEADER = { 4: 50, 6: 70 } as const;

/** Header and nonce before what is encrypted; two bytes at its end, up to a multiple of four; what proves it. */
const ESP = { before: 8 + 8, trailer: 2, align: 4, proof: 16 } as const;
/** What of a frame's way is encrypted with its packet: UDP, VXLAN, the inner Ethernet. */
const WITH_PACKET = 8 + 8 + 14;

/** How large packets may be where ESP is between the hosts, of those that might be as large as `mtu` without it. */
export function withinEsp(mtu: number): number {
  const room = mtu + WITH_PACKET - ESP.before - ESP.proof;
  return room - (room % ESP.align) - ESP.trailer - WITH_PACKET;
}

export interface VxlanLink {
  readonly name: string;
  readonly vni: number;
  /** This host's address on the way. */
  readonly local: Address;
  readonly port: number;
  /** The one that its packets come from, by which they are told from those of other links; undefined: many, none of which is set apart. */
  readonly sourcePort: number | undefined;
  readonly mtu: number;
}

/** Source ports from here on are each one link's alone; other links take those below, as many as the kernel's own range has. */
export const SET_APART = { first: 61_440, count: 4_096 } as const;
const OTHERS_FROM = 32_768;

/** It learns nothing, sends nothing to everybody, and answers for neighbours that it was told of. */
export function createVxlan({ name, vni, local, port, sourcePort, mtu }: VxlanLink): Request {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  const sources = Buffer.alloc(4); // the second is the first that is not taken
  sources.writeUInt16BE(sourcePort ?? OTHERS_FROM, 0);
  sources.writeUInt16BE(sourcePort === undefined ? SET_APART.first : sourcePort + 1, 2);
  return createStacked({
    kind: 'vxlan',
    name,
    mtu,
    data: [
      attribute.u32(VXLAN.id, vni),
      attribute.raw(local.family === 4 ? VXLAN.local : VXLAN.local6, toBytes(local)),
      attribute.raw(VXLAN.port, portBytes),
      attribute.raw(VXLAN.sourcePorts, sources),
      attribute.u8(VXLAN.learning, 0),
      attribute.u8(VXLAN.proxy, 1),
    ],
  });
}

/** Puts it on a bridge and up, in two steps: of a port its bridge must know first that it is one. */
export function plugVxlan(name: string, bridgeIndex: number): Request[] {
  const own = attribute.text(IFLA.ifname, name);
  const noAddress = attribute.nested(IFLA.afSpec, [attribute.nested(AF_INET6, [attribute.u8(ADDR_GEN_MODE, ADDR_GEN_NONE)])]);
  const change = (flags: number, attributes: readonly Buffer[]): Request => ({
    type: NEW_LINK,
    flags: FLAG.ack,
    body: Buffer.concat([linkHeader(0, flags, flags), own, ...attributes]),
    purpose: `put vxlan "${name}" on its bridge`,
  });
  const settings = [attribute.u8(PORT.learning, 0), attribute.u8(PORT.unicastFlood, 0)];
  const slave = attribute.nested(IFLA.linkInfo, [attribute.text(INFO.slaveKind, 'bridge'), attribute.nested(INFO.slaveData, settings)]);
  return [change(0, [attribute.u32(IFLA.master, bridgeIndex), noAddress]), change(IFF_UP, [slave])];
}

/** What a link was made with, as the kernel tells of it; undefined where it is of another kind. */
export function readVxlan(replies: readonly Reply[]): Pick<VxlanLink, 'vni' | 'port' | 'local' | 'sourcePort'> | undefined {
  const info = replies.flatMap(({ type, body }) =>
    type === NEW_LINK ? (attribute.read(body.subarray(16)).get(IFLA.linkInfo) ?? []) : [],
  )[0];
  const attributes = info === undefined ? undefined : attribute.read(info);
  const data = attributes?.get(INFO.data);
  if (attributes === undefined || data === undefined || attribute.readText(attributes, INFO.kind) !== 'vxlan') return undefined;
  const own = attribute.read(data);
  const source = own.get(VXLAN.sourcePorts)?.readUInt16BE(0) ?? 0;
  return {
    vni: own.get(VXLAN.id)?.readUInt32LE(0) ?? 0,
    local: fromBytes(own.get(VXLAN.local) ?? own.get(VXLAN.local6) ?? Buffer.alloc(4)),
    port: own.get(VXLAN.port)?.readUInt16BE(0) ?? 0,
    sourcePort: source >= SET_APART.first ? source : undefined,
  };
}
