/** IPv4 addresses and routes (rtnetlink(7), struct ifaddrmsg and rtmsg). */
import type { Cidr } from '../address/cidr';
import { formatCidr, formatAddress, last, toBytes } from '../address/cidr';
import * as attribute from '../netlink/attribute';
import type { Reply, Request } from '../netlink/message';
import { FLAG } from '../netlink/message';

const RTM = { newAddress: 20, delAddress: 21, getAddress: 22, newRoute: 24, delRoute: 25, getRoute: 26 } as const;
const IFA = { address: 1, local: 2, broadcast: 4 } as const;
const RTA = { destination: 1, outInterface: 4, gateway: 5, table: 15 } as const;
const AF_INET = 2;
const TABLE_MAIN = 254;
const PROTOCOL_BOOT = 3;
const TYPE_UNICAST = 1;

function addressBody(index: number, block: Cidr): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(block.prefix, 1);
  header.writeUInt32LE(index, 4);
  const local = toBytes(block.address);
  return Buffer.concat([
    header,
    attribute.raw(IFA.local, local),
    attribute.raw(IFA.address, local),
    attribute.raw(IFA.broadcast, toBytes(last(block))),
  ]);
}

/** The address with its broadcast; the kernel adds the route to the subnet. */
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

export function dumpAddresses(): Request {
  return { type: RTM.getAddress, flags: FLAG.dump, body: Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0]), purpose: 'list addresses' };
}

export function readAddresses(replies: readonly Reply[]): (Cidr & { readonly index: number })[] {
  return replies
    .filter((reply) => reply.type === RTM.newAddress)
    .flatMap((reply) => {
      const local = attribute.read(reply.body.subarray(8)).get(IFA.local);
      return local === undefined
        ? []
        : [{ address: local.readUInt32BE(0), prefix: reply.body.readUInt8(1), index: reply.body.readUInt32LE(4) }];
    });
}

function routeBody(gateway: number, index: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(TABLE_MAIN, 4);
  header.writeUInt8(PROTOCOL_BOOT, 5);
  header.writeUInt8(TYPE_UNICAST, 7);
  return Buffer.concat([header, attribute.raw(RTA.gateway, toBytes(gateway)), attribute.u32(RTA.outInterface, index)]);
}

/** The default route; takes the place of one that is there. */
export function setDefaultRoute(gateway: number, index: number): Request {
  return {
    type: RTM.newRoute,
    flags: FLAG.create | FLAG.replace | FLAG.ack,
    body: routeBody(gateway, index),
    purpose: `set default route via ${formatAddress(gateway)}`,
  };
}

export function dumpRoutes(): Request {
  return { type: RTM.getRoute, flags: FLAG.dump, body: Buffer.from([AF_INET, ...Array<number>(11).fill(0)]), purpose: 'list routes' };
}

export interface Route {
  readonly destination: Cidr;
  /** Index of the outgoing interface; 0 when there is none (blackhole). */
  readonly outInterface: number;
}

/** Routes of the main table, the default route included (prefix 0). */
export function readRoutes(replies: readonly Reply[]): Route[] {
  return replies
    .filter((reply) => reply.type === RTM.newRoute && reply.body.readUInt8(0) === AF_INET)
    .flatMap((reply) => {
      const attributes = attribute.read(reply.body.subarray(12));
      const table = attributes.get(RTA.table)?.readUInt32LE(0) ?? reply.body.readUInt8(4);
      if (table !== TABLE_MAIN) return [];
      const destination = { address: attributes.get(RTA.destination)?.readUInt32BE(0) ?? 0, prefix: reply.body.readUInt8(1) };
      return [{ destination, outInterface: attributes.get(RTA.outInterface)?.readUInt32LE(0) ?? 0 }];
    });
}
