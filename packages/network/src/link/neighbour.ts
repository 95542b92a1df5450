/** Forwarding databases and neighbours (rtnetlink(7), struct ndmsg; numbers from linux/neighbour.h). */
import type { Address } from '../address/cidr';
import { formatAddress, formatMac, fromBytes, toBytes } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import { FLAG, type Reply, type Request } from '../netlink/message';

const RTM = { add: 28, remove: 29, list: 30 } as const;
const NDA = { destination: 1, linkAddress: 2 } as const;
const AF = { bridge: 7, 4: 2, 6: 10 } as const;
const STATE = { permanent: 0x80, noarp: 0x40 } as const;
const NTF = { self: 0x02, master: 0x04 } as const;
const HEADER = 12;

interface Neighbour {
  readonly family: number;
  readonly index: number;
  readonly state?: number;
  readonly flags?: number;
}

function header({ family, index, state = 0, flags = 0 }: Neighbour): Buffer {
  const out = Buffer.alloc(HEADER);
  out.writeUInt8(family, 0);
  out.writeInt32LE(index, 4);
  out.writeUInt16LE(state, 8);
  out.writeUInt8(flags, 10);
  return out;
}

const lasting = FLAG.create | FLAG.replace | FLAG.ack;

/** Frames to a MAC address leave by the VXLAN link, to this host; and by this port of its bridge. */
export function addForwarding(index: number, mac: Buffer, to: Address): Request[] {
  const purpose = `forward ${formatMac(mac)} to ${formatAddress(to)}`;
  const address = attribute.raw(NDA.linkAddress, mac);
  const self = header({ family: AF.bridge, index, state: STATE.permanent, flags: NTF.self });
  const master = header({ family: AF.bridge, index, state: STATE.noarp, flags: NTF.master });
  return [
    { type: RTM.add, flags: lasting, body: Buffer.concat([self, address, attribute.raw(NDA.destination, toBytes(to))]), purpose },
    { type: RTM.add, flags: lasting, body: Buffer.concat([master, address]), purpose },
  ];
}

export function removeForwarding(index: number, mac: Buffer): Request[] {
  const purpose = `forward ${formatMac(mac)} no more`;
  return [NTF.self, NTF.master].map((flags) => ({
    type: RTM.remove,
    flags: FLAG.ack,
    body: Buffer.concat([header({ family: AF.bridge, index, flags }), attribute.raw(NDA.linkAddress, mac)]),
    purpose,
  }));
}

/** Who has an address, for the link to answer when somebody asks. */
export function addNeighbour(index: number, address: Address, mac: Buffer): Request {
  return {
    type: RTM.add,
    flags: lasting,
    body: Buffer.concat([
      header({ family: AF[address.family], index, state: STATE.permanent }),
      attribute.raw(NDA.destination, toBytes(address)),
      attribute.raw(NDA.linkAddress, mac),
    ]),
    purpose: `tell who has ${formatAddress(address)}`,
  };
}

export function removeNeighbour(index: number, address: Address): Request {
  return {
    type: RTM.remove,
    flags: FLAG.ack,
    body: Buffer.concat([header({ family: AF[address.family], index }), attribute.raw(NDA.destination, toBytes(address))]),
    purpose: `tell no more who has ${formatAddress(address)}`,
  };
}

export const dumpForwarding = (): Request => ({
  type: RTM.list,
  flags: FLAG.dump,
  body: header({ family: AF.bridge, index: 0 }),
  purpose: 'list forwarding databases',
});

/** Of both families. */
export const dumpNeighbours = (): Request => ({
  type: RTM.list,
  flags: FLAG.dump,
  body: header({ family: 0, index: 0 }),
  purpose: 'list neighbours',
});

export interface Entry {
  readonly index: number;
  readonly mac: string;
  /** The host behind a VXLAN link, or the neighbour's own address. */
  readonly address: Address | undefined;
}

/** What was set to last: of forwarding databases what VXLAN links were told, of neighbours what nobody asked for. */
export function readEntries(replies: readonly Reply[]): Entry[] {
  return replies
    .filter(({ type, body }) => type === RTM.add && (body.readUInt16LE(8) & STATE.permanent) !== 0)
    .flatMap(({ body }) => {
      const attributes = attribute.read(body.subarray(HEADER));
      const destination = attributes.get(NDA.destination);
      const isBridges = body.readUInt8(0) === AF.bridge && (body.readUInt8(10) & NTF.self) === 0;
      if (isBridges) return [];
      const address = destination === undefined ? undefined : fromBytes(destination);
      return [{ index: body.readInt32LE(4), mac: formatMac(attributes.get(NDA.linkAddress) ?? []), address }];
    });
}
