import { isAbsolute } from 'node:path';
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

/** How the id maps of a new user namespace are written by a caller that is not root. */
export interface Mapper {
  /** Paths of newuidmap and newgidmap; without them only the caller's own ids can be mapped. */
  readonly newuidmap?: string;
  readonly newgidmap?: string;
}

/** New ones by clone3 (cgroup and time by unshare in the child), given ones by path. `mapper`: set when the caller is not root. */
export function compileNamespaces(spec: Spec, mapper?: Mapper): Namespaces {
  const fresh = new Set<string>();
  const joined = new Map<string, string>();
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    if (!(type in CLONE)) throw invalidArgument(`config.json: linux.namespaces: type "${String(type)}" is unknown`);
    if (fresh.has(type) || joined.has(type)) throw invalidArgument(`config.json: linux.namespaces: "${type}" is there twice`);
    if (path && !isAbsolute(path)) throw invalidArgument(`config.json: linux.namespaces: path "${path}" of "${type}" is not absolute`);
    if (path) joined.set(type, path);
    else fresh.add(type);
  }
  const operations: Operation[] = [];
  for (const [type, path] of joined) operations.push(['JOIN', CLONE[type as keyof typeof CLONE], path]);
  if (fresh.has('user')) {
    operations.push(...mapOperations(spec, mapper));
  } else if (mapper && !joined.has('user')) {
    throw invalidArgument('config.json: linux.namespaces: a caller that is not root needs a user namespace');
  } else if (spec.linux?.uidMappings?.length || spec.linux?.gidMappings?.length) {
    throw invalidArgument('config.json: linux.uidMappings and linux.gidMappings need a new user namespace');
  }
  let cloneFlags = 0;
  for (const type of fresh) if (type !== 'cgroup' && type !== 'time') cloneFlags |= CLONE[type as keyof typeof CLONE];
  return { cloneFlags: cloneFlags >>> 0, fresh, joined, operations };
}

/** One line that maps the caller itself may be written by anybody, after setgroups(2) was given up; more needs the set-uid programs. */
function mapOperations(spec: Spec, mapper: Mapper | undefined): Operation[] {
  const uids = formatMap(spec.linux?.uidMappings, 'linux.uidMappings');
  const gids = formatMap(spec.linux?.gidMappings, 'linux.gidMappings');
  if (!mapper)
    return [
      ['UID_MAP', uids, ''],
      ['GID_MAP', gids, ''],
    ];
  const single = (mappings: readonly IdMapping[] | undefined, own: number | undefined) =>
    mappings?.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === own;
  const needs = (program: string, path: string | undefined, field: string) => {
    if (path === undefined)
      throw invalidArgument(`config.json: ${field}: more than the caller's own id needs ${program}, which is not installed`);
    return path;
  };
  const uidProgram = single(spec.linux?.uidMappings, process.geteuid?.()) ? '' : needs('newuidmap', mapper.newuidmap, 'linux.uidMappings');
  const alone = single(spec.linux?.gidMappings, process.getegid?.());
  const gidProgram = alone ? '' : needs('newgidmap', mapper.newgidmap, 'linux.gidMappings');
  return [...(alone ? [['SETGROUPS', 'deny'] as Operation] : []), ['UID_MAP', uids, uidProgram], ['GID_MAP', gids, gidProgram]];
}

export function formatMap(mappings: readonly IdMapping[] | undefined, path: string): string {
  if (!mappings?.length) throw invalidArgument(`config.json: ${path} is empty, but there is a user namespace`);
  for (const [i, m] of mappings.entries()) {
    for (const value of [m.containerID, m.hostID, m.size]) {
      if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
        throw invalidArgument(`config.json: ${path}[${i}] has a number out of range`);
    }
  }
  return mappings.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join('');
}
