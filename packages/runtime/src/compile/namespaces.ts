import { invalidArgument } from '@gantry/rpc/errors';
import type { IdMapping, Spec } from '@gantry/oci';
import { CLONE } from '../plan/kernel';
import type { Operation } from '../plan/operations';

export interface Namespaces {
  /** CLONE_NEW* for clone3. */
  readonly cloneFlags: number;
  readonly fresh: ReadonlySet<string>;
  readonly joined: ReadonlyMap<string, string>;
  readonly operations: readonly Operation[];
}

/** New ones by clone3 (cgroup and time by unshare in the child), given ones by path. */
export function compileNamespaces(spec: Spec): Namespaces {
  const fresh = new Set<string>();
  const joined = new Map<string, string>();
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    if (!(type in CLONE)) throw invalidArgument(`config.json: linux.namespaces: type "${String(type)}" is unknown`);
    if (fresh.has(type) || joined.has(type)) throw invalidArgument(`config.json: linux.namespaces: "${type}" is there twice`);
    if (path) joined.set(type, path);
    else fresh.add(type);
  }
  if (!fresh.has('mount')) throw invalidArgument('config.json: linux.namespaces: a new mount namespace is needed');
  if (joined.has('user')) throw invalidArgument('config.json: linux.namespaces: joining a user namespace by path is not supported');
  const operations: Operation[] = [];
  for (const [type, path] of joined) operations.push(['JOIN', CLONE[type as keyof typeof CLONE], path]);
  if (fresh.has('user')) {
    operations.push(['UID_MAP', formatMap(spec.linux?.uidMappings, 'linux.uidMappings')], ['GID_MAP', formatMap(spec.linux?.gidMappings, 'linux.gidMappings')]);
  } else if (spec.linux?.uidMappings?.length || spec.linux?.gidMappings?.length) {
    throw invalidArgument('config.json: linux.uidMappings and linux.gidMappings need a new user namespace');
  }
  let cloneFlags = 0;
  for (const type of fresh) if (type !== 'cgroup' && type !== 'time') cloneFlags |= CLONE[type as keyof typeof CLONE];
  return { cloneFlags: cloneFlags >>> 0, fresh, joined, operations };
}

function formatMap(mappings: readonly IdMapping[] | undefined, path: string): string {
  if (!mappings?.length) throw invalidArgument(`config.json: ${path} is empty, but there is a user namespace`);
  for (const [i, m] of mappings.entries()) {
    for (const value of [m.containerID, m.hostID, m.size]) {
      if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw invalidArgument(`config.json: ${path}[${i}] has a number out of range`);
    }
  }
  return mappings.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');
}
