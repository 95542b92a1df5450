import { invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';
import type { Namespaces } from './namespaces';

const ipc = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** Only what belongs to a namespace of the container may be set: anything else would change the host. */
export function compileSysctls(spec: Spec, namespaces: Namespaces): Operation[] {
  const has = (type: string) => namespaces.fresh.has(type) || namespaces.joined.has(type);
  return Object.entries(spec.linux?.sysctl ?? {}).map(([name, value]): Operation => {
    /* Dots separate, unless the name is written with slashes: then a dot is part of an interface's name. */
    const slashed = name.indexOf('/') >= 0 && (name.indexOf('.') < 0 || name.indexOf('/') < name.indexOf('.'));
    const path = slashed ? name : name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
    const dotted = path.replaceAll('/', '.');
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
      throw invalidArgument(`config.json: linux.sysctl: "${name}" is not a name`);
    const needs =
      ipc.has(dotted) || dotted.startsWith('fs.mqueue.')
        ? 'ipc'
        : dotted.startsWith('net.')
          ? 'network'
          : dotted === 'kernel.domainname' || dotted === 'kernel.hostname'
            ? 'uts'
            : undefined;
    if (needs === undefined) throw invalidArgument(`config.json: linux.sysctl: "${name}" is not in a separate kernel namespace`);
    if (!has(needs))
      throw invalidArgument(`config.json: linux.sysctl: "${name}" is not allowed without a ${needs} namespace of the container`);
    return ['SYSCTL', path, String(value)];
  });
}
