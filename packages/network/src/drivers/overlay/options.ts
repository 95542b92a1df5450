import { invalidArgument } from '@gantry/rpc';
import { booleanOf, interfacePrefixOf, mtuOf } from '../bridge/options';

const MTU = 'com.docker.network.driver.mtu';
const PREFIX = 'com.docker.network.container_iface_prefix';
const VNIS = 'com.docker.network.driver.overlay.vxlanid_list';
const ENCRYPTED = 'encrypted';
const MOST_VNIS = 2 ** 24 - 1;

/** The options of a network of several engines, understood. Names are Docker's. */
export interface OverlayOptions {
  /** Undefined: what the way between the hosts leaves. */
  readonly mtu: number | undefined;
  readonly interfacePrefix: string | undefined;
  /** Undefined: any free one. */
  readonly vni: number | undefined;
  readonly encrypted: boolean;
}

/** Throws invalidArgument with the option's name. Any other key is its owner's own, but for those of bridges, which would be promises. */
export function readOverlayOptions(options: Readonly<Record<string, string>>, network: string): OverlayOptions {
  const bridges = Object.keys(options).find((key) => key.startsWith('com.docker.network.bridge.'));
  if (bridges !== undefined) throw invalidArgument(`network ${network}: driver overlay has no option "${bridges}"`);
  const { [MTU]: mtu, [PREFIX]: prefix, [VNIS]: vnis, [ENCRYPTED]: encrypted } = options;
  return {
    mtu: mtu === undefined ? undefined : mtuOf(mtu, MTU),
    interfacePrefix: prefix === undefined ? undefined : interfacePrefixOf(prefix, PREFIX),
    vni: vnis === undefined ? undefined : vniOf(vnis),
    encrypted: encrypted !== undefined && isOn(encrypted),
  };
}

/** The word alone is enough, as with docker. */
function isOn(text: string): boolean {
  const known = text === '' ? true : booleanOf(text);
  if (known === undefined) throw invalidArgument(`option ${ENCRYPTED}: "${text}" is neither true nor false`);
  return known;
}

/** A network has one subnet of a family, so the list has one number. */
function vniOf(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > MOST_VNIS)
    throw invalidArgument(`option ${VNIS}: "${text}" is no VXLAN id between 1 and ${MOST_VNIS}`);
  return number;
}

/** What the bridge of such a network on one host is told. */
export const bridgeOptions = ({ interfacePrefix }: OverlayOptions, mtu: number): Readonly<Record<string, string>> => ({
  [MTU]: String(mtu),
  ...(interfacePrefix === undefined ? {} : { [PREFIX]: interfacePrefix }),
});
