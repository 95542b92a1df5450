import { conflict } from '@gantry/rpc';
import { type Cidr, formatCidr, formatMac } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { dumpAddresses, readAddresses } from '../../link/address';
import { deleteLink } from '../../link/link';
import { createStacked, findLink, type StackedLink } from '../../link/stacked';
import { isNetlinkError, NetlinkConnection } from '../../netlink/connection';

export interface InsideParts {
  readonly kernel: NetworkKernel;
  readonly route: NetlinkConnection;
  readonly namespace: Namespace;
}

/** Makes a link in the sandbox. One that is there stays if it is the wanted one: a restart of the service breaks no connection. */
export async function makeInside(
  { kernel, route, namespace }: InsideParts,
  wanted: StackedLink,
  addresses: readonly Cidr[],
): Promise<void> {
  const request = createStacked({ ...wanted, netns: namespace.descriptor });
  try {
    await route.request([request]);
    return;
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  }
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    if (await isThere(inside, wanted, addresses)) return;
    await inside.request([deleteLink(wanted.name)]); // of a connection that came to nothing
  } finally {
    inside.close();
  }
  await route.request([request]);
}

async function isThere(inside: NetlinkConnection, { kind, name, mac }: StackedLink, wanted: readonly Cidr[]): Promise<boolean> {
  const link = await findLink(inside, name);
  if (link === undefined || link.kind !== kind) throw conflict(`interface "${name}": file exists`);
  if (mac !== undefined) return link.mac === formatMac(mac);
  const present = readAddresses(await inside.request([dumpAddresses()])).filter(({ index }) => index === link.index);
  const texts = new Set(present.map(formatCidr));
  return wanted.every((address) => texts.has(formatCidr(address)));
}

/** Takes a link of the kind out of the sandbox. One that is gone is gone. */
export async function takeAway(
  kernel: NetworkKernel,
  namespace: Namespace,
  { kind, name }: Pick<StackedLink, 'kind' | 'name'>,
): Promise<void> {
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  try {
    if ((await findLink(inside, name))?.kind === kind) await inside.request([deleteLink(name)]);
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
  } finally {
    inside.close();
  }
}
