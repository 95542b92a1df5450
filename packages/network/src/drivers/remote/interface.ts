import { failedPrecondition } from '@gantry/rpc';
import { parseAddress, parseCidr, parseMac } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { addAddress, addRoute, setDefaultRoute } from '../../link/address';
import { moveLink, setMac, setUp } from '../../link/link';
import { findLink } from '../../link/stacked';
import { NetlinkConnection } from '../../netlink/connection';
import type { EndpointRecord } from '../../store/record';

const LOOPBACK_INDEX = 1;

/** Takes the interface that a plugin made on the host into the sandbox and configures it. A half-done run is finished by repeating it. */
export async function takeIn(
  kernel: NetworkKernel,
  route: NetlinkConnection,
  namespace: Namespace,
  endpoint: EndpointRecord,
): Promise<void> {
  const { hostInterface: source, interface: name } = endpoint;
  const outside = await find(route, source);
  if (outside !== undefined) await route.request([moveLink(outside, { name, netns: namespace.descriptor })]);
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    const index = await find(inside, name);
    if (index === undefined)
      throw failedPrecondition(`interface "${source}" of endpoint ${endpoint.name} is not there: the network's plugin made none`);
    const [mac, address, gateway] = [parseMac(endpoint.mac), parseAddress(endpoint.address), parseAddress(endpoint.gateway)];
    await inside.request([
      setUp(LOOPBACK_INDEX),
      ...(mac === undefined ? [] : [setMac(index, mac)]),
      ...(address === undefined ? [] : [addAddress(index, { address, prefix: endpoint.prefix })]),
      setUp(index),
      ...(endpoint.routes ?? []).flatMap(({ destination, nextHop }) => {
        const block = parseCidr(destination);
        return block === undefined ? [] : [addRoute(block, parseAddress(nextHop), index)];
      }),
      ...(endpoint.defaultRoute && gateway !== undefined ? [setDefaultRoute(gateway, index)] : []),
    ]);
  } finally {
    inside.close();
  }
}

/** Gives the interface back to the host under its own name, so that the plugin finds what it made. One that is gone is gone. */
export async function giveBack(
  kernel: NetworkKernel,
  namespace: Namespace,
  { hostInterface, interface: name }: Pick<EndpointRecord, 'hostInterface' | 'interface'>,
): Promise<void> {
  const host = kernel.namespace('/proc/self/ns/net');
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    const index = await find(inside, name);
    if (index !== undefined) await inside.request([moveLink(index, { name: hostInterface, netns: host.descriptor, down: true })]);
  } finally {
    inside.close();
    host.close();
  }
}

const find = async (connection: NetlinkConnection, name: string): Promise<number | undefined> => (await findLink(connection, name))?.index;
