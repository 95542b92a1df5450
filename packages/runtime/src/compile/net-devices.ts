import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';
import type { Namespaces } from './namespaces';

/** Longest name of a network device, without its NUL (IFNAMSIZ). */
const LONGEST = 15;

/** Devices of the host that are moved to the container's network namespace. Throws invalidArgument. */
export function compileNetDevices(spec: Spec, namespaces: Namespaces): Operation[] {
  const devices = Object.entries(spec.linux?.netDevices ?? {});
  const path = namespaces.joined.get('network');
  if (devices.length > 0 && path === undefined && !namespaces.fresh.has('network'))
    throw invalidArgument('config.json: linux.netDevices need a network namespace of the container');
  const taken = new Set<string>();
  return devices.map(([name, { name: wanted }]): Operation => {
    const inside = wanted || name;
    for (const one of [name, inside]) checkName(one);
    if (taken.has(inside)) throw invalidArgument(`config.json: linux.netDevices: two devices are named "${inside}"`);
    taken.add(inside);
    return ['NET_DEVICE', name, inside, path ?? ''];
  });
}

function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > LONGEST || /[\s/:%\0]/.test(name))
    throw invalidArgument(`config.json: linux.netDevices: "${name}" is not a name of a network device`);
}
