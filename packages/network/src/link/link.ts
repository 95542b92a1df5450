/** Links (rtnetlink(7), struct ifinfomsg; attribute numbers from linux/if_link.h). */
import * as attribute from '../netlink/attribute';
import type { Reply, Request } from '../netlink/message';
import { FLAG } from '../netlink/message';

const RTM = { newLink: 16, delLink: 17, getLink: 18 } as const;
const IFLA = { address: 1, ifname: 3, mtu: 4, master: 10, linkInfo: 18, alias: 20, afSpec: 26, netnsFd: 28, extendedMask: 29 } as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VETH_PEER = 1;
const PORT = { mode: 4, isolated: 33 } as const;
const AF_INET6 = 10;
const INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_NONE = 1;
const IFF_UP = 1;

/** Interface names hold 15 bytes. */
export const MAX_NAME = 15;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Index of the bridge that it is a port of; 0 for none. */
  readonly master: number;
  /** rtnetlink's kind: bridge, veth, …; empty for hardware. */
  readonly kind: string;
  readonly mac: string;
  /** What its maker wrote on it; empty where nobody did. */
  readonly alias: string;
  /** Bytes of the largest packet. */
  readonly mtu: number;
}

/** struct ifinfomsg. */
export function linkHeader(index: number, flags: number, change: number): Buffer {
  const out = Buffer.alloc(16);
  out.writeInt32LE(index, 4);
  out.writeUInt32LE(flags, 8);
  out.writeUInt32LE(change, 12);
  return out;
}

/** The least MTU of IPv6 (RFC 8200). */
const IPV6_MTU = 1280;

const noIpv6Address = (): Buffer =>
  attribute.nested(IFLA.afSpec, [attribute.nested(AF_INET6, [attribute.u8(INET6_ADDR_GEN_MODE, ADDR_GEN_NONE)])]);

export function createBridge(name: string, mac: Buffer, mtu: number | undefined): Request {
  const attributes = [
    attribute.text(IFLA.ifname, name),
    attribute.raw(IFLA.address, mac),
    attribute.nested(IFLA.linkInfo, [attribute.text(INFO.kind, 'bridge')]),
  ];
  if (mtu !== undefined) attributes.push(attribute.u32(IFLA.mtu, mtu));
  return {
    type: RTM.newLink,
    flags: FLAG.create | FLAG.exclusive | FLAG.ack,
    body: Buffer.concat([linkHeader(0, 0, 0), ...attributes]),
    purpose: `create bridge "${name}"`,
  };
}

/** Writes on a link, as anybody may read in `ip link`. */
export function setAlias(name: string, alias: string): Request {
  const attributes = [attribute.text(IFLA.ifname, name), attribute.text(IFLA.alias, alias)];
  const body = Buffer.concat([linkHeader(0, 0, 0), ...attributes]);
  return { type: RTM.newLink, flags: FLAG.ack, body, purpose: `write on link "${name}"` };
}

export interface VethPair {
  readonly hostName: string;
  readonly bridgeIndex: number;
  readonly mtu: number | undefined;
  readonly peerName: string;
  readonly peerMac: Buffer;
  /** Descriptor of the target network namespace. */
  readonly netns: number;
}

/** Both ends in one message: ours up on the bridge, the peer already inside the namespace (moving it later costs an RCU grace period). */
export function createVeth(pair: VethPair): Request {
  const mtu = pair.mtu === undefined ? [] : [attribute.u32(IFLA.mtu, pair.mtu)];
  const peer = Buffer.concat([
    linkHeader(0, 0, 0),
    attribute.text(IFLA.ifname, pair.peerName),
    attribute.raw(IFLA.address, pair.peerMac),
    attribute.u32(IFLA.netnsFd, pair.netns),
    ...mtu,
  ]);
  const attributes = [
    attribute.text(IFLA.ifname, pair.hostName),
    attribute.u32(IFLA.master, pair.bridgeIndex),
    ...mtu,
    attribute.nested(IFLA.linkInfo, [attribute.text(INFO.kind, 'veth'), attribute.nested(INFO.data, [attribute.raw(VETH_PEER, peer)])]),
  ];
  return {
    type: RTM.newLink,
    flags: FLAG.create | FLAG.exclusive | FLAG.ack,
    body: Buffer.concat([linkHeader(0, 0, 0), ...attributes]),
    purpose: `create veth "${pair.hostName}" with peer "${pair.peerName}"`,
  };
}

