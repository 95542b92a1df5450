/** Links on top of others, and those that serve as their bottom (attribute numbers from linux/if_link.h). */
import * as attribute from '../netlink/attribute';
import type { NetlinkConnection } from '../netlink/connection';
import { isNetlinkError } from '../netlink/connection';
import type { Request } from '../netlink/message';
import { FLAG } from '../netlink/message';
import { getLink, linkHeader, type Link, MAX_NAME, readLinks } from './link';

const NEW_LINK = 16;
const IFLA = { address: 1, ifname: 3, mtu: 4, link: 5, linkInfo: 18, netnsFd: 28 } as const;
const INFO = { kind: 1, data: 2 } as const;
const VETH_PEER = 1;
const VLAN_ID = 1;

export interface StackedLink {
  readonly kind: string;
  readonly name: string;
  /** The link below it, in the namespace of the connection. */
  readonly parentIndex?: number;
  /** Descriptor of the namespace that it is made in. */
  readonly netns?: number;
  readonly mac?: Buffer;
  readonly mtu?: number | undefined;
  /** What its kind is told. */
  readonly data?: readonly Buffer[];
}

export function createStacked({ kind, name, parentIndex, netns, mac, mtu, data = [] }: StackedLink): Request {
  const info = [attribute.text(INFO.kind, kind), ...(data.length === 0 ? [] : [attribute.nested(INFO.data, data)])];
  const attributes = [
    attribute.text(IFLA.ifname, name),
    ...(mac === undefined ? [] : [attribute.raw(IFLA.address, mac)]),
    ...(mtu === undefined ? [] : [attribute.u32(IFLA.mtu, mtu)]),
    ...(parentIndex === undefined ? [] : [attribute.u32(IFLA.link, parentIndex)]),
    ...(netns === undefined ? [] : [attribute.u32(IFLA.netnsFd, netns)]),
    attribute.nested(IFLA.linkInfo, info),
  ];
  return {
    type: NEW_LINK,
    flags: FLAG.create | FLAG.exclusive | FLAG.ack,
    body: Buffer.concat([linkHeader(0, 0, 0), ...attributes]),
    purpose: `create ${kind} "${name}"`,
  };
}

export const createVlan = (name: string, parentIndex: number, id: number): Request =>
  createStacked({ kind: 'vlan', name, parentIndex, data: [attribute.u16(VLAN_ID, id)] });

/** A pair of links that leads nowhere but from one to the other. */
export const createPair = (name: string, peer: string): Request =>
  createStacked({
    kind: 'veth',
    name,
    data: [attribute.raw(VETH_PEER, Buffer.concat([linkHeader(0, 0, 0), attribute.text(IFLA.ifname, peer)]))],
  });

/** Whether the kernel has links of a kind that is made on top of another: without one it says what it lacks first, and makes nothing. */
export async function hasKind(connection: NetlinkConnection, kind: string): Promise<boolean> {
  try {
    await connection.request([createStacked({ kind, name: 'gantry-probe' })]);
  } catch (error) {
    if (isNetlinkError(error)) return error.code !== 'ENOTSUP';
    throw error;
  }
  return true;
}

/** Undefined when there is no link of that name. */
export async function findLink(connection: NetlinkConnection, name: string): Promise<Link | undefined> {
  if (name === '' || name.length > MAX_NAME) return undefined;
  try {
    return readLinks(await connection.request([getLink(name)]))[0];
  } catch (error) {
    if (isNetlinkError(error, 'ENODEV')) return undefined;
    throw error;
  }
}
