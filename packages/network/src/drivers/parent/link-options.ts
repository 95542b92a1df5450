import { invalidArgument } from '@gantry/rpc';
import { interfacePrefixOf, mtuOf } from '../bridge/options';
import type { ParentOptions } from './kinds';

const MTU = 'com.docker.network.driver.mtu';
const PREFIX = 'com.docker.network.container_iface_prefix';

/** What both kinds take. Any other key is its owner's own, kept and shown. */
export function readLinkOptions(
  options: Readonly<Record<string, string>>,
  kind: string,
): Pick<ParentOptions, 'parent' | 'mtu' | 'interfacePrefix'> {
  const { parent = '', [MTU]: mtu, [PREFIX]: prefix } = options;
  if (parent === 'lo') throw invalidArgument(`loopback interface is not a valid ${kind} parent link`);
  return {
    parent,
    mtu: mtu === undefined ? undefined : mtuOf(mtu, MTU),
    interfacePrefix: prefix === undefined ? 'eth' : interfacePrefixOf(prefix, PREFIX),
  };
}