/**
 * A bridge port by name: hairpin on (a container may reach itself through its published port when bridge netfilter is on), no IPv6
 * address of its own, isolated from the other isolated ports when the containers of the network may not talk. Brings it up.
 */
export function configurePort(name: string, isolated: boolean, mtu: number | undefined): Request {
  const attributes = [
    attribute.text(IFLA.ifname, name),
    attribute.nested(IFLA.linkInfo, [
      attribute.text(INFO.slaveKind, 'bridge'),
      attribute.nested(INFO.slaveData, [attribute.u8(PORT.mode, 1), attribute.u8(PORT.isolated, isolated ? 1 : 0)]),
    ]),
  ];
  // Where packets are too small for it the kernel has no IPv6 on the interface, and nothing that could be set.
  if (mtu === undefined || mtu >= IPV6_MTU) attributes.push(noIpv6Address());
  return {
    type: RTM.newLink,
    flags: FLAG.ack,
    body: Buffer.concat([linkHeader(0, IFF_UP, IFF_UP), ...attributes]),
    purpose: `configure bridge port "${name}"`,
  };
}

export function setUp(link: number | string): Request {
  const byName = typeof link === 'string' ? attribute.text(IFLA.ifname, link) : Buffer.alloc(0);
  const body = Buffer.concat([linkHeader(typeof link === 'number' ? link : 0, IFF_UP, IFF_UP), byName]);
  return { type: RTM.newLink, flags: FLAG.ack, body, purpose: `bring up link ${JSON.stringify(link)}` };
}

/** Into another namespace, under another name; `down` takes it down before, as a name can only be changed then. */
export function moveLink(index: number, to: { readonly name: string; readonly netns: number; readonly down?: boolean }): Request {
  return {
    type: RTM.newLink,
    flags: FLAG.ack,
    body: Buffer.concat([
      linkHeader(index, 0, to.down === true ? IFF_UP : 0),
      attribute.text(IFLA.ifname, to.name),
      attribute.u32(IFLA.netnsFd, to.netns),
    ]),
    purpose: `move link to "${to.name}"`,
  };
}

export function setMac(index: number, mac: Buffer): Request {
  return {
    type: RTM.newLink,
    flags: FLAG.ack,
    body: Buffer.concat([linkHeader(index, 0, 0), attribute.raw(IFLA.address, mac)]),
    purpose: 'set the MAC address',
  };
}

/** Waits in the kernel for an RCU grace period (about 16 ms): never while a caller waits. */
export function deleteLink(name: string): Request {
  return {
    type: RTM.delLink,
    flags: FLAG.ack,
    body: Buffer.concat([linkHeader(0, 0, 0), attribute.text(IFLA.ifname, name)]),
    purpose: `delete link "${name}"`,
  };
}

/** Statistics are most of an answer, and nobody here reads them. */
const SKIP_STATISTICS = 1 << 3;

export function getLink(name: string): Request {
  return {
    type: RTM.getLink,
    flags: 0,
    body: Buffer.concat([linkHeader(0, 0, 0), attribute.text(IFLA.ifname, name), attribute.u32(IFLA.extendedMask, SKIP_STATISTICS)]),
    purpose: `find link "${name}"`,
  };
}

export function dumpLinks(): Request {
  return {
    type: RTM.getLink,
    flags: FLAG.dump,
    body: Buffer.concat([linkHeader(0, 0, 0), attribute.u32(IFLA.extendedMask, SKIP_STATISTICS)]),
    purpose: 'list links',
  };
}

export function readLinks(replies: readonly Reply[]): Link[] {
  return replies
    .filter((reply) => reply.type === RTM.newLink)
    .map((reply) => {
      const attributes = attribute.read(reply.body.subarray(16));
      const info = attributes.get(IFLA.linkInfo);
      return {
        index: reply.body.readInt32LE(4),
        name: attribute.readText(attributes, IFLA.ifname),
        up: (reply.body.readUInt32LE(8) & IFF_UP) !== 0,
        master: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
        kind: info === undefined ? '' : attribute.readText(attribute.read(info), INFO.kind),
        mac: [...(attributes.get(IFLA.address) ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
        alias: attribute.readText(attributes, IFLA.alias),
        mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
      };
    });
}
