import { readFileSync } from 'node:fs';
import type { IdMapping, Spec } from '@gantry/oci';

/** An id inside the container as the host sees it; unmapped ids are left (-1). */
export function hostId(inside: number, mappings: readonly IdMapping[] | undefined): number {
  if (mappings === undefined || mappings.length === 0) return inside;
  const map = mappings.find((one) => inside >= one.containerID && inside < one.containerID + one.size);
  return map === undefined ? -1 : map.hostID + inside - map.containerID;
}

/** The map of a new user namespace, or of the one that is joined: of `init` once it runs, before of the process that is named. */
export function mappingsOf({ linux }: Spec, kind: 'uid' | 'gid', init?: number): readonly IdMapping[] | undefined {
  const path = linux?.namespaces?.find((one) => one.type === 'user')?.path;
  const pid = path === undefined ? undefined : /^\/proc\/(\d+)\/ns\/user$/.exec(path)?.[1];
  if (pid === undefined) return kind === 'uid' ? linux?.uidMappings : linux?.gidMappings;
  return parseMap(readFileSync(`/proc/${init ?? pid}/${kind}_map`, 'utf8'));
}

function parseMap(text: string): IdMapping[] {
  return text.split('\n').flatMap((line) => {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    return containerID === undefined || hostID === undefined || size === undefined ? [] : [{ containerID, hostID, size }];
  });
}
