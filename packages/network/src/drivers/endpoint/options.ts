import { conflict, invalidArgument } from '@gantry/rpc';
import type { EndpointWish } from '../driver';
import { deviceName } from '../bridge/options';

const ENDPOINT = 'com.docker.network.endpoint.';
const NAME = `${ENDPOINT}ifname`;
const SYSCTLS = `${ENDPOINT}sysctls`;

/** The name that an endpoint's interface gets inside the sandbox: the one that is asked for, or the next free one. */
export function interfaceName(prefix: string, { name: endpoint, driverOptions, interfaces }: EndpointWish): string {
  const wanted = driverOptions[NAME] ?? '';
  if (wanted === '') return freeName(prefix, interfaces);
  if (interfaces.has(deviceName(wanted, NAME)) || wanted === 'lo')
    throw conflict(`error renaming interface of endpoint ${endpoint} to "${wanted}": file exists`);
  return wanted;
}

function freeName(prefix: string, taken: ReadonlySet<string>): string {
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

/** `net.ipv4.conf.IFNAME.forwarding=1`: the interface's name stands where docker's CLI may have made it lower case. */
const SYSCTL = /^net\.(ipv4|ipv6|mpls)\.([a-z0-9_-]+)\.(?:IFNAME|ifname)\.([a-z0-9_-]+)=(.*)$/s;

/** Settings of the interface that are asked for, in the words that the record keeps. Throws invalidArgument in dockerd's. */
export function interfaceSysctls({ driverOptions }: Pick<EndpointWish, 'driverOptions'>): readonly string[] {
  const asked = (driverOptions[SYSCTLS] ?? '').split(',').filter((text) => text !== '');
  const fault = asked.find((text) => !SYSCTL.test(text));
  if (fault === undefined) return asked;
  throw invalidArgument(
    `unrecognised network interface sysctl '${fault}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    { meta: { fault: 'endpoint settings' } },
  );
}

/** Such a setting as a file below /proc/sys and its value. */
export function sysctlFile(text: string, name: string): readonly [file: string, value: string] {
  const [, family, kind, key, value = ''] = SYSCTL.exec(text) ?? [];
  return [`net/${family}/${kind}/${name}/${key}`, value];
}
