import { readFileSync } from 'node:fs';
import type { IdMapping } from '@gantry/oci';

export interface IdMaps {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** All ids of the host: what a process has that is in no user namespace of its own. */
const EVERY_ID = 2 ** 32 - 1;

/** The maps of a process' user namespace; undefined when it is the host's. Throws when the process is gone. */
export function mapsOfProcess(pid: number): IdMaps | undefined {
  const [uids, gids] = [read(pid, 'uid_map'), read(pid, 'gid_map')];
  const [first] = uids;
  return uids.length === 1 && first?.containerID === 0 && first.hostID === 0 && first.size === EVERY_ID ? undefined : { uids, gids };
}

function read(pid: number, name: string): IdMapping[] {
  return readFileSync(`/proc/${pid}/${name}`, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      return { containerID, hostID, size };
    });
}

export function sameMaps(a: IdMaps, b: IdMaps): boolean {
  const text = ({ uids, gids }: IdMaps): string => [uids, gids].map(formatIds).join(';');
  return text(a) === text(b);
}

/** INSIDE:OUTSIDE:COUNT[,...], as mount options and the C programs have it. */
export function formatIds(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(',');
}
