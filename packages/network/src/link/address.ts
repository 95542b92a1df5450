/** Addresses and routes (rtnetlink(7), struct ifaddrmsg and rtmsg). */
import type { Address, Cidr } from '../address/cidr';
import { formatCidr, formatAddress, fromBytes, last, toBytes } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import type { Reply, Request } from '../netlink/message';
import { FLAG } from '../netlink/message';

const RTM = { newAddress: 20, delAddress: 21, getAddress: 22, newRoute: 24, delRoute: 25, getRoute: 26 } as const;
const IFA = { address: 1, local: 2, broadcast: 4 } as const;
const RTA = { destination: 1, outInterface: 4, gateway: 5, table: 15 } as const;
const AF = { 4: 2, 6: 10 } as const;
const AF_ANY = 0;
/** An address of ours is nobody else's: it is used at once, without asking the link for a duplicate. */
const NO_DUPLICATE_DETECTION = 0x02;
const TABLE_MAIN = 254;
const PROTOCOL_BOOT = 3;
const TYPE_UNICAST = 1;
const SCOPE_LINK = 253;

function addressBody(index: number, block: Cidr): Buffer {
  const { family } = block.address;
  const header = Buffer.alloc(8);
  header.writeUInt8(AF[family], 0);
  header.writeUInt8(block.prefix, 1);
  if (family === 6) header.writeUInt8(NO_DUPLICATE_DETECTION, 2);
  header.writeUInt32LE(index, 4);
  const local = toBytes(block.address);
  const broadcast = family === 4 ? [attribute.raw(IFA.broadcast, toBytes(last(block)))] : [];
  return Buffer.concat([header, attribute.raw(IFA.local, local), attribute.raw(IFA.address, local), ...broadcast]);
}

/** The address, for IPv4 with its broadcast; the kernel adds the route to the subnet. */
export function addAddress(index: number, block: Cidr): Request {
  return {
    type: RTM.newAddress,
    flags: FLAG.create | FLAG.replace | FLAG.ack,
    body: addressBody(index, block),
    purpose: `add address ${formatCidr(block)}`,
  };
}

export function deleteAddress(index: number, block: Cidr): Request {
  return { type: RTM.delAddress, flags: FLAG.ack, body: addressBody(index, block), purpose: `delete address ${formatCidr(block)}` };
}

/** Of both families. */
export function dumpAddresses(): Request {
  return { type: RTM.getAddress, flags: FLAG.dump, body: Buffer.from([AF_ANY, 0, 0, 0, 0, 0, 0, 0]), purpose: 'list addresses' };
}

/** Without those of the link itself, as the kernel gives each. */
export function readAddresses(replies: readonly Reply[]): (Cidr & { readonly index: number })[] {
  return addressesOf(replies, ({ isOfLink }) => !isOfLink);
}

/** With those of the link itself. */
export function readAllAddresses(replies: readonly Reply[]): (Cidr & { readonly index: number })[] {
  return addressesOf(replies, () => true);
}

function addressesOf(
  replies: readonly Reply[],
  isWanted: (about: { readonly isOfLink: boolean }) => boolean,
): (Cidr & { readonly index: number })[] {
  return replies
    .filter((reply) => reply.type === RTM.newAddress)
    .flatMap((reply) => {
      const attributes = attribute.read(reply.body.subarray(8));
      const local = attributes.get(IFA.local) ?? attributes.get(IFA.address);
      const isOfLink = reply.body.readUInt8(0) === AF[6] && reply.body.readUInt8(3) === SCOPE_LINK;
      if (local === undefined || !isWanted({ isOfLink })) return [];
      return [{ address: fromBytes(local), prefix: reply.body.readUInt8(1), index: reply.body.readUInt32LE(4) }];
    });
}

function routeBody(gateway: Address, index: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF[gateway.family], 0);
  header.writeUInt8(TABLE_MAIN, 4);
  header.writeUInt8(PROTOCOL_BOOT, 5);
  header.writeUInt8(TYPE_UNICAST, 7);
  return Buffer.concat([header, attribute.raw(RTA.gateway, toBytes(gateway)), attribute.u32(RTA.outInterface, index)]);
}

/** The default route of the gateway's family; takes the place of one that is there. */
export function setDefaultRoute(gateway: Address, index: number): Request {
  return {
    type: RTM.newRoute,
    flags: FLAG.create | FLAG.replace | FLAG.ack,
    body: routeBody(gateway, index),
    purpose: `set default route via ${formatAddress(gateway)}`,
  };
}

/** A route to a block, by way of a gateway or on the link itself; takes the place of one that is there. */
export function addRoute(destination: Cidr, gateway: Address | undefined, index: number): Request {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF[destination.address.family], 0);
  header.writeUInt8(destination.prefix, 1);
  header.writeUInt8(TABLE_MAIN, 4);
  header.writeUInt8(PROTOCOL_BOOT, 5);
  header.writeUInt8(gateway === undefined ? SCOPE_LINK : 0, 6);
  header.writeUInt8(TYPE_UNICAST, 7);
  return {
    type: RTM.newRoute,
    flags: FLAG.create | FLAG.replace | FLAG.ack,
    body: Buffer.concat([
      header,
      attribute.raw(RTA.destination, toBytes(destination.address)),
      ...(gateway === undefined ? [] : [attribute.raw(RTA.gateway, toBytes(gateway))]),
      attribute.u32(RTA.outInterface, index),
    ]),
    purpose: `add route to ${formatCidr(destination)}`,
  };
}

/** Of both families. */
export function dumpRoutes(): Request {
  return { type: RTM.getRoute, flags: FLAG.dump, body: Buffer.from([AF_ANY, ...Array<number>(11).fill(0)]), purpose: 'list routes' };
}

export interface Route {
  readonly destination: Cidr;
  /** Index of the outgoing interface; 0 when there is none (blackhole). */
  readonly outInterface: number;
}

/** Routes of the main table, the default route included (prefix 0). */
export function readRoutes(replies: readonly Reply[]): Route[] {
  return replies
    .filter((reply) => reply.type === RTM.newRoute)
    .flatMap((reply) => {
      const length = reply.body.readUInt8(0) === AF[4] ? 4 : reply.body.readUInt8(0) === AF[6] ? 16 : 0;
      const attributes = attribute.read(reply.body.subarray(12));
      const table = attributes.get(RTA.table)?.readUInt32LE(0) ?? reply.body.readUInt8(4);
      if (table !== TABLE_MAIN || length === 0) return [];
      const destination = { address: fromBytes(attributes.get(RTA.destination) ?? Buffer.alloc(length)), prefix: reply.body.readUInt8(1) };
      return [{ destination, outInterface: attributes.get(RTA.outInterface)?.readUInt32LE(0) ?? 0 }];
    });
}
