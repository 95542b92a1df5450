import { invalidArgument } from '@gantry/rpc';
import type { Address, Cidr } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { addAddress, setDefaultRoute } from '../../link/address';
import { configurePort, createVeth, getLink, readLinks, setUp } from '../../link/link';
import { NetlinkConnection, isNetlinkError } from '../../netlink/connection';

const LOOPBACK_INDEX = 1;

export interface SandboxInterface {
  readonly hostName: string;
  readonly name: string;
  readonly mac: Buffer;
  readonly addresses: readonly Cidr[];
  /** Present when the default routes go through it. */
  readonly gateways: readonly Address[];
  readonly bridgeIndex: number;
  readonly mtu: number | undefined;
  /** The ports of the bridge may not talk to each other. */
  readonly isolated: boolean;
  /** Files below /proc/sys, and what is to be in them. */
  readonly sysctls: readonly (readonly [file: string, value: string])[];
}

/** Makes the interface and configures it. What is there already is kept, so a half-done run is finished by repeating it. */
export async function plug(kernel: NetworkKernel, route: NetlinkConnection, namespace: Namespace, wanted: SandboxInterface): Promise<void> {
  const port = configurePort(wanted.hostName, wanted.isolated);
  try {
    await route.request([
      createVeth({
        hostName: wanted.hostName,
        bridgeIndex: wanted.bridgeIndex,
        mtu: wanted.mtu,
        peerName: wanted.name,
        peerMac: wanted.mac,
        netns: namespace.descriptor,
      }),
      port,
    ]);
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
    await route.request([port]); // told apart by what follows: the peer is in the namespace, or the name belongs to somebody else
  }
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
    ]);
  } finally {
    inside.close();
  }
  // Last, as who asks for them means more by it than we do.
  for (const [file, value] of wanted.sysctls)
    if (!kernel.writeSysctlInside(namespace, file, value)) throw invalidArgument(`/proc/sys/${file} is not a sysctl file`);
}

/**
 * What the interface must be told before it comes up. Without an address of it no IPv6: no link-local address, no router advertisement is sent or
 * taken. With one the neighbours are told at once who has it now: it may have been another's a moment ago.
 */
function ipv6Settings({ name, addresses }: Pick<SandboxInterface, 'name' | 'addresses'>): [name: string, value: string][] {
  const has = addresses.some(({ address }) => address.family === 6);
  const own = `net/ipv6/conf/${name}`;
  return has
    ? [
        [`${own}/disable_ipv6`, '0'],
        [`${own}/ndisc_notify`, '1'],
      ]
    : [[`${own}/disable_ipv6`, '1']];
}

/** Sends the sandbox's default routes through the interface. */
export async function routeThrough(
  kernel: NetworkKernel,
  namespace: Namespace,
  wanted: { readonly name: string; readonly gateways: readonly Address[] },
): Promise<void> {
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    const [link] = readLinks(await inside.request([getLink(wanted.name)]));
    await inside.request(wanted.gateways.map((gateway) => setDefaultRoute(gateway, link?.index ?? 0)));
  } finally {
    inside.close();
  }
}

/** Only the loopback, up: what a sandbox of the `none` network has. */
export async function bringLoopbackUp(kernel: NetworkKernel, namespace: Namespace): Promise<void> {
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    await inside.request([setUp(LOOPBACK_INDEX)]);
  } finally {
    inside.close();
  }
}
