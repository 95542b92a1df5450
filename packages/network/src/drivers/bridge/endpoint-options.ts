import { conflict, notImplemented } from '@gantry/rpc';
import type { EndpointWish } from '../driver';
import { deviceName } from './options';

const ENDPOINT = 'com.docker.network.endpoint.';
const NAME = `${ENDPOINT}ifname`;
/** What dockerd's driver does more: refused by name. Any other key is its owner's own, kept and shown. */
const REFUSED: readonly string[] = [`${ENDPOINT}sysctls`];

/** The name that an endpoint's interface gets inside the sandbox: the one that is asked for, or the next free one. */
export function interfaceName(prefix: string, { name: endpoint, driverOptions, interfaces }: EndpointWish): string {
  for (const option of REFUSED)
    if (Object.hasOwn(driverOptions, option)) throw notImplemented(`endpoint ${endpoint}: driver option "${option}" is not supported`);
  const wanted = driverOptions[NAME] ?? '';
  if (wanted === '') return freeName(prefix, interfaces);
  if (interfaces.has(deviceName(wanted, NAME)) || wanted === 'lo')
    throw conflict(`endpoint ${endpoint}: option ${NAME}: interface "${wanted}": file exists`);
  return wanted;
}

function freeName(prefix: string, taken: ReadonlySet<string>): string {
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}
