import type { Cidr } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { addAddress, setDefaultRoute } from '../../link/address';
import { configurePort, createVeth, getLink, readLinks, setUp } from '../../link/link';
import { NetlinkConnection, isNetlinkError } from '../../netlink/connection';

const LOOPBACK_INDEX = 1;

export interface SandboxInterface {
  readonly hostName: string;
  readonly name: string;
  readonly mac: Buffer;
  readonly address: Cidr;
  /** Present when the default route goes through it. */
  readonly gateway: number | undefined;
  readonly bridgeIndex: number;
  readonly mtu: number | undefined;
  /** The ports of the bridge may not talk to each other. */
  readonly isolated: boolean;
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
  // No IPv6 on this interface before it comes up: no link-local address, no router advertisement is sent or taken.
  const inside = new NetlinkConnection(kernel.configure(namespace, [[`net/ipv6/conf/${wanted.name}/disable_ipv6`, '1']]));
  try {
    const [link] = readLinks(await inside.request([setUp(LOOPBACK_INDEX), getLink(wanted.name)]));
    const index = link?.index ?? 0;
    const route = wanted.gateway === undefined ? [] : [setDefaultRoute(wanted.gateway, index)];
    await inside.request([addAddress(index, wanted.address), setUp(index), ...route]);
  } finally {
    inside.close();
  }
}

/** Sends the sandbox's default route through the interface. */
export async function routeThrough(
  kernel: NetworkKernel,
  namespace: Namespace,
  wanted: { readonly name: string; readonly gateway: number },
): Promise<void> {
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    const [link] = readLinks(await inside.request([getLink(wanted.name)]));
    await inside.request([setDefaultRoute(wanted.gateway, link?.index ?? 0)]);
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
