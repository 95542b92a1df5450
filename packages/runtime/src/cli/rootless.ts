import { accessSync, constants } from 'node:fs';
import type { Mapper } from '../compile/namespaces';

/** The set-uid programs of shadow-utils, where they are installed; looked for in fixed places, never in the caller's PATH. */
export function findMapper(): Mapper {
  const newuidmap = find('newuidmap');
  const newgidmap = find('newgidmap');
  return { ...(newuidmap ? { newuidmap } : {}), ...(newgidmap ? { newgidmap } : {}) };
}

function find(name: string): string | undefined {
  return ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin']
    .map((directory) => `${directory}/${name}`)
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false; /* not there */
      }
    });
}
