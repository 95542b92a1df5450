import { invalidArgument } from '@gantry/rpc';
import type { Address, Cidr } from '../../address/cidr';
import { parseAddress, parseCidr } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { addAddress, addRoute, setDefaultRoute } from '../../link/address';
import { getLink, readLinks, setUp } from '../../link/link';
import { NetlinkConnection } from '../../netlink/connection';
import type { RouteRecord } from '../../store/record';
import { advertise, type Advertising } from './advertise';

const LOOPBACK_INDEX = 1;

export interface InterfaceSettings {
  readonly name: string;
  readonly addresses: readonly Cidr[];
  /** Present when the default routes go through it. */
  readonly gateways: readonly Address[];
  readonly routes: readonly RouteRecord[];
  /** Undefined: as the kernel and the driver have it. */
  readonly advertising: Advertising | undefined;
  /** Files below /proc/sys, and what is to be in them. */
  readonly sysctls: readonly (readonly [file: string, value: string])[];
}

/** Configures an interface that is in the sandbox. May be repeated. */
export async function configureInside(kernel: NetworkKernel, namespace: Namespace, wanted: InterfaceSettings): Promise<void> {
  const { netlink, written } = kernel.configure(namespace, ipv6Settings(wanted));
  const inside = new NetlinkConnection(netlink);
  try {
    const [answers] = await Promise.all([inside.request([setUp(LOOPBACK_INDEX), getLink(wanted.name)]), written]);
    const [link] = readLinks(answers);
    const index = link?.index ?? 0;
    await inside.request([
      ...wanted.addresses.map((address) => addAddress(index, address)),
      setUp(index),
      ...wanted.gateways.map((gateway) => setDefaultRoute(gateway, index)),
      ...wanted.routes.flatMap(({ destination, nextHop }) => {
        const block = parseCidr(destination);
        return block === undefined ? [] : [addRoute(block, parseAddress(nextHop), index)];
      }),
    ]);
  } finally {
    inside.close();
  }
  if (wanted.advertising !== undefined) advertise(kernel, namespace, wanted.name, wanted.advertising);
  // Last, as who asks for them means more by it than we do.
  for (const [file, value] of wanted.sysctls)
    if (!kernel.writeSysctlInside(namespace, file, value)) throw invalidArgument(`/proc/sys/${file} is not a sysctl file`);
}

/**
 * What the interface must be told before it comes up. Without an address of it no IPv6: no link-local address, no router advertisement is sent or
 * taken. With one the neighbours are told at once who has it now: it may have been another's a moment ago.
 */
function ipv6Settings({ name, addresses, advertising }: InterfaceSettings): [name: string, value: string][] {
  const has = addresses.some(({ address }) => address.family === 6);
  const own = `net/ipv6/conf/${name}`;
  return has
    ? [
        [`${own}/disable_ipv6`, '0'],
        [`${own}/ndisc_notify`, advertising === undefined ? '1' : '0'],
      ]
    : [[`${own}/disable_ipv6`, '1']];
}
