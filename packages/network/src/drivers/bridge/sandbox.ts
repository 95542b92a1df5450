import type { Address } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { setDefaultRoute } from '../../link/address';
import { configurePort, createVeth, getLink, readLinks, setUp } from '../../link/link';
import { NetlinkConnection, isNetlinkError } from '../../netlink/connection';
import { configureInside, type InterfaceSettings } from '../endpoint/configure';

const LOOPBACK_INDEX = 1;

export interface SandboxInterface extends Omit<InterfaceSettings, 'routes'> {
  readonly hostName: string;
  readonly mac: Buffer;
  readonly bridgeIndex: number;
  readonly mtu: number | undefined;
  /** The ports of the bridge may not talk to each other. */
  readonly isolated: boolean;
}

/** Makes the interface and configures it. What is there already is kept, so a half-done run is finished by repeating it. */
export async function plug(kernel: NetworkKernel, route: NetlinkConnection, namespace: Namespace, wanted: SandboxInterface): Promise<void> {
  const port = configurePort(wanted.hostName, wanted.isolated, wanted.mtu);
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
  await configureInside(kernel, namespace, { ...wanted, routes: [] });
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
